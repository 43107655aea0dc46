package io.evomerge.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.evomerge.exception.CheckpointException;
import io.evomerge.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenizerFilesTest {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final AddedToken END = TestTokenizers.special(2, "<end>");
  private static final AddedToken START = TestTokenizers.special(3, "<start>");
  private static final AddedToken WORD = AddedToken.plain(4, "wörd");

  @TempDir Path folder;
  private final List<Checkpoint> opened = new ArrayList<>();

  @AfterEach
  void close() {
    opened.forEach(Checkpoint::close);
  }

  private Checkpoint model() throws IOException {
    TestCheckpoints.writeLlama(folder, 1, 4, DType.F32, 1);
    put("tokenizer.json", TestTokenizers.bpe(List.of("a", "b"), List.of(), END).toPrettyString());
    Checkpoint model = Checkpoints.open(folder);
    opened.add(model);
    return model;
  }

  private void put(String name, String text) {
    TestTokenizers.put(folder, name, text);
  }

  private static Map<String, CompanionFile> byName(TokenizerFiles files) {
    Map<String, CompanionFile> byName = new TreeMap<>();
    files.files().forEach(file -> byName.put(file.name(), file));
    return byName;
  }

  private static JsonNode json(CompanionFile file) throws IOException {
    return JSON.readTree(((CompanionFile.Text) file).text());
  }

  @Test
  void withoutChangesAllFilesOfTheTokenizerAreCopied() throws IOException {
    put("tokenizer_config.json", "{}");
    put("vocab.json", "{}");
    put("generation_config.json", "{}");
    TokenizerFiles files = TokenizerFiles.of(model());
    assertThat(files.unchanged()).isTrue();
    assertThat(byName(files))
        .containsOnlyKeys("tokenizer.json", "tokenizer_config.json", "vocab.json");
    assertThat(files.files()).allMatch(CompanionFile.Copy.class::isInstance);
  }

  @Test
  void addedTokensAppearWhereLoadersLookForThem() throws IOException {
    put(
        "tokenizer_config.json",
        "{\"model_max_length\": 1000000000000000019884624838656, \"x\": 1e-05,"
            + " \"added_tokens_decoder\": {\"2\": {\"content\": \"<end>\"}}}");
    put("added_tokens.json", "{\"<end>\": 2}");
    put("special_tokens_map.json", "{\"eos_token\": \"<end>\"}");
    put("vocab.json", "{\"a\": 0, \"b\": 1}");
    put("merges.txt", "#version: 0.2\n");
    TokenizerFiles files = TokenizerFiles.of(model()).withTokens(List.of(START, WORD));
    Map<String, CompanionFile> byName = byName(files);

    assertThat(files.unchanged()).isFalse();
    JsonNode tokenizer = json(byName.get("tokenizer.json"));
    assertThat(tokenizer.get("added_tokens"))
        .containsExactly(END.entry(), START.entry(), WORD.entry());
    String config = ((CompanionFile.Text) byName.get("tokenizer_config.json")).text();
    assertThat(config).contains("1000000000000000019884624838656, \"x\": 1e-05,");
    JsonNode decoder = JSON.readTree(config).get("added_tokens_decoder");
    assertThat(decoder.get("3")).isEqualTo(START.decoderEntry());
    assertThat(decoder.get("4")).isEqualTo(WORD.decoderEntry());
    assertThat(decoder.get("2")).isEqualTo(JSON.readTree("{\"content\": \"<end>\"}"));
    assertThat(json(byName.get("added_tokens.json")))
        .isEqualTo(JSON.readTree("{\"<end>\": 2, \"<start>\": 3, \"wörd\": 4}"));
    for (String kept : List.of("special_tokens_map.json", "vocab.json", "merges.txt")) {
      assertThat(byName.get(kept)).isInstanceOf(CompanionFile.Copy.class);
    }
  }

  @Test
  void aDecoderThatIsNotThereIsMadeOfAllAddedTokens() throws IOException {
    Map<String, CompanionFile> files =
        byName(TokenizerFiles.of(model()).withTokens(List.of(START)));
    assertThat(files).containsOnlyKeys("tokenizer.json", "tokenizer_config.json");
    assertThat(json(files.get("tokenizer_config.json")).get("added_tokens_decoder"))
        .containsExactly(END.decoderEntry(), START.decoderEntry());
  }

  @Test
  void filesThatCannotHoldAddedTokensAreLeftOut() throws IOException {
    for (String name : List.of("tekken.json", "qwen.tiktoken", "tokenizer.model.v3")) {
      put(name, "{}");
    }
    put("tokenizer.model", "x");
    Checkpoint model = model();
    assertThat(byName(TokenizerFiles.of(model))).containsKeys("tekken.json", "qwen.tiktoken");
    assertThat(byName(TokenizerFiles.of(model).withTokens(List.of(START))))
        .containsOnlyKeys("tokenizer.json", "tokenizer_config.json", "tokenizer.model");
  }

  @Test
  void aChatTemplateGoesWhereverTheModelHasOne() throws IOException {
    String template = "{% for m in messages %}\n\"{{ m }}\"{% endfor %}";
    Checkpoint model = model();
    Map<String, CompanionFile> files = byName(TokenizerFiles.of(model).withChatTemplate(template));
    assertThat(files).containsOnlyKeys("tokenizer.json", "tokenizer_config.json");
    assertThat(files.get("tokenizer.json")).isInstanceOf(CompanionFile.Copy.class);
    assertThat(json(files.get("tokenizer_config.json")).get("chat_template").textValue())
        .isEqualTo(template);

    put("tokenizer_config.json", "{\"chat_template\": [{\"name\": \"x\"}], \"a\": 1}");
    put("chat_template.jinja", "old");
    put("chat_template.json", "{\"chat_template\": \"old\"}");
    model = model();
    files = byName(TokenizerFiles.of(model).withChatTemplate(template));
    assertThat(files.get("chat_template.jinja"))
        .isEqualTo(new CompanionFile.Text("chat_template.jinja", template));
    for (String name : List.of("chat_template.json", "tokenizer_config.json")) {
      assertThat(json(files.get(name)).get("chat_template").textValue()).isEqualTo(template);
    }
    assertThat(json(files.get("tokenizer_config.json")).get("a").intValue()).isOne();
  }

  @Test
  void filesAreWrittenIntoAFolder(@TempDir Path target) throws IOException {
    put("vocab.json", "{\"ü\": 0}");
    for (CompanionFile file : TokenizerFiles.of(model()).withTokens(List.of(START, WORD)).files()) {
      file.writeTo(target);
    }
    assertThat(target.resolve("vocab.json")).hasSameBinaryContentAs(folder.resolve("vocab.json"));
    assertThat(Files.readString(target.resolve("tokenizer.json"))).contains("wörd");
  }

  @Test
  void damagedFilesAreNamed() throws IOException {
    put("tokenizer_config.json", "[]");
    Checkpoint model = model();
    assertThatThrownBy(() -> TokenizerFiles.of(model).withChatTemplate("{{").files())
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("tokenizer_config.json");
    Files.delete(folder.resolve("tokenizer.json"));
    Checkpoint bare = Checkpoints.open(folder);
    opened.add(bare);
    assertThatThrownBy(() -> TokenizerFiles.of(bare).withTokens(List.of(START)).files())
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("has no tokenizer.json");
  }

  @Test
  void theVocabularySaysModelAndAddedTokens() throws IOException {
    Vocabulary vocabulary = Vocabulary.of(model()).orElseThrow();
    assertThat(vocabulary.ids())
        .containsOnly(Map.entry("a", 0), Map.entry("b", 1), Map.entry("<end>", 2));
    assertThat(vocabulary.tokens()).containsEntry(2, "<end>").hasSize(3);
    assertThat(vocabulary.addedTokens()).containsOnly(Map.entry("<end>", END));
    assertThat(vocabulary.modelType()).contains("BPE");
    assertThat(vocabulary.maxId()).isEqualTo(2);
    assertThat(vocabulary.nextId()).isEqualTo(3);
    assertThat(vocabulary.id("c")).isEmpty();
  }

  @Test
  void anAddedTokenThatTheModelHasKeepsTheModelsId() throws IOException {
    model();
    put(
        "tokenizer.json",
        TestTokenizers.bpe(List.of("a", "b"), List.of(), TestTokenizers.special(7, "a"))
            .toString());
    Vocabulary vocabulary = Vocabulary.of(opened.get(0)).orElseThrow();
    assertThat(vocabulary.ids()).containsOnly(Map.entry("a", 0), Map.entry("b", 1));
    assertThat(vocabulary.addedTokens().get("a").id()).isZero();
    assertThat(vocabulary.nextId()).isEqualTo(2);
  }

  @Test
  void theTypeOfAModelThatIsNotNamedShowsInWhatItHas() throws IOException {
    Checkpoint model = model();
    Map<String, String> types =
        Map.of(
            "{\"vocab\":{\"a\":0},\"merges\":[]}", "BPE",
            "{\"vocab\":[[\"a\",0.5]]}", "Unigram",
            "{\"vocab\":{\"a\":0},\"max_input_chars_per_word\":9}", "WordPiece",
            "{\"vocab\":{\"a\":0},\"unk_token\":\"a\"}", "WordLevel",
            "{\"type\":\"BPE\",\"vocab\":{\"a\":0}}", "BPE");
    types.forEach(
        (json, type) -> {
          put("tokenizer.json", "{\"model\":" + json + "}");
          Vocabulary vocabulary = Vocabulary.of(model).orElseThrow();
          assertThat(vocabulary.modelType()).as(json).contains(type);
          assertThat(vocabulary.nextId()).isOne();
        });
  }
}
