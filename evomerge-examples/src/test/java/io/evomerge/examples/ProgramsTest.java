package io.evomerge.examples;

import static io.evomerge.examples.Ran.run;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.evomerge.candidate.AdapterExtractor;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.fitness.Outcome;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.RecipeFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The programs as a user starts them, on the real models of the zoo. */
class ProgramsTest {

  private static final Path ZOO = Zoo.folder().toAbsolutePath();

  @TempDir Path root;

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
    "cheap-fitness --evaluations 0, --evaluations: got 0",
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

  // ---- mergekit's configurations

  private static final Path CONFIGURATIONS = Path.of("recipes/mergekit").toAbsolutePath();

  private Path configuration(String text) throws IOException {
    String zoo = ZOO.toString().replace('\\', '/');
    return Files.writeString(root.resolve("mergekit.yaml"), text.replace("ZOO", zoo));
  }

  /** The values of all tensors, as they are in the file. */
  private static Map<String, float[]> tensors(Path folder) throws IOException {
    Map<String, float[]> tensors = new TreeMap<>();
    try (Checkpoint model = Checkpoints.open(folder)) {
      model
          .tensors()
          .forEach(
              (name, info) -> {
                float[] values = new float[(int) info.elementCount()];
                model.tensor(name).readFloats(0, values, 0, values.length);
                tensors.put(name, values);
              });
    }
    return tensors;
  }

  private static void assertSame(Map<String, float[]> a, Map<String, float[]> b) {
    assertThat(a.keySet()).isEqualTo(b.keySet());
    a.forEach((name, values) -> assertThat(values).as(name).isEqualTo(b.get(name)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"linear", "slerp", "ties", "dare-ties", "passthrough", "model-stock", "tokenizer"})
  void aConfigurationOfMergekitIsCheckedMergedAndExportedToTheSame(String name) throws IOException {
    Path configuration = CONFIGURATIONS.resolve(name + ".yaml");
    Ran check = run("check", configuration, root.resolve("merged"));
    assertThat(check.out()).contains("Nothing keeps this merge from being done");
    assertThat(check.code()).isZero();
    assertThat(left()).isEmpty();
    Ran merge = run("merge", configuration, root.resolve("merged"));
    assertThat(merge.err()).isEmpty();
    assertThat(merge.code()).isZero();
    Ran evaluated = run("evaluate", root.resolve("merged"), task("ja_math.jsonl", 2));
    assertThat(evaluated.err()).isEmpty();
    assertThat(evaluated.code()).isZero();

    Path exported = root.resolve("exported.yaml");
    Ran export = run("export", root.resolve("merged/recipe.yaml"), exported);
    assertThat(export.code()).as("%s", export.err()).isZero();
    Ran again = run("merge", exported, root.resolve("again"));
    assertThat(again.code()).as("%s", again.err()).isZero();
    assertSame(tensors(root.resolve("merged")), tensors(root.resolve("again")));
  }

  @Test
  void everyConfigurationThatComesWithTheExamplesIsTried() throws Exception {
    try (Stream<Path> files = Files.list(CONFIGURATIONS)) {
      List<String> names =
          files.map(f -> f.getFileName().toString().replace(".yaml", "")).sorted().toList();
      ValueSource tried =
          ProgramsTest.class
              .getDeclaredMethod(
                  "aConfigurationOfMergekitIsCheckedMergedAndExportedToTheSame", String.class)
              .getAnnotation(ValueSource.class);
      assertThat(names).containsExactlyInAnyOrder(tried.strings());
    }
  }

  @Test
  void aModelWithAnAdapterIsMergedByItsName() throws IOException {
    Path folder = Files.createDirectories(root.resolve("models/org"));
    try (Checkpoint base = Checkpoints.open(ZOO.resolve("base"));
        Checkpoint model = Checkpoints.open(ZOO.resolve("math-en"))) {
      AdapterExtractor.builder(2)
          .modules("q_proj")
          .build()
          .extract(base, model, folder.resolve("adapter"));
    }
    Path configuration =
        configuration(
            """
            merge_method: task_arithmetic
            base_model: ZOO/base
            models:
              - model: ZOO/base+org/adapter
                parameters: {weight: 0.5}
            """);
    Ran lost = run("merge", configuration, root.resolve("merged"));
    assertThat(lost.code()).isEqualTo(1);
    assertThat(lost.err()).startsWith("error: model 'org/adapter' is not on this machine");
    Ran found =
        run("merge", configuration, root.resolve("merged"), "--models", root.resolve("models"));
    assertThat(found.err()).isEmpty();
    Map<String, float[]> base = tensors(ZOO.resolve("base"));
    tensors(root.resolve("merged"))
        .forEach(
            (name, values) ->
                assertThat(Arrays.equals(values, base.get(name)))
                    .as(name)
                    .isEqualTo(!name.contains("q_proj")));
  }

  @Test
  void aCheckListsEveryProblemAtOnceAndEndsWithOne() throws IOException {
    Path model = copyOf("math-en");
    Path config = model.resolve("config.json");
    Files.writeString(
        config, Files.readString(config).replace("\"vocab_size\": 341", "\"vocab_size\": 340"));
    Path recipe = recipe("slerp");
    Files.writeString(
        recipe,
        Files.readString(recipe)
            .replace(ZOO.resolve("math-en").toString(), "copy")
            .replace("weight: [0.4, 0.7]", "tt: 0.4"));
    Ran ran = run("check", recipe, model);
    assertThat(ran.code()).isEqualTo(1);
    assertThat(ran.err()).isEmpty();
    assertThat(ran.out())
        .contains(" problems:")
        .contains("slerp has no parameter 'tt'; did you mean 't'?")
        .contains("slerp needs 't'")
        .contains("another vocabulary")
        .contains("is not empty")
        .contains("'math', which is merged, lies there");
    assertThat(ran.out().lines().filter(line -> line.startsWith("  - ")).count())
        .isGreaterThanOrEqualTo(5);
  }

  @Test
  void mistakesInAConfigurationAreListedWithTheirLines() throws IOException {
    Path configuration =
        configuration(
            """
            merge_method: ties
            base_modl: ZOO/base
            models:
              - model: ZOO/ja
                parametres: {weight: 0.4}
              - model: ZOO/math-en
                parameters: {wieght: 0.4}
            """);
    for (String program : List.of("merge", "check", "export")) {
      Ran ran = run(program, configuration, root.resolve("out"));
      assertThat(ran.code()).isEqualTo(1);
      assertThat(ran.err())
          .startsWith("error: ")
          .contains("mergekit.yaml")
          .contains("line 2: unknown key 'base_modl'; did you mean 'base_model'?")
          .contains("line 5: unknown key 'parametres'; did you mean 'parameters'?")
          .contains("line 7: ties has no parameter 'wieght'; did you mean 'weight'?")
          .doesNotContain("\tat ");
      assertThat(root.resolve("out")).doesNotExist();
    }
  }

  @Test
  void everyModelThatIsMissingIsNamedWithTheWayToGetIt() throws IOException {
    Path configuration =
        configuration(
            """
            merge_method: linear
            models:
              - model: some-org/one
                parameters: {weight: 1}
              - model: some-org/two
                parameters: {weight: 1}
            """);
    Ran ran = run("check", configuration, "--models", root.resolve("models"));
    assertThat(ran.code()).isEqualTo(1);
    assertThat(ran.err())
        .contains("'some-org/one' is not on this machine")
        .contains("'some-org/two' is not on this machine")
        .contains("hf download some-org/one");
  }

  @Test
  void aFileThatIsNoRecipeOrIsNotThereIsRefused() throws IOException {
    Path text = Files.writeString(root.resolve("notes.yaml"), "- one\n- two\n");
    Ran wrong = run("merge", text, root.resolve("out"));
    assertThat(wrong.code()).isEqualTo(1);
    assertThat(wrong.err()).startsWith("error: ").contains("notes.yaml").doesNotContain("\tat ");
    Ran missing = run("check", root.resolve("nothing.yaml"));
    assertThat(missing.code()).isEqualTo(1);
    assertThat(missing.err()).startsWith("error: NoSuchFile: ").contains("nothing.yaml");
    Ran flag = run("check", text, "--overwite");
    assertThat(flag.code()).isEqualTo(2);
    assertThat(flag.err()).contains("--overwrite");
  }

  @Test
  void anExistingModelIsReplacedOnlyWhereThatIsAllowed() throws IOException {
    Path merged = root.resolve("merged");
    Path linear = CONFIGURATIONS.resolve("linear.yaml");
    assertThat(run("merge", CONFIGURATIONS.resolve("passthrough.yaml"), merged).code()).isZero();
    Ran check = run("check", linear, merged);
    assertThat(check.code()).isEqualTo(1);
    assertThat(check.out()).contains("1 problem:").contains("is not empty");
    Ran kept = run("merge", linear, merged);
    assertThat(kept.code()).isEqualTo(1);
    assertThat(tensors(merged)).hasSize(8 * 9 + 3);
    assertThat(run("check", linear, merged, "--overwrite").code()).isZero();
    assertThat(run("merge", linear, merged, "--overwrite").err()).isEmpty();
    assertThat(tensors(merged)).hasSize(6 * 9 + 3);
    assertThat(left()).containsExactly(Path.of("merged"));
  }

  @Test
  void anExportDoesNotReplaceAFileAndNamesWhatMergekitCannotSay() throws IOException {
    Path there = Files.writeString(root.resolve("there.yaml"), "keep");
    Ran ran = run("export", recipe("ties"), there);
    assertThat(ran.code()).isEqualTo(1);
    assertThat(there).hasContent("keep");
    Ran other = run("export", recipe("tsv_m"), root.resolve("new.yaml"));
    assertThat(other.code()).isEqualTo(1);
    assertThat(other.err()).startsWith("error: ").contains("mergekit has no merge method 'tsv_m'");
    assertThat(root.resolve("new.yaml")).doesNotExist();
  }

  @Test
  void methodsAreMeasuredAlsoThoseThatNeedStatistics() throws IOException {
    Ran ran = run("methods", "--items", 4, "--method", "linear,slerp", "--method", "regmean");
    assertThat(ran.err()).isEmpty();
    assertThat(ran.code()).isZero();
    List<String> lines = ran.out().lines().toList();
    assertThat(lines).hasSize(5);
    assertThat(lines.get(2)).startsWith("linear of 3, weight ");
    assertThat(lines.get(3)).startsWith("slerp of 2 ");
    assertThat(lines.get(4)).startsWith("regmean of 3, weight ");
    Ran unknown = run("methods", "--method", "tiez");
    assertThat(unknown.code()).isEqualTo(2);
    assertThat(unknown.err()).startsWith("--method: there is no 'tiez', only linear, ");
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
