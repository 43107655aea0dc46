package io.evomerge.examples;

import static io.evomerge.examples.Ran.run;
import static org.assertj.core.api.Assertions.assertThat;

import io.evomerge.EvoMerge;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.candidate.CandidateModels;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.genome.DataFlowSpace;
import io.evomerge.genome.HopScaling;
import io.evomerge.onnx.language.Tokenizer;
import io.evomerge.onnx.runtime.GenerationOptions;
import io.evomerge.onnx.runtime.LanguageModel;
import io.evomerge.onnx.runtime.OnnxBackend;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.Hop;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Paths from search to folder, on the real models of the zoo. */
class PathProgramsTest {

  private static final Path ZOO = Zoo.folder().toAbsolutePath();

  @TempDir Path root;

  @Test
  void aSearchForPathsIsMeasuredWrittenDrawnAndGoesOn() throws IOException {
    Path out = root.resolve("runs");
    Object[] args = {
      "dataflow", "--items", 10, "--evaluations", 30, "--parallelism", 2, "--out", out
    };
    Ran ran = run(args);
    assertThat(ran.err()).isEmpty();
    assertThat(ran.code()).isZero();
    assertThat(ran.out()).contains("math-en:0").contains("On the untouched 'test' items:");
    try (Checkpoint model = Checkpoints.open(out.resolve("dataflow-1/model"))) {
      assertThat(model.layout().layerCount()).isGreaterThanOrEqualTo(2);
    }
    assertThat(out.resolve("dataflow-1/picture.svg")).content().contains("math-en");
    Ran again = run(args);
    assertThat(again.out()).isEqualTo(ran.out());

    Path picture = root.resolve("path.svg");
    Ran drawn = run("draw", out.resolve("dataflow-1/journal"), picture);
    assertThat(drawn.code()).isZero();
    assertThat(drawn.out()).startsWith("30 trials; best: ");
    assertThat(picture).content().contains("<svg");
  }

  @ParameterizedTest
  @EnumSource(PathStudy.Variant.class)
  void everyVariantIsSearched(PathStudy.Variant variant) {
    Ran ran = run("dataflow", "--items", 4, "--evaluations", 6, "--variant", variant, "--hops", 8);
    assertThat(ran.err()).isEmpty();
    assertThat(ran.code()).isZero();
  }

  @Test
  void weightsThenPathsAreMeasuredBesideTheirSources() throws IOException {
    Path out = root.resolve("runs");
    Ran ran =
        run(
            "hybrid",
            "--items",
            6,
            "--evaluations",
            8,
            "--weight-evaluations",
            8,
            "--seeds",
            "1,2",
            "--out",
            out);
    assertThat(ran.err()).isEmpty();
    assertThat(ran.code()).isZero();
    assertThat(ran.out())
        .contains("math-en-2")
        .contains("path from math-en, search 2")
        .contains("weights, search 1")
        .contains("mean of 2: weights, then path")
        .contains("against weights");
    assertThat(out.resolve("hybrid-2/journal/ps/journal.jsonl")).exists();
    Ran drawn = run("draw", out.resolve("hybrid-1/journal/ps"), root.resolve("weights.svg"));
    assertThat(drawn.code()).isZero();
    assertThat(root.resolve("weights.svg")).content().contains("math-en-2");
  }

  @Test
  void aRecipeWithAPathIsCheckedDrawnAndWrittenInBothForms() throws IOException {
    Path recipe = ZOO.resolveSibling("recipes/data-flow.yaml");
    Ran checked = run("check", recipe, root.resolve("out"));
    assertThat(checked.err()).isEmpty();
    assertThat(checked.code()).isZero();
    assertThat(checked.out()).contains("8 hops through 7 layers");
    assertThat(run("draw", recipe, root.resolve("path.svg")).code()).isZero();
    assertThat(run("merge", recipe, root.resolve("out")).code()).isZero();
    Path task = root.resolve("few.jsonl");
    Files.write(task, Files.readAllLines(ZOO.resolve("tasks/ja_math.jsonl")).subList(0, 12));
    Ran evaluated = run("evaluate", root.resolve("out"), task);
    assertThat(evaluated.code()).isZero();
    assertThat(run("merge", recipe, root.resolve("compact"), "--compact").code()).isZero();
    try (Checkpoint compact = Checkpoints.open(root.resolve("compact"))) {
      assertThat(compact.tensors()).containsKeys("model.input_layers", "model.input_scales");
      assertThat(compact.layout().layerCount()).isEqualTo(7);
    }
  }

  @Test
  void whatCannotBeDrawnIsSaid() throws IOException {
    Path recipe = ZOO.resolveSibling("recipes/data-flow.yaml");
    Ran other = run("draw", recipe, root.resolve("path.jpg"));
    assertThat(other.code()).isEqualTo(2);
    assertThat(other.err()).contains("wanted a name in .svg or .png");
    Ran none = run("draw", Files.createDirectory(root.resolve("empty")), root.resolve("a.svg"));
    assertThat(none.code()).isEqualTo(1);
    assertThat(none.err()).contains("cannot read journal");
    assertThat(run("dataflow", "--models", "math-en,jaa").err()).contains("jaa");
    assertThat(run("dataflow", "--hops", "1").code()).isNotZero();
  }

  /** What is in a folder computes what was scored: logits and greedy text. */
  @ParameterizedTest
  @EnumSource(HopScaling.class)
  void aWrittenPathIsTheCandidate(HopScaling scaling) throws IOException {
    long seed = 20_240_319;
    Random random = new Random(seed);
    try (OnnxBackend backend = OnnxBackend.cpu();
        Tokenizer tokenizer = Tokenizer.open(ZOO.resolve("math-en"));
        EvoMerge search =
            EvoMerge.builder()
                .sources(ZOO.resolve("math-en"), ZOO.resolve("ja"))
                .searchSpace(DataFlowSpace.repeats(2).scaling(scaling))
                .maximize("none", candidate -> 0)
                .build()) {
      List<int[]> prompts = new ArrayList<>();
      Zoo.japaneseMath().split("train").limit(40).items().stream()
          .map(item -> tokenizer.encode(item.prompt()))
          .forEach(prompts::add);
      for (int i = 0; i < 3; i++) {
        MergeRecipe recipe = path(search.template(), random);
        check(search, backend, recipe, prompts, "seed " + seed + ", path " + i, 1e-3, true);
        MergeRecipe rounded = recipe.toBuilder().dtype(DType.BF16).build();
        check(search, backend, rounded, prompts, "seed " + seed + ", bf16 " + i, 3e-2, false);
      }
    }
  }

  private static MergeRecipe path(MergeRecipe template, Random random) {
    DataFlow flow = template.dataFlow().orElseThrow();
    List<Hop> hops = new ArrayList<>();
    for (int layer = 0; layer < 6; layer++) {
      double scale = Math.rint(100 * (0.8 + 0.5 * random.nextDouble())) / 100;
      hops.add(new Hop("math-en", layer, scale));
      if (random.nextInt(3) == 0) {
        hops.add(new Hop(random.nextBoolean() ? "ja" : "math-en", layer, 0.5));
      }
    }
    return template.toBuilder().dataFlow(flow.withHops(hops)).build();
  }

  private void check(
      EvoMerge search,
      OnnxBackend backend,
      MergeRecipe recipe,
      List<int[]> prompts,
      String what,
      double tolerance,
      boolean sameText)
      throws IOException {
    GenerationOptions options = new GenerationOptions(8, Set.of(2), 16);
    List<float[][]> logits = new ArrayList<>();
    List<List<int[]>> texts = new ArrayList<>();
    search.evaluate(
        recipe,
        candidate -> {
          LanguageModel model = backend.languageModel(candidate);
          logits.add(model.lastLogits(prompts));
          texts.add(model.generate(prompts, options));
          return 0;
        });
    Path folder = root.resolve(what.replace(' ', '-').replace(",", ""));
    search.write(recipe, folder);
    try (Checkpoint written = Checkpoints.open(folder)) {
      CandidateModel candidate = CandidateModels.load(written);
      LanguageModel model = backend.languageModel(candidate);
      logits.add(model.lastLogits(prompts));
      texts.add(model.generate(prompts, options));
      candidate.weights().close();
    }
    double largest = 0;
    double difference = 0;
    for (int i = 0; i < prompts.size(); i++) {
      for (int j = 0; j < logits.get(0)[i].length; j++) {
        largest = Math.max(largest, Math.abs(logits.get(0)[i][j]));
        difference = Math.max(difference, Math.abs(logits.get(0)[i][j] - logits.get(1)[i][j]));
      }
    }
    assertThat(difference / largest).as(what).isLessThan(tolerance);
    if (sameText) {
      assertThat(texts.get(1)).as(what).usingRecursiveComparison().isEqualTo(texts.get(0));
    }
  }
}
