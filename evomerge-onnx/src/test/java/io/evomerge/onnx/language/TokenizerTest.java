package io.evomerge.onnx.language;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.util.Ec2Utils;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.evomerge.exception.TaskException;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenizerTest {

  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir Path folder;

  /** A copy of the zoo's tokenizer.json alone, with a change. */
  private void tokenizerJson(String from, String to) throws IOException {
    String text = Files.readString(FakeModels.zooTokenizer().resolve("tokenizer.json"));
    assertThat(text).contains(from);
    Files.writeString(folder.resolve("tokenizer.json"), text.replace(from, to));
  }

  private void file(String name, String content) throws IOException {
    Files.writeString(folder.resolve(name), content);
  }

  @Test
  void theZoosPromptsGetTheirGoldenIds() throws Exception {
    JsonNode cases =
        JSON.readTree(FakeModels.resource("zoo/golden/base.json").toFile()).path("cases");
    assertThat(cases).hasSize(8);
    try (Tokenizer tokenizer = Tokenizer.open(FakeModels.zooTokenizer())) {
      for (JsonNode golden : cases) {
        int[] ids = JSON.convertValue(golden.get("input_ids"), int[].class);
        String prompt = golden.get("prompt").textValue();
        assertThat(tokenizer.encode(prompt)).containsExactly(ids);
        assertThat(tokenizer.decode(ids, true)).isEqualTo(prompt);
        assertThat(tokenizer.decode(ids, false)).isEqualTo("<bos> " + prompt);
      }
    }
  }

  @Test
  void specialTokensAreAddedOnlyWhereAskedFor() throws Exception {
    try (Tokenizer tokenizer = Tokenizer.open(FakeModels.zooTokenizer())) {
      assertThat(tokenizer.encode("17 匹")).containsExactly(1, 21, 303);
      assertThat(tokenizer.encodeWithoutSpecialTokens("17 匹")).containsExactly(21, 303);
      assertThat(tokenizer.encode("")).containsExactly(1);
      assertThat(tokenizer.encodeWithoutSpecialTokens("")).isEmpty();
      assertThat(tokenizer.encodeWithoutSpecialTokens("17 <eos>")).containsExactly(21, 2);
      assertThat(tokenizer.encodeWithoutSpecialTokens("😀")).containsExactly(3);
    }
  }

  @Test
  void batchesAreDecodedInTheirOrder() throws Exception {
    try (Tokenizer tokenizer = Tokenizer.open(FakeModels.zooTokenizer())) {
      List<int[]> ids = List.of(new int[] {21, 303, 2}, new int[0], new int[] {4});
      assertThat(tokenizer.decodeAll(ids, true)).containsExactly("17 匹", "", "0");
      assertThat(tokenizer.decodeAll(ids, false)).containsExactly("17 匹 <eos>", "", "0");
      assertThat(tokenizer.decodeAll(List.of(), true)).isEmpty();
    }
  }

  @Test
  void truncationAndPaddingOfTheFileAreSwitchedOff() throws Exception {
    tokenizerJson(
        "\"truncation\": null,\n  \"padding\": null",
        """
        "truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null,
          "pad_id": 0, "pad_type_id": 0, "pad_token": "<pad>"}""");
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      assertThat(tokenizer.encode("1 2 3 4 5")).containsExactly(1, 5, 6, 7, 8, 9);
      assertThat(tokenizer.encode("1")).containsExactly(1, 5);
    }
  }

  @Test
  void theEndOfTextComesFromTheFirstFileThatNamesIt() throws Exception {
    tokenizerJson("\"version\"", "\"version\"");
    assertThat(eosTokenIds()).isEmpty();
    file("special_tokens_map.json", "{\"eos_token\": {\"content\": \"<eos>\"}}");
    assertThat(eosTokenIds()).containsExactly(2);
    file("tokenizer_config.json", "{\"eos_token\": \"。\"}");
    assertThat(eosTokenIds()).hasSize(1).doesNotContain(2);
    file("config.json", "{\"eos_token_id\": 7}");
    assertThat(eosTokenIds()).containsExactly(7);
    file("generation_config.json", "{\"eos_token_id\": null}");
    assertThat(eosTokenIds()).containsExactly(7);
    file("generation_config.json", "{\"eos_token_id\": [5, 3]}");
    assertThat(eosTokenIds()).containsExactlyInAnyOrder(3, 5);
  }

  private Set<Integer> eosTokenIds() throws IOException {
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      return tokenizer.eosTokenIds();
    }
  }

  @Test
  void brokenFilesAreNamed() throws Exception {
    assertThatThrownBy(() -> Tokenizer.open(folder))
        .isInstanceOf(TaskException.class)
        .hasMessageContaining("has no tokenizer.json")
        .hasMessageContaining("save_pretrained");
    file("tokenizer.json", "{");
    assertThatThrownBy(() -> Tokenizer.open(folder))
        .isInstanceOf(TaskException.class)
        .hasMessageContaining("tokenizer.json is not valid JSON");
    file("tokenizer.json", "{}");
    assertThatThrownBy(() -> Tokenizer.open(folder))
        .isInstanceOf(TaskException.class)
        .hasMessageContaining("tokenizer.json is not a tokenizer");
    tokenizerJson("\"version\"", "\"version\"");
    file("config.json", "{\"eos_token_id\": \"two\"}");
    assertThatThrownBy(() -> Tokenizer.open(folder))
        .isInstanceOf(TaskException.class)
        .hasMessageContaining("config.json: eos_token_id is \"two\"");
    file("config.json", "{}");
    file("tokenizer_config.json", "{\"eos_token\": \"<stop>\"}");
    assertThatThrownBy(() -> Tokenizer.open(folder))
        .isInstanceOf(TaskException.class)
        .hasMessageContaining("'<stop>', which tokenizer.json does not have");
  }

  @Test
  void useAfterCloseIsRefusedAndClosingTwiceIsNot() throws Exception {
    Tokenizer tokenizer = Tokenizer.open(FakeModels.zooTokenizer());
    tokenizer.close();
    tokenizer.close();
    assertThatThrownBy(() -> tokenizer.encode("17"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
    assertThatThrownBy(() -> tokenizer.decode(new int[] {21}, true))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void openingReportsNothingOverTheNetworkAndLeavesNoTrace() throws Exception {
    // DJL notes the time before it reports its use, once a day
    Field lastReport = Ec2Utils.class.getDeclaredField("lastCheckIn");
    lastReport.setAccessible(true);
    lastReport.setLong(null, 0);
    try (Tokenizer tokenizer = Tokenizer.open(FakeModels.zooTokenizer())) {
      assertThat(tokenizer.encode("17")).containsExactly(1, 21);
    }
    assertThat(lastReport.getLong(null)).isZero();
    assertThat(System.getProperty("ai.djl.offline")).isNull();
  }

  @Test
  void aHostsOwnChoiceOfNetworkUseStands() throws Exception {
    System.setProperty("ai.djl.offline", "true");
    try {
      Tokenizer.open(FakeModels.zooTokenizer()).close();
      assertThat(System.getProperty("ai.djl.offline")).isEqualTo("true");
    } finally {
      System.clearProperty("ai.djl.offline");
    }
  }

  @Test
  void manyThreadsMayUseOneTokenizer() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try (Tokenizer tokenizer = Tokenizer.open(FakeModels.zooTokenizer())) {
      List<Future<String>> texts = new ArrayList<>();
      for (int i = 0; i < 400; i++) {
        String text = i % 100 + " 匹 です 。";
        texts.add(threads.submit(() -> tokenizer.decode(tokenizer.encode(text), true)));
      }
      for (int i = 0; i < texts.size(); i++) {
        assertThat(texts.get(i).get()).isEqualTo(i % 100 + " 匹 です 。");
      }
    } finally {
      threads.shutdownNow();
    }
  }
}
