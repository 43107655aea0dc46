package io.evomerge.candidate;

import static org.assertj.core.api.Assertions.assertThat;

import io.evomerge.candidate.TinyModels.Family;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.recipe.LayerRange;
import io.evomerge.recipe.LayerSlice;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
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
}
