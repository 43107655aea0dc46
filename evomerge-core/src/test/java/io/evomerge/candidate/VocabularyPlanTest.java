package io.evomerge.candidate;

import static io.evomerge.candidate.TokenModels.EMBEDDINGS;
import static io.evomerge.candidate.TokenModels.HEAD;
import static io.evomerge.candidate.TokenModels.special;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.evomerge.candidate.RowSource.Mean;
import io.evomerge.candidate.RowSource.Row;
import io.evomerge.candidate.RowSource.Zeros;
import io.evomerge.checkpoint.AddedToken;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointWriter;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.CompanionFile;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.TestCheckpoints;
import io.evomerge.checkpoint.TestTokenizers;
import io.evomerge.checkpoint.Vocabulary;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeOperators;
import io.evomerge.merge.MergeTask;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.TokenEmbedding;
import io.evomerge.recipe.VocabularyChoice;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorBuffer;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import io.evomerge.testing.TestSeeds;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VocabularyPlanTest {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final VocabularyChoice BASE = VocabularyChoice.base();
  private static final VocabularyChoice UNION = VocabularyChoice.union();

  @TempDir Path root;
  private TokenModels models;

  @BeforeEach
  void start() {
    models = new TokenModels(root);
  }

  @AfterEach
  void close() {
    models.close();
  }

  private static VocabularyPlan plan(
      VocabularyChoice choice, Checkpoint base, Checkpoint... sources) {
    return VocabularyPlan.of(choice, Optional.of(base), List.of(sources));
  }

  private static VocabularyPlan withoutBase(VocabularyChoice choice, Checkpoint... sources) {
    return VocabularyPlan.of(choice, Optional.empty(), List.of(sources));
  }

  private static VocabularyChoice with(
      VocabularyChoice choice, String token, TokenEmbedding embedding) {
    return choice.withTokens(Map.of(token, embedding));
  }

  private static List<RowSource> rows(VocabularyPlan plan, String model) {
    List<RowSource> rows = new ArrayList<>();
    for (int row = 0; row < plan.rows(); row++) {
      rows.add(plan.rowSource(model, row));
    }
    return rows;
  }

  private static Row row(String model, int row) {
    return new Row(model, row);
  }

  @Test
  void theBasesTokensKeepTheirRowsAndOthersComeToThem() {
    Checkpoint base = models.bpe("base", List.of("a", "b", "c")).open();
    Checkpoint ja = models.bpe("ja", List.of("c", "x", "a")).open();
    VocabularyPlan plan = plan(BASE, base, ja);
    assertThat(plan.tokens())
        .containsExactly(Map.entry("a", 0), Map.entry("b", 1), Map.entry("c", 2));
    assertThat(plan.rows()).isEqualTo(3);
    assertThat(plan.tokenizerModel()).isSameAs(base);
    assertThat(plan.addedTokens()).isEmpty();
    assertThat(plan.isIdentity("base")).isTrue();
    assertThat(plan.isIdentity("ja")).isFalse();
    assertThat(rows(plan, "ja")).containsExactly(row("ja", 2), row("base", 1), row("ja", 0));
    assertThat(plan.view(base, EMBEDDINGS)).isEqualTo(base.tensor(EMBEDDINGS));
    assertThat(plan.view(ja, "model.norm.weight").info().shape()).containsExactly(4L);
  }

  @Test
  void aUnionHasTheBasesTokensThenOrdinaryOnesThenAddedOnesThenNamedOnes() {
    Checkpoint base = models.bpe("base", List.of("a", "b"), special(2, "<end>")).open();
    Checkpoint one = models.bpe("one", List.of("a", "x", "<say>"), special(3, "<one>")).open();
    Checkpoint two =
        models.bpe("two", List.of("y", "x"), special(2, "<say>"), special(3, "<end>")).open();
    VocabularyPlan plan =
        plan(with(UNION, "<new>", TokenEmbedding.ofToken("two", "y")), base, one, two);
    assertThat(plan.tokens())
        .containsExactly(
            Map.entry("a", 0),
            Map.entry("b", 1),
            Map.entry("<end>", 2),
            Map.entry("x", 3),
            Map.entry("y", 4),
            Map.entry("<one>", 5),
            Map.entry("<say>", 6),
            Map.entry("<new>", 7));
    assertThat(plan.addedTokens())
        .containsExactly(
            AddedToken.plain(3, "x"),
            AddedToken.plain(4, "y"),
            special(5, "<one>"),
            special(6, "<say>"),
            AddedToken.plain(7, "<new>"));
    assertThat(rows(plan, "base"))
        .containsExactly(
            row("base", 0),
            row("base", 1),
            row("base", 2),
            new Mean(List.of(row("one", 1), row("two", 1))),
            row("two", 0),
            row("one", 3),
            new Mean(List.of(row("one", 2), row("two", 2))),
            row("two", 0));
    assertThat(rows(plan, "two"))
        .containsExactly(
            row("base", 0),
            row("base", 1),
            row("two", 3),
            row("two", 1),
            row("two", 0),
            row("one", 3),
            row("two", 2),
            row("two", 0));
  }

  @Test
  void aUnionOfEqualVocabulariesIsTheIdentity() {
    List<Checkpoint> all = new ArrayList<>();
    for (String name : List.of("base", "one", "two")) {
      all.add(models.bpe(name, List.of("a", "b"), special(2, "<end>")).open());
    }
    VocabularyPlan plan = VocabularyPlan.of(UNION, Optional.of(all.get(0)), all.subList(1, 3));
    for (Checkpoint model : all) {
      assertThat(plan.isIdentity(model.name())).isTrue();
      assertThat(plan.view(model, HEAD)).isEqualTo(model.tensor(HEAD));
      ModelConfig config = model.config().orElseThrow();
      assertThat(plan.config(model, config)).isEqualTo(config);
    }
    assertThat(plan.companions(all.get(0), Optional.empty()))
        .containsExactly(new CompanionFile.Copy(root.resolve("base/tokenizer.json")));
    assertThat(plan.tokenizerFiles(Optional.empty()).unchanged()).isTrue();
  }

  @Test
  void withoutABaseTheFirstSourceGivesTheTokenizerButRowsAreMeans() {
    Checkpoint one = models.bpe("one", List.of("a", "b")).open();
    Checkpoint two = models.bpe("two", List.of("b", "a", "c")).open();
    Checkpoint three = models.bpe("three", List.of("c")).open();
    VocabularyPlan plan = withoutBase(UNION, one, two, three);
    assertThat(plan.tokenizerModel()).isSameAs(one);
    assertThat(rows(plan, "three"))
        .containsExactly(
            new Mean(List.of(row("one", 0), row("two", 1))),
            new Mean(List.of(row("one", 1), row("two", 0))),
            row("three", 0));
    assertThat(rows(plan, "one").get(2))
        .isEqualTo(new Mean(List.of(row("two", 2), row("three", 0))));
  }

  @Test
  void theTokenizerOfANamedModelIsTakenButMissingRowsAreTheBases() {
    Checkpoint base = models.bpe("base", List.of("a", "b")).open();
    Checkpoint ja = models.bpe("ja", List.of("b", "x", "y")).open();
    Checkpoint math = models.bpe("math", List.of("y")).open();
    VocabularyPlan plan = plan(VocabularyChoice.of("ja"), base, ja, math);
    assertThat(plan.tokens().keySet()).containsExactly("b", "x", "y");
    assertThat(rows(plan, "math")).containsExactly(row("base", 1), row("ja", 1), row("math", 0));
    assertThat(rows(plan, "base"))
        .containsExactly(
            row("base", 1), row("ja", 1), new Mean(List.of(row("ja", 2), row("math", 0))));
  }

  @Test
  void aBaseThatIsAlsoASourceCountsOnce() {
    Checkpoint base = models.bpe("base", List.of("a")).open();
    Checkpoint ja = models.bpe("ja", List.of("a", "x")).open();
    VocabularyPlan plan = plan(UNION, base, base, ja);
    assertThat(rows(plan, "base")).containsExactly(row("base", 0), row("ja", 1));
  }

  @Test
  void namedEmbeddingsAreTakenByModelsWithoutTheTokenAndByAllIfForced() {
    Checkpoint base = models.bpe("base", List.of("a", "b")).open();
    Checkpoint ja = models.bpe("ja", List.of("x", "b")).open();
    Map<TokenEmbedding, RowSource> cases = new LinkedHashMap<>();
    cases.put(TokenEmbedding.zero(), new Zeros());
    cases.put(TokenEmbedding.ofModel("base"), row("base", 0));
    cases.put(TokenEmbedding.ofToken("ja", "x"), row("ja", 0));
    cases.put(TokenEmbedding.ofId("ja", 1), row("ja", 1));
    cases.put(TokenEmbedding.byDefault(), row("base", 0));
    cases.forEach(
        (embedding, expected) -> {
          VocabularyPlan plan = plan(with(BASE, "a", embedding), base, ja);
          assertThat(rows(plan, "base")).containsExactly(row("base", 0), row("base", 1));
          assertThat(rows(plan, "ja")).containsExactly(expected, row("ja", 1));
          plan = plan(with(BASE, "a", embedding.forced()), base, ja);
          assertThat(rows(plan, "base")).containsExactly(expected, row("base", 1));
          assertThat(rows(plan, "ja")).containsExactly(expected, row("ja", 1));
        });
  }

  @Test
  void aNamedTokenThatTheTokenizerLacksIsAddedWithTheFlagsThatAModelGivesIt() {
    Checkpoint base = models.bpe("base", List.of("a"), special(1, "<end>")).open();
    Checkpoint chat = models.bpe("chat", List.of("a"), special(1, "<say>")).open();
    VocabularyPlan plan = plan(with(BASE, "<say>", TokenEmbedding.byDefault()), base, chat);
    assertThat(plan.addedTokens()).containsExactly(special(2, "<say>"));
    assertThat(rows(plan, "base")).containsExactly(row("base", 0), row("base", 1), row("chat", 1));
    plan = plan(with(BASE, "<new>", TokenEmbedding.zero()), base, chat);
    assertThat(plan.addedTokens()).containsExactly(AddedToken.plain(2, "<new>"));
    assertThat(rows(plan, "chat").get(2)).isEqualTo(new Zeros());
  }

  @Test
  void wordsThatAreAddedToATokenizerOfWordsMustStandAlone() {
    Checkpoint base = models.of("base", TestTokenizers.words(List.of("?", "cat")), 2).open();
    Checkpoint ja = models.of("ja", TestTokenizers.words(List.of("?", "dog")), 2).open();
    assertThat(plan(UNION, base, ja).addedTokens())
        .containsExactly(new AddedToken(2, "dog", true, false, false, true, false));
  }

  @Test
  void rowsAboveTheTokensStayWhereTheTokenizerDoes() {
    Checkpoint base = models.bpe("base", List.of("a", "b")).rows(6).open();
    Checkpoint ja = models.bpe("ja", List.of("b", "a", "x")).rows(5).open();
    VocabularyPlan plan = plan(BASE, base, ja);
    assertThat(plan.rows()).isEqualTo(6);
    assertThat(plan.isIdentity("base")).isTrue();
    assertThat(rows(plan, "ja"))
        .containsExactly(
            row("ja", 1), row("ja", 0), row("base", 2), row("ja", 3), row("ja", 4), row("base", 5));
    assertThat(plan.config(ja, ja.config().orElseThrow()).integer("vocab_size")).hasValue(6);

    plan = plan(with(BASE, "x", TokenEmbedding.byDefault()), base, ja);
    assertThat(plan.rows()).isEqualTo(6);
    assertThat(rows(plan, "base").get(2)).isEqualTo(row("ja", 2));
    assertThat(plan(VocabularyChoice.of("ja"), base, ja).rows()).isEqualTo(5);
    assertThat(plan(UNION, base, ja).rows()).isEqualTo(3);
    assertThat(plan(UNION, base, base).rows()).isEqualTo(2);
  }

  @Test
  void rowsArePaddedWithZerosWhereItIsAskedFor() {
    Checkpoint base = models.bpe("base", List.of("a", "b")).rows(6).open();
    Checkpoint ja = models.bpe("ja", List.of("b", "a", "x")).open();
    VocabularyPlan plan = plan(BASE.paddedTo(4), base, ja);
    assertThat(plan.rows()).isEqualTo(4);
    assertThat(rows(plan, "base"))
        .containsExactly(row("base", 0), row("base", 1), new Zeros(), new Zeros());
    assertThat(plan(UNION.paddedTo(3), base, ja).rows()).isEqualTo(3);
    assertThat(plan(UNION.paddedTo(8), base, ja).rows()).isEqualTo(8);
    assertThat(plan(BASE.paddedTo(1), base, ja).rows()).isEqualTo(2);
  }

  @Test
  void aGapBetweenIdsIsARowWithoutAToken() {
    var tokenizer = TestTokenizers.bpe(List.of("a", "b"), List.of());
    tokenizer.withObject("/model/vocab").put("z", 3);
    Checkpoint base = models.of("base", tokenizer, 4).open();
    Checkpoint ja = models.bpe("ja", List.of("z", "b", "a")).open();
    VocabularyPlan plan = plan(BASE, base, ja);
    assertThat(rows(plan, "ja"))
        .containsExactly(row("ja", 2), row("ja", 1), row("base", 2), row("ja", 0));
    assertThat(plan(UNION, base, ja).rows()).isEqualTo(4);
    Checkpoint more = models.bpe("more", List.of("x")).open();
    assertThatThrownBy(() -> plan(UNION, base, more))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("its ids have gaps: a loader would give the next one the id 3");
  }

  @Test
  void tokensBeyondTheEmbeddingsCountAsLackingUnlessTheirModelGivesTheTokenizer() {
    Checkpoint base = models.bpe("base", List.of("a", "b")).open();
    Checkpoint padded = models.bpe("padded", List.of("b", "a", "u", "v")).rows(2).open();
    VocabularyPlan plan = plan(UNION, base, padded);
    assertThat(plan.tokens()).hasSize(2);
    assertThat(rows(plan, "padded")).containsExactly(row("padded", 1), row("padded", 0));
    assertThatThrownBy(() -> plan(VocabularyChoice.of("padded"), base, padded))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining(
            "'padded' gives the tokenizer, but its embeddings have 2 rows, which none is for 'u',"
                + " 'v'");
  }

  @Test
  void allMistakesAreListedAtOnce() {
    Checkpoint base = models.bpe("base", List.of("a", "b")).open();
    Checkpoint bare = models.of("bare", JsonNodeFactory.instance.objectNode(), 3).width(6).open();
    Checkpoint words = models.of("words", TestTokenizers.words(List.of("a", "w")), 2).open();
    Map<String, TokenEmbedding> tokens = new LinkedHashMap<>();
    tokens.put("t", TokenEmbedding.ofModel("base"));
    tokens.put("u", TokenEmbedding.ofToken("words", "x"));
    tokens.put("v", TokenEmbedding.ofId("base", 2));
    tokens.put("w", TokenEmbedding.ofModel("wrods"));
    assertThatThrownBy(() -> plan(UNION.withTokens(tokens), base, bare, words))
        .isInstanceOfSatisfying(
            ConfigurationException.class,
            e ->
                assertThat(e.problems())
                    .satisfiesExactly(
                        p ->
                            assertThat(p)
                                .startsWith("'bare' has no tokenizer.json")
                                .contains("save_pretrained"),
                        p ->
                            assertThat(p)
                                .startsWith(
                                    "the embeddings have different widths: 4 of base, words; 6 of bare"),
                        p ->
                            assertThat(p)
                                .startsWith(
                                    "the tokens 'w' of 'words' cannot join those of 'base', as one tokenizer is WordLevel, the other BPE"),
                        p -> assertThat(p).startsWith("token 't': 'base' has no such token"),
                        p -> assertThat(p).startsWith("token 'u': 'words' has no token 'x'"),
                        p ->
                            assertThat(p)
                                .startsWith("token 'v': 'base' has no row 2, but rows 0 to 1"),
                        p -> assertThat(p).contains("'wrods'", "did you mean 'words'?")));
  }

  @Test
  void aTokenOfNoModelNeedsAnEmbedding() {
    Checkpoint base = models.bpe("base", List.of("a")).open();
    assertThatThrownBy(() -> plan(with(BASE, "t", TokenEmbedding.byDefault()), base, base))
        .isInstanceOf(ConfigurationException.class)
        .hasMessage("vocabulary: token 't' is in no model; say where its embedding comes from");
    assertThatThrownBy(() -> plan(VocabularyChoice.of("bsae"), base, base))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("'bsae', which is none of the models; did you mean 'base'?");
  }

  @Test
  void unigramTokenizersJoinOnlyWhereTheirPiecesAreTheSame() {
    Checkpoint base = models.of("base", TestTokenizers.unigram(List.of("?", "a")), 2).open();
    Checkpoint chat =
        models.of("chat", TestTokenizers.unigram(List.of("?", "a"), special(2, "<say>")), 3).open();
    Checkpoint other = models.of("other", TestTokenizers.unigram(List.of("?", "b")), 2).open();
    assertThat(plan(UNION, base, chat).addedTokens()).containsExactly(special(2, "<say>"));
    assertThat(plan(BASE, base, other).rows()).isEqualTo(2);
    assertThatThrownBy(() -> plan(UNION, base, other))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("scores of two Unigram tokenizers cannot be compared");
  }

  @Test
  void aHeadWithOtherRowsThanTheEmbeddingsIsRefused() throws IOException {
    Checkpoint base = models.bpe("base", List.of("a")).open();
    Map<String, List<Long>> shapes = new TreeMap<>(TestCheckpoints.llamaShapes(1, 4, 8, 1));
    shapes.put(HEAD, List.of(2L, 4L));
    Path folder = models.bpe("odd", List.of("a")).write();
    TestCheckpoints.write(
        folder,
        TestCheckpoints.random(shapes, 1),
        shapes,
        DType.F32,
        TestCheckpoints.llamaConfig(1, 4).put("vocab_size", 1));
    try (Checkpoint odd = Checkpoints.open(folder)) {
      assertThatThrownBy(() -> plan(BASE, base, odd))
          .isInstanceOf(ConfigurationException.class)
          .hasMessageContaining(
              "'odd': 'lm_head.weight' has 2 rows, 'model.embed_tokens.weight' has 1");
    }
  }

  @Test
  void idsOfSpecialTokensMoveWithTheirTokens() throws IOException {
    Checkpoint base =
        models
            .bpe("base", List.of("a", "</s>", "<pad>"))
            .config("eos_token_id", 1)
            .config("pad_token_id", 2)
            .config("bos_token_id", 0)
            .config("image_token_index", -1)
            .config("num_special", 2)
            .file(
                "generation_config.json",
                "{\"eos_token_id\": [1, 2], \"pad_token_id\": 2, \"temperature\": 1e-01}")
            .file("LICENSE", "free")
            .open();
    Checkpoint chat =
        models
            .bpe("chat", List.of("x", "a", "</s>"))
            .config("pad_token_id", 0)
            .file("generation_config.json", "{\"eos_token_id\": 2}")
            .open();
    VocabularyPlan plan = plan(VocabularyChoice.of("chat"), base, chat);
    JsonNode config = plan.config(base, base.config().orElseThrow()).json();
    assertThat(config.get("eos_token_id").intValue()).isEqualTo(2);
    assertThat(config.get("bos_token_id").intValue()).isEqualTo(1);
    assertThat(config.get("pad_token_id").intValue()).isZero();
    assertThat(config.get("image_token_index").intValue()).isEqualTo(-1);
    assertThat(config.get("num_special").intValue()).isEqualTo(2);
    assertThat(config.get("vocab_size").intValue()).isEqualTo(3);

    Map<String, CompanionFile> files = new TreeMap<>();
    plan.companions(base, Optional.of("{{ x }}")).forEach(file -> files.put(file.name(), file));
    assertThat(files)
        .containsOnlyKeys(
            "generation_config.json", "tokenizer.json", "tokenizer_config.json", "LICENSE");
    assertThat(((CompanionFile.Text) files.get("generation_config.json")).text())
        .isEqualTo("{\"eos_token_id\": [2], \"pad_token_id\": null, \"temperature\": 1e-01}");
    assertThat(files.get("tokenizer.json"))
        .isEqualTo(new CompanionFile.Copy(root.resolve("chat/tokenizer.json")));
    assertThat(files.get("LICENSE"))
        .isEqualTo(new CompanionFile.Copy(root.resolve("base/LICENSE")));
    assertThat(plan.companions(chat, Optional.empty()))
        .contains(new CompanionFile.Copy(root.resolve("chat/generation_config.json")));
  }

  @Test
  void theNumberOfRowsIsWrittenWhereTheConfigurationHasIt() throws IOException {
    Checkpoint base = models.bpe("base", List.of("a")).open();
    Checkpoint ja = models.bpe("ja", List.of("x", "y")).open();
    VocabularyPlan plan = plan(UNION, base, ja);
    for (String[] pair :
        new String[][] {
          {"{\"vocab_size\": 1}", "{\"vocab_size\": 3}"},
          {
            "{\"text_config\": {\"vocab_size\": 1, \"eos_token_id\": 0}}",
            "{\"text_config\": {\"vocab_size\": 3, \"eos_token_id\": 0}}"
          },
          {
            "{\"vocab_size\": 1, \"vision_config\": {\"vocab_size\": 1}}",
            "{\"vocab_size\": 3, \"vision_config\": {\"vocab_size\": 1}}"
          },
          {"{}", "{\"vocab_size\": 3}"}
        }) {
      ModelConfig before = ModelConfig.of(JSON.readTree(pair[0]).deepCopy());
      assertThat(plan.config(base, before).json()).isEqualTo(JSON.readTree(pair[1]));
    }
  }

  @Test
  void aTokenOfOneSourceComesThroughATaskArithmeticMergeWithItsWeight() {
    Checkpoint base = models.bpe("base", List.of("a", "b")).open();
    Checkpoint ja = models.bpe("ja", List.of("x", "b", "a")).open();
    Checkpoint math = models.bpe("math", List.of("a", "b")).open();
    VocabularyPlan plan = plan(UNION, base, ja, math);
    TensorInfo info = plan.view(base, EMBEDDINGS).info();
    assertThat(info.shape()).containsExactly(3L, 4L);
    MergeOperator operator = MergeOperators.standard().get("task_arithmetic");
    TensorBuffer merged = TensorBuffer.allocate(info);
    operator.merge(
        MergeTask.builder(info)
            .embedding(true)
            .base(plan.view(base, EMBEDDINGS))
            .source("ja", plan.view(ja, EMBEDDINGS))
            .source("math", plan.view(math, EMBEDDINGS))
            .parameters(
                MergeRecipe.builder("task_arithmetic")
                    .source(ja.ref())
                    .source(math.ref())
                    .perSource("weight", 1, 0)
                    .build()
                    .parametersFor(
                        EMBEDDINGS, base.layout().role(EMBEDDINGS), operator.parameters()))
            .build(),
        merged);
    float[] got = TinyModels.floats(merged);
    float[] rows = TestCheckpoints.read(ja, EMBEDDINGS);
    assertThat(slice(got, 0, 4)).containsExactly(slice(rows, 2, 4), within(1e-6f));
    assertThat(slice(got, 1, 4)).containsExactly(slice(rows, 1, 4), within(1e-6f));
    assertThat(slice(got, 2, 4)).containsExactly(slice(rows, 0, 4));
  }

  @Test
  void theFilesGoBesideTheWeightsThatAreWritten() throws IOException {
    Checkpoint base = models.bpe("base", List.of("a", "b")).file("vocab.json", "{}").open();
    Checkpoint ja = models.bpe("ja", List.of("x", "b"), special(2, "<say>")).open();
    VocabularyPlan plan = plan(UNION, base, ja);
    TensorInfo info = plan.view(base, EMBEDDINGS).info();
    Path target = root.resolve("union");
    try (CheckpointWriter writer =
        CheckpointWriter.create(target, List.of(info), Map.of(), WriteOptions.defaults())) {
      float[] values = TinyModels.floats(plan.view(base, EMBEDDINGS));
      writer.sink(EMBEDDINGS).writeFloats(0, values, 0, values.length);
      for (CompanionFile file : plan.companions(base, Optional.empty())) {
        file.writeTo(writer);
      }
      ModelConfig config = plan.config(base, base.config().orElseThrow());
      writer.write("config.json", JSON.writeValueAsBytes(config.json()));
      writer.commit();
    }
    try (Checkpoint written = Checkpoints.open(target)) {
      Vocabulary vocabulary = Vocabulary.of(written).orElseThrow();
      assertThat(vocabulary.ids()).isEqualTo(plan.tokens());
      assertThat(List.copyOf(vocabulary.addedTokens().values()))
          .isEqualTo(plan.addedTokens())
          .hasSize(2);
      assertThat(plan(UNION, written, ja).isIdentity("union")).isTrue();
      assertThat(target.resolve("vocab.json")).hasContent("{}");
    }
  }

  @Test
  void randomVocabulariesGiveTheRowsThatTheRulesSay() {
    int[] run = {0};
    TestSeeds.check(
        "vocabulary plans",
        60,
        random -> {
          try (TokenModels own = new TokenModels(root.resolve("run" + run[0]++))) {
            checkAgainstReference(random, own);
          }
        });
  }

  private static void checkAgainstReference(Random random, TokenModels own) {
    boolean hasBase = random.nextBoolean();
    List<Checkpoint> all = new ArrayList<>();
    List<List<String>> vocabularies = new ArrayList<>();
    for (int i = 2 + random.nextInt(3); i > 0; i--) {
      List<String> tokens = new ArrayList<>(Arrays.asList("abcdefghij".split("")));
      Collections.shuffle(tokens, random);
      tokens = tokens.subList(0, 1 + random.nextInt(9));
      vocabularies.add(tokens);
      int ordinary = 1 + random.nextInt(tokens.size());
      AddedToken[] added = new AddedToken[tokens.size() - ordinary];
      for (int k = 0; k < added.length; k++) {
        added[k] = special(ordinary + k, tokens.get(ordinary + k));
      }
      DType dtype = List.of(DType.F32, DType.BF16, DType.F16).get(random.nextInt(3));
      all.add(
          own.bpe("m" + all.size(), tokens.subList(0, ordinary), added)
              .rows(tokens.size() + random.nextInt(4))
              .dtype(dtype)
              .bias()
              .open());
    }
    int giver = random.nextInt(all.size());
    VocabularyChoice choice =
        List.of(BASE, UNION, VocabularyChoice.of("m" + giver)).get(random.nextInt(3));
    giver = choice.source() == VocabularyChoice.Source.MODEL ? giver : 0;
    Map<String, TokenEmbedding> named = new LinkedHashMap<>();
    for (int i = random.nextInt(3); i > 0; i--) {
      int donor = random.nextInt(all.size());
      List<String> donors = vocabularies.get(donor);
      TokenEmbedding embedding =
          List.of(
                  TokenEmbedding.zero(),
                  TokenEmbedding.ofId("m" + donor, random.nextInt(donors.size())),
                  TokenEmbedding.ofToken("m" + donor, donors.get(random.nextInt(donors.size()))))
              .get(random.nextInt(3));
      named.put(
          "abcdefghijk".substring(10 * random.nextInt(2)).substring(0, 1),
          random.nextBoolean() ? embedding.forced() : embedding);
    }
    choice = choice.withTokens(named);
    if (random.nextBoolean()) {
      choice = choice.paddedTo(1 + random.nextInt(5));
    }
    VocabularyPlan plan =
        hasBase
            ? plan(choice, all.get(0), all.subList(1, all.size()).toArray(Checkpoint[]::new))
            : withoutBase(choice, all.toArray(Checkpoint[]::new));

    // What tokens there are does not depend on their order beyond the giver's.
    Set<String> expected = new LinkedHashSet<>(vocabularies.get(giver));
    if (choice.source() == VocabularyChoice.Source.UNION) {
      vocabularies.forEach(expected::addAll);
    }
    expected.addAll(named.keySet());
    assertThat(plan.tokens().keySet()).containsExactlyInAnyOrderElementsOf(expected);
    assertThat(List.copyOf(plan.tokens().keySet()).subList(0, vocabularies.get(giver).size()))
        .isEqualTo(vocabularies.get(giver));
    assertThat(List.copyOf(plan.tokens().values())).isSorted().doesNotHaveDuplicates();

    for (String tensor : List.of(EMBEDDINGS, HEAD, TokenModels.BIAS)) {
      int width = tensor.equals(TokenModels.BIAS) ? 1 : 4;
      List<float[]> weights = all.stream().map(m -> TestCheckpoints.read(m, tensor)).toList();
      for (int m = 0; m < all.size(); m++) {
        TensorView view = plan.view(all.get(m), tensor);
        assertThat(view.info().shape().get(0)).isEqualTo(plan.rows());
        assertThat(view.info().dtype()).isEqualTo(all.get(m).tensors().get(tensor).dtype());
        float[] got = TinyModels.floats(view);
        int model = m;
        for (Map.Entry<String, Integer> token : plan.tokens().entrySet()) {
          float[] wanted =
              reference(token.getKey(), m, hasBase, vocabularies, weights, named, width);
          int at = token.getValue() * width;
          assertThat(Arrays.copyOfRange(got, at, at + width))
              .as("%s of %s in model %s", tensor, token, model)
              .containsExactly(wanted);
        }
      }
    }
    int used = plan.tokens().size();
    OptionalInt pad = choice.padToMultipleOf();
    int wanted =
        pad.isPresent()
            ? (used + pad.getAsInt() - 1) / pad.getAsInt() * pad.getAsInt()
            : choice.source() == VocabularyChoice.Source.UNION
                ? used
                : Math.max(
                    used, all.get(giver).tensors().get(EMBEDDINGS).shape().get(0).intValue());
    assertThat(plan.rows()).isEqualTo(wanted);
  }

  /** The rules, said once more: own row, named row, base's row, mean. */
  private static float[] reference(
      String token,
      int model,
      boolean hasBase,
      List<List<String>> vocabularies,
      List<float[]> weights,
      Map<String, TokenEmbedding> named,
      int width) {
    TokenEmbedding embedding = named.get(token);
    List<String> own = vocabularies.get(model);
    if (own.contains(token) && (embedding == null || !embedding.force())) {
      return slice(weights.get(model), own.indexOf(token), width);
    }
    if (embedding != null) {
      if (embedding.kind() == TokenEmbedding.Kind.ZERO) {
        return new float[width];
      }
      int donor = Integer.parseInt(embedding.model().orElseThrow().substring(1));
      int row =
          embedding.id().isPresent()
              ? embedding.id().getAsInt()
              : vocabularies.get(donor).indexOf(embedding.token().orElse(token));
      return slice(weights.get(donor), row, width);
    }
    if (hasBase && vocabularies.get(0).contains(token)) {
      return slice(weights.get(0), vocabularies.get(0).indexOf(token), width);
    }
    float[] sum = new float[width];
    int count = 0;
    for (int m = 0; m < weights.size(); m++) {
      int row = vocabularies.get(m).indexOf(token);
      if (row >= 0) {
        float[] values = slice(weights.get(m), row, width);
        for (int i = 0; i < width; i++) {
          sum[i] += values[i];
        }
        count++;
      }
    }
    for (int i = 0; i < width; i++) {
      sum[i] /= count;
    }
    return sum;
  }

  private static float[] slice(float[] values, int row, int width) {
    return Arrays.copyOfRange(values, row * width, (row + 1) * width);
  }
}
