package io.evomerge.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.evomerge.exception.CheckpointException;
import io.evomerge.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointFormatTest extends CheckpointFormatContract {

  /** A format of another module: a file that holds the path of a folder. */
  public static final class Text implements CheckpointFormat {

    @Override
    public String name() {
      return "text files with a path";
    }

    @Override
    public boolean accepts(Path location) {
      return location.toString().endsWith(".path");
    }

    @Override
    public Checkpoint open(Path location, String name) throws IOException {
      return Checkpoints.open(location.resolveSibling(Files.readString(location)), name);
    }
  }

  @TempDir Path root;

  @Override
  protected CheckpointFormat format() {
    return new Text();
  }

  @Override
  protected Path write(Path folder) throws IOException {
    TestCheckpoints.writeLlama(folder.resolve("model"), 1, 4, DType.F16, 1);
    return Files.writeString(folder.resolve("here.path"), "model");
  }

  @Test
  void aFormatOfAnotherModuleIsFound() throws IOException {
    TestCheckpoints.write(
        root.resolve("model"),
        Map.of("a", new float[] {1}),
        Map.of(),
        DType.F32,
        JsonNodeFactory.instance.objectNode());
    Path file = Files.writeString(root.resolve("here.path"), "model");
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      assertThat(checkpoint.name()).isEqualTo("here.path");
      assertThat(checkpoint.tensors()).containsOnlyKeys("a");
    }
  }

  @Test
  void aLocationThatNoFormatAcceptsIsToldAllFormats() throws IOException {
    Path file = Files.writeString(root.resolve("model.gguf"), "x");
    assertThatThrownBy(() -> Checkpoints.open(file))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining(
            "supported are Hugging Face folders with safetensors weights and .safetensors files,"
                + " text files with a path");
  }
}
