package io.evomerge.candidate;

import static org.assertj.core.api.Assertions.assertThat;

import io.evomerge.candidate.TinyModels.Family;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.TestCheckpoints;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.TensorMerge;
import io.evomerge.recipe.LayerRange;
import io.evomerge.recipe.LayerSlice;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MergeCheckTest {

  @TempDir Path folder;

  private static MergeReport check(MergeRecipe recipe, Path target) {
    return MergedModelWriter.builder().parallelism(2).build().check(recipe, Optional.of(target));
  }

  @Test
  void whatWillBeReadAndWrittenIsKnownFromHeaders() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, false)) {
      Path out = folder.resolve("some/where/out");
      MergeReport report = check(family.dareTies().dtype(DType.F32).build(), out);
      assertThat(report.problems()).isEmpty();
      assertThat(report.passes()).isTrue();
      long weights =
          TinyModels.tensors(DType.BF16, false).stream().mapToLong(TensorInfo::elementCount).sum();
      assertThat(report.parameterCount()).isEqualTo(weights);
      assertThat(report.bytesWritten()).isEqualTo(4 * weights);
      assertThat(report.bytesRead())
          .isEqualTo(
              3
                  * TinyModels.tensors(DType.BF16, false).stream()
                      .mapToLong(TensorInfo::byteSize)
                      .sum());
      assertThat(report.tensors()).isEqualTo(TinyModels.tensors(DType.BF16, false).size());
      assertThat(report.freeBytes().orElseThrow()).isPositive();
      assertThat(report.heapBytes()).isPositive();
      assertThat(report.mergeTime()).isPresent();
      assertThat(folder.resolve("some")).doesNotExist();
      WrittenModel written = MergedModelWriter.create().write(family.dareTies().build(), out);
      assertThat(written.parameterCount()).isEqualTo(report.parameterCount());
    }
  }

  @Test
  void everyProblemIsInOneList() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, false)) {
      List<TensorInfo> wider =
          TinyModels.tensors(DType.BF16, false).stream()
              .map(
                  info ->
                      info.name().contains("q_proj")
                          ? new TensorInfo(info.name(), info.dtype(), List.of(8L, 16L))
                          : info)
              .toList();
      Path wide = TinyModels.write(folder.resolve("wide"), wider, DType.BF16, false, 5);
      Files.createDirectories(folder.resolve("full"));
      Files.writeString(folder.resolve("full/notes.txt"), "keep me");
      MergeRecipe recipe =
          MergeRecipe.builder("slerp")
              .sources(family.refs())
              .source(new CheckpointRef("wide", wide.toString(), ""))
              .parameter("tt", 0.5)
              .build();
      MergeReport report = check(recipe, folder.resolve("full"));
      assertThat(report.passes()).isFalse();
      assertThat(String.join("\n", report.problems()))
          .contains("operator 'slerp' takes 1 to 2 sources, got 3")
          .contains("slerp has no parameter 'tt'; did you mean 't'?")
          .contains("slerp needs 't'")
          .contains("'model.layers.0.self_attn.q_proj.weight' [8, 16] against [8, 8]")
          .contains("is not empty: choose another, or allow overwriting");
      assertThat(report.problems()).doesNotHaveDuplicates();
      assertThat(folder.resolve("full/notes.txt")).hasContent("keep me");
    }
  }

  @Test
  void missingModelsAndUnknownOperatorsAreNamedTogether() {
    MergeRecipe recipe =
        MergeRecipe.builder("tiez")
            .base(new CheckpointRef("base", folder.resolve("base").toString(), ""))
            .source(new CheckpointRef("a", folder.resolve("a").toString(), ""))
            .build();
    MergeReport report = check(recipe, folder.resolve("out"));
    assertThat(String.join("\n", report.problems()))
        .contains("unknown operator 'tiez'; did you mean 'ties'?")
        .contains("base 'base': ")
        .contains("source 'a': ");
  }

  @Test
  void slicesAreCheckedToo() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, false)) {
      MergeRecipe recipe =
          MergeRecipe.builder("passthrough")
              .sources(family.refs())
              .slices(
                  List.of(
                      new LayerSlice(List.of(new LayerRange("ja", 0, 2))),
                      new LayerSlice(List.of(new LayerRange("math", 1, 4)))))
              .build();
      assertThat(check(recipe, folder.resolve("out")).problems())
          .singleElement()
          .asString()
          .contains("'math' has 2 layers, a slice wants [1, 4)");
    }
  }

  @Test
  void aTargetThatWouldReplaceWhatIsMergedIsNoticed() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, false)) {
      MergeRecipe recipe = family.dareTies().build();
      MergedModelWriter writer =
          MergedModelWriter.builder()
              .writeOptions(WriteOptions.defaults().withOverwrite(true))
              .build();
      Path source = folder.resolve("ja");
      assertThat(writer.check(recipe, Optional.of(source)).problems())
          .containsExactly(
              "target " + source + ": 'ja', which is merged, lies there; choose another folder");
      assertThat(writer.check(recipe, Optional.of(folder)).problems()).hasSize(3);
      Path below = source.resolve("config.json/out");
      assertThat(writer.check(recipe, Optional.of(below)).problems())
          .singleElement()
          .asString()
          .endsWith("config.json is a file, so nothing can be written below it");
    }
  }

  @Test
  void slicesOfFewerModelsThanTheRecipeHasAreTimedToo() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, false)) {
      MergeRecipe recipe =
          MergeRecipe.builder("passthrough")
              .sources(family.refs())
              .perSource("scale", 1, 0.5)
              .slices(
                  List.of(
                      new LayerSlice(List.of(new LayerRange("ja", 0, 2))),
                      new LayerSlice(List.of(new LayerRange("math", 0, 2)))))
              .build();
      MergeReport report = check(recipe, folder.resolve("out"));
      assertThat(report.problems()).isEmpty();
      assertThat(report.mergeTime()).isPresent();
    }
  }

  @Test
  void whatHoldsMatricesTakesLongerTheLargerTheyAreAndSparesTheEmbeddings() throws Exception {
    MergeReport narrow = whole("narrow", 64, 1 << 14);
    MergeReport square = whole("square", 1 << 10, 1 << 10);
    assertThat(square.parameterCount()).isEqualTo(narrow.parameterCount());
    double more = square.mergeTime().orElseThrow().toNanos();
    assertThat(more).isGreaterThan(1.5 * narrow.mergeTime().orElseThrow().toNanos());
    assertThat(square.heapBytes()).isEqualTo(8L << 20);
  }

  /** Checks a merge by an operator that holds matrices and always takes about as long. */
  private MergeReport whole(String name, int rows, int columns) throws Exception {
    Map<String, List<Long>> shapes =
        Map.of(
            "model.embed_tokens.weight", List.of(1L << 18, 8L),
            "model.layers.0.self_attn.q_proj.weight", List.of((long) rows, (long) columns));
    Map<String, float[]> tensors = new TreeMap<>();
    shapes.forEach((tensor, shape) -> tensors.put(tensor, new float[1 << 21]));
    tensors.put("model.layers.0.self_attn.q_proj.weight", new float[1 << 20]);
    Path model = folder.resolve(name);
    TestCheckpoints.write(
        model, tensors, shapes, DType.BF16, TestCheckpoints.llamaConfig(1, columns));
    MergeRecipe recipe =
        MergeRecipe.builder("whole")
            .base(new CheckpointRef("base", model.toString(), ""))
            .source(new CheckpointRef("a", model.toString(), ""))
            .build();
    return MergedModelWriter.builder()
        .operator(new WholeOperator())
        .parallelism(1)
        .build()
        .check(recipe, Optional.empty());
  }

  private static final class WholeOperator implements MergeOperator {
    @Override
    public String name() {
      return "whole";
    }

    @Override
    public List<ParameterSpec> parameters() {
      return List.of();
    }

    @Override
    public BaseModel baseModel() {
      return BaseModel.REQUIRED;
    }

    @Override
    public long scratchBytes(TensorInfo tensor, int sources) {
      return tensor.shape().size() == 2 ? 8 * tensor.elementCount() : 1;
    }

    @Override
    public void merge(TensorMerge task, TensorSink sink) {
      long end = System.nanoTime() + 20_000_000;
      while (System.nanoTime() < end) {
        Thread.onSpinWait();
      }
    }
  }

  @Test
  void statisticsThatAMethodNeedsAreMissedBeforeAnyWork() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, false)) {
      MergeRecipe recipe = MergeRecipe.builder("regmean").sources(family.refs()).build();
      assertThat(check(recipe, folder.resolve("out")).problems())
          .hasSize(2)
          .allMatch(problem -> problem.contains("needs activation statistics of every source"));
    }
  }
}
