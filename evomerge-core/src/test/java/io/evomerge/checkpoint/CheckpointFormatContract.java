package io.evomerge.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.tensor.TensorView;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What every {@link CheckpointFormat} must hold; a test class of a format extends this. */
public abstract class CheckpointFormatContract {

  /** For subclasses. */
  protected CheckpointFormatContract() {}

  /** Returns the format under test. */
  protected abstract CheckpointFormat format();

  /**
   * Writes a model of this format with at least one floating-point tensor.
   *
   * @param folder an empty folder to write into
   * @return the location to open
   */
  protected abstract Path write(Path folder) throws IOException;

  @Test
  void acceptsItsOwnAndNoOther(@TempDir Path folder) throws IOException {
    assertThat(format().name()).isNotBlank();
    assertThat(format().accepts(write(folder))).isTrue();
    Path other = Files.createFile(folder.resolve("a.of-no-format"));
    assertThat(format().accepts(other)).isFalse();
  }

  @Test
  void theServiceIsFound(@TempDir Path folder) throws IOException {
    Path location = write(folder);
    try (Checkpoint found = Checkpoints.open(location);
        Checkpoint opened = format().open(location, "mine")) {
      assertThat(opened.name()).isEqualTo("mine");
      assertThat(opened.location()).isNotNull();
      assertThat(found.tensors()).isEqualTo(opened.tensors()).isNotEmpty();
      assertThat(found.sha256()).isEqualTo(opened.sha256()).matches("[0-9a-f]{64}");
    }
  }

  @Test
  void tensorsAreReadInAnyOrderUntilTheCheckpointIsClosed(@TempDir Path folder) throws IOException {
    Checkpoint checkpoint = format().open(write(folder), "mine");
    assertThat(List.copyOf(checkpoint.tensors().keySet())).isSorted();
    String name =
        checkpoint.tensors().values().stream()
            .filter(info -> info.dtype().isFloating())
            .findFirst()
            .orElseThrow()
            .name();
    TensorView view = checkpoint.tensor(name);
    int count = Math.toIntExact(view.info().elementCount());
    float[] whole = new float[count];
    view.readFloats(0, whole, 0, count);
    float[] pieces = new float[count];
    for (int i = count - 1; i >= 0; i--) {
      view.readFloats(i, pieces, i, 1);
    }
    assertThat(pieces).isEqualTo(whole);
    assertThatThrownBy(() -> view.readFloats(1, whole, 0, count))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> checkpoint.tensor("no such tensor"))
        .isInstanceOf(IllegalArgumentException.class);
    checkpoint.close();
    checkpoint.close();
    assertThatThrownBy(() -> view.readFloats(0, whole, 0, 1))
        .isInstanceOf(IllegalStateException.class);
  }
}
