package io.evomerge.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.exception.CheckpointException;
import io.evomerge.exception.IncompatibleCheckpointsException;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ActivationStatisticsTest {

  private static final Map<String, List<String>> SHARED = Map.of("q", List.of("q", "k"));

  @TempDir Path folder;

  @Test
  void aMatrixIsFoundUnderAllWeightsThatShareIt() throws IOException {
    Path path = folder.resolve("statistics.safetensors");
    try (Checkpoint model = model("model", 1)) {
      write(path, model, SHARED);
      try (ActivationStatistics statistics = ActivationStatistics.open(path)) {
        assertThat(statistics.weights()).containsExactly("k", "q");
        assertThat(statistics.tokens()).isEqualTo(7);
        assertThat(statistics.matrix("norm")).isEmpty();
        for (String weight : statistics.weights()) {
          float[] values = new float[4];
          statistics.matrix(weight).orElseThrow().readFloats(0, values, 0, 4);
          assertThat(values).containsExactly(1, 2, 2, 5);
        }
        statistics.requireOf(model);
        try (Checkpoint file = Checkpoints.open(path)) {
          assertThat(file.tensors()).containsOnlyKeys("q");
          assertThat(file.metadata()).containsEntry("matrix_of:k", "q");
          assertThat(statistics.ref()).isEqualTo(file.ref());
        }
      }
    }
  }

  @Test
  void nothingIsReadAfterItIsClosed() throws IOException {
    Path path = folder.resolve("statistics.safetensors");
    try (Checkpoint model = model("model", 1)) {
      write(path, model, SHARED);
    }
    ActivationStatistics statistics = ActivationStatistics.open(path);
    statistics.close();
    statistics.close();
    assertThatThrownBy(() -> statistics.matrix("q").orElseThrow().readFloats(0, new float[1], 0, 1))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void statisticsOfAnotherModelAreRefused() throws IOException {
    Path path = folder.resolve("statistics.safetensors");
    try (Checkpoint model = model("model", 1);
        Checkpoint other = model("other", 2)) {
      write(path, model, SHARED);
      try (ActivationStatistics statistics = ActivationStatistics.open(path)) {
        assertThatThrownBy(() -> statistics.requireOf(other))
            .isInstanceOf(IncompatibleCheckpointsException.class)
            .hasMessageContaining("'other'")
            .hasMessageContaining(model.sha256())
            .hasMessageContaining(other.sha256());
      }
    }
  }

  @Test
  void otherFilesAreRefused() throws IOException {
    model("model", 1).close();
    assertThatThrownBy(() -> ActivationStatistics.open(folder.resolve("model.safetensors")))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("no file of activation statistics");
    Map<String, String> good = Map.of("kind", "activation_statistics", "tokens", "3");
    assertThatThrownBy(() -> open(good, new TensorInfo("q", DType.F32, List.of(2L, 3L))))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("'q' has shape [2, 3]");
    TensorInfo square = new TensorInfo("q", DType.F32, List.of(2L, 2L));
    assertThatThrownBy(
            () ->
                open(
                    Map.of("kind", "activation_statistics", "tokens", "3", "matrix_of:k", "v"),
                    square))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("'v', which is not there");
    for (String tokens : new String[] {"", "0", "-1", "many"}) {
      assertThatThrownBy(
              () -> open(Map.of("kind", "activation_statistics", "tokens", tokens), square))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("'tokens'");
    }
  }

  @Test
  void whatDoesNotFitTheModelIsNotWritten() throws IOException {
    Path path = folder.resolve("statistics.safetensors");
    try (Checkpoint model = model("model", 1)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> write(path, model, Map.of("q", List.of("q", "wide"))))
          .withMessageContaining("'wide'");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> write(path, model, Map.of("norm", List.of("norm"))))
          .withMessageContaining("no matrix");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> write(path, model, Map.of("q", List.of("q", "k", "k"))))
          .withMessageContaining("twice");
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> ActivationStatistics.create(path, model, 0, SHARED, WriteOptions.defaults()))
          .withMessageContaining("tokens");
      assertThat(path).doesNotExist();
      write(path, model, SHARED);
      assertThatThrownBy(() -> write(path, model, SHARED))
          .isInstanceOf(FileAlreadyExistsException.class);
    }
  }

  private void open(Map<String, String> metadata, TensorInfo info) throws IOException {
    Path path = folder.resolve("bad.safetensors");
    WriteOptions options = WriteOptions.defaults().withOverwrite(true);
    try (CheckpointWriter writer =
        CheckpointWriter.createFile(path, List.of(info), metadata, options)) {
      int count = (int) info.elementCount();
      writer.sink(info.name()).writeFloats(0, new float[count], 0, count);
      writer.commit();
    }
    ActivationStatistics.open(path).close();
  }

  private static void write(Path path, Checkpoint model, Map<String, List<String>> weights)
      throws IOException {
    try (CheckpointWriter writer =
        ActivationStatistics.create(path, model, 7, weights, WriteOptions.defaults())) {
      writer.sink("q").writeFloats(0, new float[] {1, 2, 2, 5}, 0, 4);
      writer.commit();
    }
  }

  private Checkpoint model(String name, float value) throws IOException {
    List<TensorInfo> tensors =
        List.of(
            new TensorInfo("q", DType.F32, List.of(3L, 2L)),
            new TensorInfo("k", DType.F32, List.of(1L, 2L)),
            new TensorInfo("wide", DType.F32, List.of(1L, 4L)),
            new TensorInfo("norm", DType.F32, List.of(2L)));
    Path path = folder.resolve(name + ".safetensors");
    try (CheckpointWriter writer =
        CheckpointWriter.createFile(path, tensors, Map.of(), WriteOptions.defaults())) {
      for (TensorInfo info : tensors) {
        int count = (int) info.elementCount();
        float[] values = new float[count];
        Arrays.fill(values, value);
        writer.sink(info.name()).writeFloats(0, values, 0, count);
      }
      writer.commit();
    }
    return Checkpoints.open(path, name);
  }
}
