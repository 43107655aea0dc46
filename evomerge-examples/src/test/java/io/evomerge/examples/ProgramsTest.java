package io.evomerge.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.evomerge.fitness.Outcome;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.RecipeFiles;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The programs as a user starts them, on the real models of the zoo. */
class ProgramsTest {

  private static final Path ZOO = Zoo.folder().toAbsolutePath();

  @TempDir Path root;

  /** What a program left on its two streams. */
  private record Ran(int code, String out, String err) {

    String lastLine() {
      List<String> lines = out.lines().toList();
      return lines.get(lines.size() - 1);
    }
  }

  private static Ran run(Object... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    String[] words = Stream.of(args).map(Object::toString).toArray(String[]::new);
    int code = Main.run(new PrintWriter(out), new PrintWriter(err), words);
    return new Ran(code, out.toString(), err.toString());
  }

  private List<Path> left() throws IOException {
    try (Stream<Path> files = Files.list(root)) {
      return files.map(Path::getFileName).sorted().toList();
    }
  }

  /** The first items of a task of the zoo, in a file of their own. */
  private Path task(String name, int items) throws IOException {
    List<String> lines = Files.readAllLines(ZOO.resolve("tasks").resolve(name));
    return Files.write(root.resolve("few.jsonl"), lines.subList(0, items));
  }

  private Path recipe(String operator) throws IOException {
    String yaml =
        """
        evomerge: 1
        operator: OPERATOR
        base: {name: base, path: "ZOO/base"}
        sources:
          - {name: ja, path: "ZOO/ja"}
          - {name: math, path: "ZOO/math-en"}
        parameters: {weight: [0.4, 0.7]}
        """;
    String text =
        yaml.replace("OPERATOR", operator).replace("ZOO", ZOO.toString().replace('\\', '/'));
    return Files.writeString(root.resolve("recipe.yaml"), text);
  }

  private Path copyOf(String model) throws IOException {
    Path copy = Files.createDirectory(root.resolve("copy"));
    try (Stream<Path> files = Files.list(ZOO.resolve(model))) {
      for (Path file : files.toList()) {
        Files.copy(file, copy.resolve(file.getFileName().toString()));
      }
    }
    return copy;
  }

  @Test
  void evaluateEndsWithALineOfJson() throws IOException {
    Ran ran = run("evaluate", ZOO.resolve("math-en"), task("en_math.jsonl", 24));
    assertThat(ran.err()).isEmpty();
    assertThat(ran.code()).isZero();
    JsonNode json = new ObjectMapper().readTree(ran.lastLine());
    assertThat(json.path("items").asInt()).isEqualTo(24);
    assertThat(json.path("accuracy").asDouble()).isBetween(0.5, 1.0);
    assertThat(json.path("answer_only")).isEqualTo(json.path("accuracy"));
  }

  @Test
  void evaluateCountsARightAnswerInTheWrongLanguageAsAnswerOnly() throws IOException {
    Path task = task("en_math.jsonl", 24);
    Ran ran = run("evaluate", ZOO.resolve("math-en"), task, "--language", "ja");
    JsonNode json = new ObjectMapper().readTree(ran.lastLine());
    assertThat(json.path("accuracy").asDouble()).isZero();
    assertThat(json.path("answer_only").asDouble()).isGreaterThanOrEqualTo(0.5);
  }

  @Test
  void evaluateTakesOneSplit() throws IOException {
    Path few = root.resolve("splits.jsonl");
    Files.write(
        few,
        List.of(
            "{\"prompt\": \"Q : 1 + 1 . A :\", \"answer\": \"2\", \"split\": \"a\"}",
            "{\"prompt\": \"Q : 1 + 2 . A :\", \"answer\": \"3\", \"split\": \"b\"}"));
    Ran ran = run("evaluate", ZOO.resolve("math-en"), few, "--split", "b");
    assertThat(new ObjectMapper().readTree(ran.lastLine()).path("items").asInt()).isEqualTo(1);
    Ran none = run("evaluate", ZOO.resolve("math-en"), few, "--split", "c");
    assertThat(none.code()).isEqualTo(1);
    assertThat(none.err()).startsWith("error: ").contains("'split' is c").doesNotContain("\tat ");
  }

  @ParameterizedTest
  @CsvSource({
    "evaluate --answr number a b, Possible solutions: --answer",
    "evaluate a, Missing required parameter: 'TASK.jsonl'",
    "mege a b, Did you mean: run merge",
    "merge a b c, Unmatched argument at index 3: 'c'"
  })
  void aWrongCommandLineIsRefusedWithAHint(String line, String hint) {
    Ran ran = run((Object[]) line.split(" "));
    assertThat(ran.code()).isEqualTo(2);
    assertThat(ran.err()).contains(hint).doesNotContain("\tat ");
  }

  @ParameterizedTest
  @CsvSource({
    "evaluate a b --max-new-tokens 0, --max-new-tokens: got 0",
    "quickstart --evaluations 0, --evaluations: got 0",
    "quickstart --items -1, --items: got -1",
    "quickstart --parallelism 0, --parallelism: got 0",
    "merge a b --parallelism 0, --parallelism: got 0"
  })
  void aNumberBelowOneIsRefused(String line, String message) {
    Ran ran = run((Object[]) line.split(" "));
    assertThat(ran.code()).isEqualTo(2);
    assertThat(ran.err()).startsWith(message + ", wanted at least 1");
  }

  @Test
  void aModelOrTaskThatIsNotThereIsNamed() throws IOException {
    Ran model = run("evaluate", root.resolve("nothing"), task("en_math.jsonl", 1));
    assertThat(model.code()).isEqualTo(1);
    assertThat(model.err()).startsWith("error: ").contains("nothing").hasLineCount(1);
    Ran task = run("evaluate", ZOO.resolve("ja"), root.resolve("nothing.jsonl"));
    assertThat(task.code()).isEqualTo(1);
    assertThat(task.err()).startsWith("error: ").contains("nothing.jsonl").hasLineCount(1);
  }

  @Test
  void aBrokenLineOfATaskIsNamed() throws IOException {
    Path task = task("en_math.jsonl", 3);
    Files.writeString(task, Files.readString(task) + "{\"prompt\": \"Q :\", \"answer\n");
    Ran ran = run("evaluate", ZOO.resolve("math-en"), task);
    assertThat(ran.code()).isEqualTo(1);
    assertThat(ran.err()).startsWith("error: ").contains("few.jsonl").contains("line 4");
  }

  @Test
  void aFolderInPlaceOfATaskIsRefused() {
    Ran ran = run("evaluate", ZOO.resolve("math-en"), root);
    assertThat(ran.code()).isEqualTo(1);
    assertThat(ran.err()).startsWith("error: " + root + ": is a folder").hasLineCount(1);
  }

  @Test
  void aModelWithWeightsThatAreNotNumbersIsRefused() throws IOException {
    Path weights = copyOf("math-en").resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    // The last element of the last tensor, a bfloat16, little-endian.
    bytes[bytes.length - 2] = (byte) 0xc0;
    bytes[bytes.length - 1] = 0x7f;
    Files.write(weights, bytes);
    Ran ran = run("evaluate", weights.getParent(), task("en_math.jsonl", 1));
    assertThat(ran.code()).isEqualTo(1);
    assertThat(ran.err()).startsWith("error: tensor '").contains("has NaN").hasLineCount(1);
  }

  @Test
  void anInterruptIsReportedAsOneAndLeavesNothing() throws IOException {
    Path recipe = recipe("ties");
    Thread.currentThread().interrupt();
    Ran ran = run("merge", recipe, root.resolve("out"));
    assertThat(Thread.interrupted()).isTrue();
    assertThat(ran.code()).isEqualTo(130);
    assertThat(ran.err()).isEqualToIgnoringNewLines("Interrupted.");
    assertThat(left()).containsExactly(Path.of("recipe.yaml"));
  }

  @Test
  void theVersionIsPrinted() {
    assertThat(run("--version").out()).startsWith("EvoMerge ");
    assertThat(run("merge", "--version").out()).startsWith("EvoMerge ");
  }

  @Test
  void anArchitectureThatCannotRunIsNamed() throws IOException {
    Path model = copyOf("math-en");
    Path config = model.resolve("config.json");
    Files.writeString(
        config, Files.readString(config).replace("LlamaForCausalLM", "GPT2LMHeadModel"));
    Ran ran = run("evaluate", model, task("en_math.jsonl", 1));
    assertThat(ran.code()).isEqualTo(1);
    assertThat(ran.err()).startsWith("error: ").contains("GPT2LMHeadModel").contains("Llama");
  }

  @Test
  void aModelWithoutATokenizerIsNamed() throws IOException {
    Path model = copyOf("math-en");
    Files.delete(model.resolve("tokenizer.json"));
    Ran ran = run("evaluate", model, task("en_math.jsonl", 1));
    assertThat(ran.code()).isEqualTo(1);
    assertThat(ran.err()).startsWith("error: ").contains("tokenizer.json").hasLineCount(1);
  }

  @Test
  void mergeWritesAFolderThatEvaluateTakesAndDoesNotOverwriteIt() throws IOException {
    Path merged = root.resolve("a folder with spaces");
    Ran ran = run("merge", recipe("task_arithmetic"), merged);
    assertThat(ran.err()).isEmpty();
    assertThat(ran.code()).isZero();
    assertThat(ran.lastLine()).endsWith(merged.toString());
    Ran evaluated = run("evaluate", merged, task("ja_math.jsonl", 5));
    assertThat(new ObjectMapper().readTree(evaluated.lastLine()).path("items").asInt())
        .isEqualTo(5);

    byte[] weights = Files.readAllBytes(merged.resolve("model.safetensors"));
    Ran again = run("merge", recipe("ties"), merged);
    assertThat(again.code()).isEqualTo(1);
    assertThat(again.err()).startsWith("error: ").contains("not empty").hasLineCount(1);
    assertThat(Files.readAllBytes(merged.resolve("model.safetensors"))).isEqualTo(weights);

    Ran fromItsRecipe = run("merge", merged.resolve("recipe.yaml"), root.resolve("again"));
    assertThat(fromItsRecipe.code()).isZero();
    assertThat(root.resolve("again/model.safetensors"))
        .hasSameBinaryContentAs(merged.resolve("model.safetensors"));
  }

  @Test
  void anUnknownOperatorIsToldTheNearestName() throws IOException {
    Ran ran = run("merge", recipe("task_arithmetics"), root.resolve("out"));
    assertThat(ran.code()).isEqualTo(1);
    assertThat(ran.err())
        .startsWith("error: ")
        .contains("'task_arithmetics'")
        .contains("did you mean 'task_arithmetic'");
    assertThat(left()).containsExactly(Path.of("recipe.yaml"));
  }

  @Test
  void sourcesOfAnotherShapeAreNamedAndNothingIsWritten() throws IOException {
    Path model = copyOf("math-en");
    Path config = model.resolve("config.json");
    Files.writeString(
        config, Files.readString(config).replace("\"vocab_size\": 341", "\"vocab_size\": 340"));
    Path recipe = recipe("ties");
    Files.writeString(
        recipe, Files.readString(recipe).replace(ZOO.resolve("math-en").toString(), "copy"));
    Ran ran = run("merge", recipe, root.resolve("out"));
    assertThat(ran.code()).isEqualTo(1);
    assertThat(ran.err()).contains("another vocabulary").contains("340").contains("341");
    assertThat(left()).containsExactly(Path.of("copy"), Path.of("recipe.yaml"));
  }

  @Test
  void quickstartRunsAndResumesToTheSameBytes() throws IOException {
    Path whole = root.resolve("whole");
    Object[] small = {"quickstart", "--evaluations", 6, "--items", 8, "--seed", 3, "--out"};
    Ran ran = run(with(small, whole, "--parallelism", 2));
    assertThat(ran.err()).isEmpty();
    assertThat(ran.code()).isZero();
    assertThat(ran.out())
        .contains("On the untouched 'test' items:")
        .contains("plain average")
        .contains("evolved (")
        .contains("answer_only");
    JsonNode summary = new ObjectMapper().readTree(whole.resolve("summary.json").toFile());
    assertThat(summary.path("trials").asInt()).isEqualTo(6);
    MergeRecipe recipe = RecipeFiles.read(whole.resolve("merged/recipe.yaml"));
    assertThat(recipe.seed()).isEqualTo(3);

    Path killed = Files.createDirectories(root.resolve("killed/journal")).getParent();
    List<String> lines = Files.readAllLines(whole.resolve("journal/journal.jsonl"));
    String torn = String.join("\n", lines.subList(0, 4)) + "\n{\"trial\":3,\"rec";
    Files.writeString(killed.resolve("journal/journal.jsonl"), torn);
    Ran resumed = run(with(small, killed, "--parallelism", 1, "--resume"));
    assertThat(resumed.code()).isZero();
    assertThat(killed.resolve("merged/model.safetensors"))
        .hasSameBinaryContentAs(whole.resolve("merged/model.safetensors"));

    Ran again = run(with(small, whole));
    assertThat(again.code()).isEqualTo(1);
    assertThat(again.err()).startsWith("error: ").contains("not empty").contains("--resume");
    Ran nothing = run(with(small, root.resolve("new"), "--resume"));
    assertThat(nothing.code()).isEqualTo(1);
    assertThat(nothing.err()).contains("no search to resume");
    assertThat(root.resolve("new")).doesNotExist();
  }

  private static Object[] with(Object[] args, Object... more) {
    return Stream.concat(Stream.of(args), Stream.of(more)).toArray();
  }

  @Test
  void customFitnessWritesAModel() throws IOException {
    Path merged = root.resolve("polite");
    CustomFitness.main(new String[] {ZOO.toString(), merged.toString()});
    assertThat(RecipeFiles.read(merged.resolve("recipe.yaml")).operator())
        .isEqualTo("task_arithmetic");
    assertThat(run("evaluate", merged, task("ja_math.jsonl", 2)).code()).isZero();
  }

  @Test
  void anEmbeddedSearchIsStartedAndWatched() {
    try (EmbedInYourApp app =
        new EmbedInYourApp(ZOO.resolve("base"), ZOO.resolve("ja"), ZOO.resolve("math-en"))) {
      assertThat(app.progress()).isEmpty();
      app.cancel();
      var result = app.start().join();
      assertThat(result.trials()).hasSize(50);
      assertThat(app.progress()).hasValueSatisfying(p -> assertThat(p.evaluations()).isEqualTo(50));
      assertThat(result.trials().get(0).outcome())
          .isInstanceOfSatisfying(
              Outcome.Scored.class,
              first ->
                  assertThat(result.best().score()).isLessThan(first.fitness().get(0).score()));
    }
  }
}
