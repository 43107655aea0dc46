package io.evomerge.candidate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.evomerge.candidate.TinyModels.Family;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.RecipeException;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterValue;
import io.evomerge.recipe.RecipeFiles;
import io.evomerge.tensor.DType;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MergedModelWriterTest {

  @TempDir Path folder;

  private Map<String, String> write(MergeRecipe recipe, int threads, String out) throws Exception {
    Path target = folder.resolve(out);
    MergedModelWriter.builder()
        .parallelism(threads)
        .writeOptions(WriteOptions.defaults().withMaxShardBytes(400))
        .build()
        .write(recipe, target);
    return TinyModels.files(target);
  }

  @Test
  void bytesDependOnNeitherThreadsNorTime() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, false)) {
      MergeRecipe recipe =
          family
              .dareTies()
              .group(TensorSelector.parse("layers.1"), Map.of("weight", ParameterValue.of(0.25)))
              .build();
      Map<String, String> one = write(recipe, 1, "one");
      assertThat(one.keySet())
          .contains("model.safetensors.index.json", "recipe.yaml", "generation_config.json");
      assertThat(write(recipe, 4, "four")).isEqualTo(one);
      assertThat(write(recipe, 4, "again")).isEqualTo(one);
      assertThat(write(recipe.toBuilder().seed(43).build(), 4, "other")).isNotEqualTo(one);
    }
  }

  @Test
  void theWrittenRecipeMakesTheSameModelAgain() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, false)) {
      List<CheckpointRef> withoutDigests =
          family.refs().stream().map(r -> new CheckpointRef(r.name(), r.location(), "")).toList();
      MergeRecipe recipe = family.dareTies().sources(withoutDigests).build();
      Path out = folder.resolve("out");
      WrittenModel written = MergedModelWriter.create().write(recipe, out);
      assertThat(written.recipe()).isEqualTo(family.dareTies().build());
      MergeRecipe read = RecipeFiles.read(out.resolve("recipe.yaml"));
      assertThat(read).isEqualTo(family.dareTies().build());
      MergedModelWriter.create().write(read, folder.resolve("rebuilt"));
      assertThat(TinyModels.files(folder.resolve("rebuilt"))).isEqualTo(TinyModels.files(out));
      try (Checkpoint model = Checkpoints.open(out)) {
        assertThat(model.metadata())
            .containsEntry("format", "pt")
            .containsEntry("evomerge.recipe", read.canonicalJson())
            .containsEntry("evomerge.recipe.sha256", read.digest())
            .containsKey("evomerge.version");
        assertThat(written.parameterCount())
            .isEqualTo(model.tensors().values().stream().mapToLong(t -> t.elementCount()).sum());
        assertThat(written.bytes())
            .isEqualTo(model.tensors().values().stream().mapToLong(t -> t.byteSize()).sum());
      }
    }
  }

  @Test
  void theFolderIsCompleteAndItsConfigurationTellsTheTruth() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, false)) {
      Path own = folder.resolve("own");
      MergedModelWriter.create().write(family.dareTies().build(), own);
      for (String file :
          List.of("config.json", "generation_config.json", "tokenizer_config.json")) {
        assertThat(own.resolve(file)).hasSameBinaryContentAs(folder.resolve("base").resolve(file));
      }
      Path half = folder.resolve("half");
      MergedModelWriter.create()
          .write(family.dareTies().dtype(DType.F16).tokenizer("math").build(), half);
      assertThat(Files.readString(half.resolve("tokenizer_config.json"))).contains("\"math\"");
      var config = JsonMapper.builder().build().readTree(half.resolve("config.json").toFile());
      assertThat(config.path("torch_dtype").asText()).isEqualTo("float16");
      assertThat(config.path("vocab_size").asInt()).isEqualTo(11);
      try (Checkpoint model = Checkpoints.open(half)) {
        assertThat(model.tensors().values()).allMatch(t -> t.dtype() == DType.F16);
      }
    }
  }

  @Test
  void anotherModelThanTheRecipeMeansIsRefusedBeforeAnythingIsWritten() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, false)) {
      CheckpointRef ja = family.refs().get(0);
      String wrong = "f".repeat(64);
      MergeRecipe recipe =
          family
              .dareTies()
              .sources(
                  List.of(new CheckpointRef(ja.name(), ja.location(), wrong), family.refs().get(1)))
              .build();
      assertThatThrownBy(() -> MergedModelWriter.create().write(recipe, folder.resolve("out")))
          .isInstanceOf(RecipeException.class)
          .hasMessageContaining("'ja'")
          .hasMessageContaining(wrong)
          .hasMessageContaining(ja.sha256());
      assertThatThrownBy(
              () ->
                  MergedModelWriter.create()
                      .write(
                          family.dareTies().parameter("weigth", 1).build(), folder.resolve("out")))
          .isInstanceOf(RecipeException.class)
          .hasMessageContaining("did you mean 'weight'?");
      assertThatThrownBy(
              () ->
                  MergedModelWriter.create()
                      .write(
                          MergeRecipe.builder("dare_tie").source(ja).build(),
                          folder.resolve("out")))
          .isInstanceOf(RecipeException.class)
          .hasMessageContaining("did you mean 'dare_ties'?");
      assertNothingLeft();
    }
  }

  @Test
  void aModelIsNeverReplacedWhileItIsMerged() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, false)) {
      MergedModelWriter writer =
          MergedModelWriter.builder()
              .writeOptions(WriteOptions.defaults().withOverwrite(true))
              .build();
      for (Path target : List.of(folder.resolve("ja"), folder, folder.resolve("x/../base"))) {
        assertThatThrownBy(() -> writer.write(family.dareTies().build(), target))
            .isInstanceOf(ConfigurationException.class)
            .hasMessageContaining("choose another folder");
      }
    }
  }

  @Test
  void progressCountsEveryTensorOnce() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, false)) {
      List<MergeProgress> seen = new ArrayList<>();
      WrittenModel written =
          MergedModelWriter.builder()
              .parallelism(3)
              .progress(seen::add)
              .build()
              .write(family.dareTies().build(), folder.resolve("out"));
      assertThat(seen)
          .extracting(MergeProgress::tensorsDone)
          .containsExactly(1, 2, 3, 4, 5, 6, 7, 8, 9);
      assertThat(seen).extracting(MergeProgress::tensor).doesNotHaveDuplicates().hasSize(9);
      MergeProgress last = seen.get(8);
      assertThat(last.bytesDone()).isEqualTo(last.bytes()).isEqualTo(written.bytes());
    }
  }

  @Test
  void aFailureLeavesNothingBehindAndEndsItsThreads() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, false)) {
      IllegalStateException planned = new IllegalStateException("planned");
      MergedModelWriter writer =
          MergedModelWriter.builder()
              .parallelism(4)
              .progress(
                  done -> {
                    if (done.tensorsDone() == 3) {
                      throw planned;
                    }
                  })
              .build();
      assertThatThrownBy(() -> writer.write(family.dareTies().build(), folder.resolve("out")))
          .isSameAs(planned);
      assertNothingLeft();
    }
  }

  @Test
  void anInterruptLeavesNothingBehind() throws Exception {
    try (Family family = Family.write(folder, DType.BF16, false)) {
      for (int threads : new int[] {1, 4}) {
        Thread caller = Thread.currentThread();
        MergedModelWriter writer =
            MergedModelWriter.builder()
                .parallelism(threads)
                .progress(
                    done -> {
                      if (done.tensorsDone() == 2) {
                        caller.interrupt();
                      }
                    })
                .build();
        assertThatThrownBy(
                () ->
                    writer.write(
                        family.dareTies().build(),
                        Optional.of(family.base()),
                        family.sources(),
                        folder.resolve("out")))
            .isInstanceOf(InterruptedIOException.class);
        assertThat(Thread.interrupted()).as("the interrupt is kept for the caller").isTrue();
        assertNothingLeft();
      }
      MergedModelWriter.create().write(family.dareTies().build(), folder.resolve("out"));
      assertThat(folder.resolve("out")).isDirectory();
    }
  }

  private void assertNothingLeft() throws Exception {
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left.map(p -> p.getFileName().toString()))
          .containsExactlyInAnyOrder("base", "ja", "math");
    }
  }

  @Test
  void aWriterNeedsAThread() {
    assertThatThrownBy(() -> MergedModelWriter.builder().parallelism(0).build())
        .isInstanceOf(ConfigurationException.class);
  }
}
