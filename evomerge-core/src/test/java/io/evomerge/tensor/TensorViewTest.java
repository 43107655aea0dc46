package io.evomerge.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class TensorViewTest {

  @TempDir Path folder;

  @Test
  void aViewOverBytesReadsFloatsAndRawBytes() {
    byte[] bytes = {0x80 - 256, 0x3f, 0, 0xc0 - 256};
    TensorView view = TensorViews.of(new TensorInfo("t", DType.BF16, List.of(2L)), bytes);

    float[] floats = new float[3];
    view.readFloats(0, floats, 1, 2);
    byte[] raw = new byte[2];
    view.readBytes(2, raw, 0, 2);

    assertThat(floats).containsExactly(0f, 1f, -2f);
    assertThat(raw).containsExactly(0, 0xc0);
    assertThatThrownBy(() -> view.readFloats(1, floats, 0, 2))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> view.readFloats(0, floats, 2, 2))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> view.readBytes(3, raw, 0, 2))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void aViewOverPartOfABufferKeepsToThatPart() {
    ByteBuffer bytes = ByteBuffer.allocateDirect(12).position(4).limit(8);
    TensorView view = TensorViews.of(new TensorInfo("t", DType.F32, List.of()), bytes);
    bytes.put(7, (byte) 0x40);
    float[] value = new float[1];
    view.readFloats(0, value, 0, 1);
    assertThat(value[0]).isEqualTo(2f);
  }

  @Test
  void aViewOfIntegersGivesNoFloats() {
    TensorView view = TensorViews.of(new TensorInfo("ids", DType.I64, List.of(1L)), new byte[8]);
    assertThatThrownBy(() -> view.readFloats(0, new float[1], 0, 1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("'ids' holds I64");
  }

  @Test
  void bytesOfAnotherLengthAreRefused() {
    TensorInfo info = new TensorInfo("t", DType.F32, List.of(2L));
    assertThatThrownBy(() -> TensorViews.of(info, new byte[7]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("takes 8 bytes, not 7");
  }

  @ParameterizedTest
  @EnumSource(names = {"F64", "F32", "F16", "BF16"})
  void elementsAcrossWindowsAtAnyAlignmentReadLikeElementsInMemory(DType type) throws IOException {
    byte[] content = new byte[4099];
    new Random(7).nextBytes(content);
    Path file = Files.write(folder.resolve("data"), content);
    for (int window : new int[] {1, 3, 8, 64, 1000, 4096, 8192}) {
      try (MappedFile mapped = MappedFile.open(file, window)) {
        for (int start : new int[] {0, 1, 5}) {
          int elements = (content.length - start) / type.size();
          TensorInfo info = new TensorInfo("t", type, List.of((long) elements));
          byte[] part =
              java.util.Arrays.copyOfRange(content, start, start + elements * type.size());
          float[] expected = new float[elements];
          TensorViews.of(info, part).readFloats(0, expected, 0, elements);

          TensorView view = mapped.tensor(info, start);
          float[] actual = new float[elements];
          view.readFloats(0, actual, 0, elements);
          byte[] raw = new byte[part.length];
          view.readBytes(0, raw, 0, raw.length);
          float[] tail = new float[3];
          view.readFloats(elements - 3, tail, 0, 3);

          assertThat(raw).isEqualTo(part);
          assertThat(bits(actual)).isEqualTo(bits(expected));
          assertThat(bits(tail)[0]).isEqualTo(bits(expected)[elements - 3]);
        }
      }
    }
  }

  private static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(values[i]);
    }
    return bits;
  }

  @Test
  void aClosedFileIsNotRead() throws IOException {
    Path file = Files.write(folder.resolve("data"), new byte[8]);
    MappedFile mapped = MappedFile.open(file);
    TensorView view = mapped.tensor(new TensorInfo("t", DType.F32, List.of(2L)), 0);
    mapped.close();
    mapped.close();
    assertThatThrownBy(() -> view.readFloats(0, new float[1], 0, 1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("data is closed");
    assertThatThrownBy(() -> mapped.readBytes(0, new byte[1], 0, 1))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void aTensorOutsideTheFileIsRefused() throws IOException {
    Path file = Files.write(folder.resolve("data"), new byte[8]);
    try (MappedFile mapped = MappedFile.open(file)) {
      TensorInfo info = new TensorInfo("t", DType.F32, List.of(2L));
      assertThatThrownBy(() -> mapped.tensor(info, 1))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @Test
  void anEmptyFileMapsToNothing() throws IOException {
    Path file = Files.write(folder.resolve("empty"), new byte[0]);
    try (MappedFile mapped = MappedFile.open(file)) {
      assertThat(mapped.size()).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, (1 << 30) + 1})
  void windowsOfAnImpossibleSizeAreRefused(int window) {
    assertThatThrownBy(() -> MappedFile.open(folder.resolve("x"), window))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aMissingFileIsAnIoFailure() {
    assertThatThrownBy(() -> MappedFile.open(folder.resolve("missing")))
        .isInstanceOf(NoSuchFileException.class);
  }
}
