package io.evomerge.onnx.language;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.candidate.VocabularyPlan;
import io.evomerge.checkpoint.AddedToken;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.CompanionFile;
import io.evomerge.checkpoint.TestCheckpoints;
import io.evomerge.checkpoint.TestTokenizers;
import io.evomerge.recipe.TokenEmbedding;
import io.evomerge.recipe.VocabularyChoice;
import io.evomerge.tensor.DType;
import io.evomerge.testing.TestSeeds;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The tokenizer that a vocabulary plan writes, as the Hugging Face library reads it. */
class JoinedTokenizerTest {

  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir Path root;
  private final List<Checkpoint> opened = new ArrayList<>();

  @AfterEach
  void close() {
    opened.forEach(Checkpoint::close);
  }

  private Checkpoint model(String name, ObjectNode tokenizer, int rows) {
    Path folder = root.resolve(name);
    Map<String, List<Long>> shapes = TestCheckpoints.llamaShapes(1, 4, 8, rows);
    TestCheckpoints.write(
        folder,
        TestCheckpoints.random(shapes, 1),
        shapes,
        DType.F32,
        TestCheckpoints.llamaConfig(1, 4).put("vocab_size", rows));
    TestTokenizers.put(folder, "tokenizer.json", tokenizer.toPrettyString());
    return open(folder);
  }

  private Checkpoint open(Path folder) {
    try {
      Checkpoint model = Checkpoints.open(folder);
      opened.add(model);
      return model;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Tokenizer write(VocabularyPlan plan, String name) {
    try {
      Path folder = Files.createDirectories(root.resolve(name));
      for (CompanionFile file : plan.companions(plan.tokenizerModel(), Optional.empty())) {
        file.writeTo(folder);
      }
      return Tokenizer.open(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static VocabularyPlan plan(
      VocabularyChoice choice, Checkpoint base, Checkpoint... sources) {
    return VocabularyPlan.of(choice, Optional.of(base), List.of(sources));
  }

  @Test
  void aUnionOfTwoBpeTokenizersGivesTheIdsOfThePlan() {
    Checkpoint base =
        model(
            "base",
            TestTokenizers.bpe(
                List.of("a", "b", "c", "ab", "abc"),
                List.of("a b", "ab c"),
                TestTokenizers.special(5, "<end>")),
            6);
    Checkpoint other =
        model(
            "other",
            TestTokenizers.bpe(
                List.of("a", "x", "y", "xy"),
                List.of("x y"),
                TestTokenizers.special(4, "<say>"),
                TestTokenizers.special(5, "<end>")),
            8);
    VocabularyPlan plan = plan(VocabularyChoice.union(), base, other);
    assertThat(plan.rows()).isEqualTo(10);
    try (Tokenizer tokenizer = write(plan, "union")) {
      assertThat(tokenizer.encode("abc xy <say> ab c<end>")).containsExactly(4, 8, 9, 3, 2, 5);
      plan.tokens().forEach((token, id) -> assertThat(tokenizer.encode(token)).containsExactly(id));
      plan.tokens()
          .forEach((token, id) -> assertThat(tokenizer.decode(ids(id), false)).isEqualTo(token));
      assertThat(tokenizer.decode(ids(plan.tokens().get("<say>")), true)).isEmpty();
      assertThat(tokenizer.decode(ids(plan.tokens().get("xy")), true)).isEqualTo("xy");
    }
  }

  private static int[] ids(int... ids) {
    return ids;
  }

  @Test
  void randomUnionsGiveTheIdsOfTheirPlans() {
    int[] run = {0};
    TestSeeds.check(
        "joined tokenizers",
        20,
        random -> {
          int number = run[0]++;
          List<Checkpoint> models = new ArrayList<>();
          for (int i = 0; i < 3; i++) {
            models.add(randomModel(random, "model" + number + "-" + i));
          }
          VocabularyChoice choice =
              VocabularyChoice.union().withTokens(Map.of("<0>", TokenEmbedding.zero()));
          VocabularyPlan plan = plan(choice, models.get(0), models.get(1), models.get(2));
          try (Tokenizer tokenizer = write(plan, "union" + number)) {
            plan.tokens()
                .forEach(
                    (token, id) ->
                        assertThat(tokenizer.encode(token)).as(token).containsExactly(id));
          }
        });
  }

  /** Single letters, and added tokens of which some are letters of the model, too. */
  private Checkpoint randomModel(Random random, String name) {
    Set<String> letters = new LinkedHashSet<>();
    for (int i = 1 + random.nextInt(9); i > 0; i--) {
      letters.add(Character.toString('a' + random.nextInt(20)));
    }
    List<String> specials =
        new ArrayList<>(List.of("<1>", "<2>", "<3>", letters.iterator().next()));
    Collections.shuffle(specials, random);
    specials = specials.subList(0, random.nextInt(5));
    List<String> tokens = new ArrayList<>(letters);
    List<AddedToken> added = new ArrayList<>();
    int next = tokens.size();
    for (String special : specials) {
      int known = tokens.indexOf(special);
      added.add(TestTokenizers.special(known < 0 ? next++ : known, special));
    }
    ObjectNode tokenizer = TestTokenizers.bpe(tokens, List.of(), added.toArray(AddedToken[]::new));
    return model(name, tokenizer, next + random.nextInt(3));
  }

  @Test
  void tokensCanBeAddedToTheZoosTokenizerAndTakenFromIt() throws IOException {
    Checkpoint base = open(FakeModels.zooTokenizer());
    ObjectNode tokenizer =
        (ObjectNode) JSON.readTree(FakeModels.zooTokenizer().resolve("tokenizer.json").toFile());
    ObjectNode vocab = tokenizer.withObject("/model/vocab");
    int size = vocab.size();
    assertThat(vocab.remove("匹").intValue()).isEqualTo(303);
    vocab.put("新しい", 303);
    tokenizer
        .withArray("added_tokens")
        .addObject()
        .put("id", size)
        .put("content", "<chat>")
        .put("single_word", false)
        .put("lstrip", false)
        .put("rstrip", true)
        .put("normalized", false)
        .put("special", true);
    Path derived = root.resolve("derived");
    Map<String, List<Long>> shapes = TestCheckpoints.llamaShapes(1, 128, 4, size + 1);
    TestCheckpoints.write(
        derived,
        TestCheckpoints.random(shapes, 1),
        shapes,
        DType.BF16,
        TestCheckpoints.llamaConfig(1, 128).put("vocab_size", size + 1));
    TestTokenizers.put(derived, "tokenizer.json", tokenizer.toString());

    VocabularyPlan plan = plan(VocabularyChoice.union(), base, open(derived));
    assertThat(plan.rows()).isEqualTo(size + 2);
    try (Tokenizer joined = write(plan, "joined")) {
      assertThat(joined.encode("17 匹 新しい")).containsExactly(1, 21, 303, size);
      assertThat(joined.encode("17 <chat> 匹")).containsExactly(1, 21, size + 1, 303);
      assertThat(joined.eosTokenIds()).containsExactly(2);
    }
    plan = plan(VocabularyChoice.of("derived"), base, open(derived));
    assertThat(plan.isIdentity("derived")).isTrue();
    try (Tokenizer same = write(plan, "same")) {
      assertThat(same.encode("17 新しい<chat>")).containsExactly(1, 21, 303, size);
    }
  }

  @Test
  void aUnionOfTheZoosModelsIsTheIdentity() {
    List<Checkpoint> models = new ArrayList<>();
    for (String name : List.of("base", "math-en")) {
      models.add(open(FakeModels.resource("zoo/" + name)));
    }
    VocabularyPlan plan = plan(VocabularyChoice.union(), models.get(0), models.get(1));
    assertThat(models).allMatch(model -> plan.isIdentity(model.name()));
    assertThat(plan.tokenizerFiles(Optional.empty()).unchanged()).isTrue();
    assertThat(plan.config(models.get(1), models.get(1).config().orElseThrow()))
        .isEqualTo(models.get(1).config().orElseThrow());
  }

  @Test
  void aGapInTheModelsIdsMakesALoaderTakeTheNextFreeNumber() {
    // What the plan assumes of loaders: the id in the file does not count.
    ObjectNode tokenizer =
        TestTokenizers.bpe(List.of("a", "b"), List.of(), TestTokenizers.special(9, "<x>"));
    tokenizer.withObject("/model/vocab").put("z", 7);
    TestTokenizers.put(root.resolve("gap"), "tokenizer.json", tokenizer.toString());
    try (Tokenizer gap = Tokenizer.open(root.resolve("gap"))) {
      assertThat(gap.encode("z<x>")).containsExactly(7, 3);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
