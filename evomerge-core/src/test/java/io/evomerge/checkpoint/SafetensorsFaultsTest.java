package io.evomerge.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.exception.CheckpointException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class SafetensorsFaultsTest {

  @TempDir Path folder;

  static Stream<Arguments> badHeaders() {
    String ok = "\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]";
    return Stream.of(
        header("", 0, "not JSON in UTF-8"),
        header("{\"a\":", 0, "the header is not valid JSON"),
        header("hello world", 0, "the header is not valid JSON"),
        header("[1, 2]", 0, "must be a JSON object from its first byte, but is a JSON array"),
        header("17", 0, "must be a JSON object from its first byte, but is a JSON number"),
        header("   ", 0, "must be a JSON object from its first byte, but is empty"),
        header(" {}", 0, "must start with '{', but starts with white space"),
        header("{} {}", 0, "goes on after its JSON object"),
        header("{\u0000", 0, "not JSON in UTF-8"),
        header("{\"a\":{" + ok + "},\"a\":{" + ok + "}}", 8, "has a duplicate key"),
        header("{\"a\":{" + ok + ",\"dtype\":\"F16\"}}", 8, "has a duplicate key"),
        header("{\"a\":5}", 0, "tensor 'a' must be an object with dtype, shape and data_offsets"),
        header("{\"__metadata__\":{\"a\":1}}", 0, "__metadata__ must be an object of texts"),
        header("{\"__metadata__\":[]}", 0, "__metadata__ must be an object of texts"),
        tensor(
            "\"dtype\":\"F8_E4M3\",\"shape\":[8],\"data_offsets\":[0,8]",
            8,
            "tensor 'a' has dtype 'F8_E4M3', which is not supported: supported are [F64, F32,"),
        tensor(
            "\"dtype\":\"bfloat16\",\"shape\":[4],\"data_offsets\":[0,8]",
            8,
            "dtype 'bfloat16', which is not supported"),
        tensor("\"shape\":[2],\"data_offsets\":[0,8]", 8, "dtype must be a text, but is missing"),
        tensor("\"dtype\":\"F32\",\"data_offsets\":[0,8]", 8, "shape must be an array of whole"),
        tensor("\"dtype\":\"F32\",\"shape\":[2]", 8, "data_offsets must be an array of whole"),
        tensor("\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]", 8, "but is [-2]"),
        tensor("\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]", 8, "but is [2.0]"),
        tensor(
            "\"dtype\":\"F32\",\"shape\":[9223372036854775808],\"data_offsets\":[0,8]",
            8,
            "numbers from 0 to 2^63 - 1"),
        tensor(
            "\"dtype\":\"F32\",\"shape\":[4611686018427387904, 4],\"data_offsets\":[0,8]",
            8,
            "overflows 64 bits"),
        tensor(
            "\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,9]",
            8,
            "data_offsets must be [begin, end], but are [0, 8, 9]"),
        tensor(
            "\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]",
            8,
            "data_offsets [8, 0] are reversed"),
        tensor(
            "\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]",
            8,
            "shape [3] of F32 takes 12 bytes, but data_offsets [0, 8] hold 8"),
        tensor(ok, 7, "tensor 'a' ends at 8, outside the file, which has only 7 bytes of data"),
        tensor(ok, 11, "3 bytes follow the last tensor"),
        tensor(
            "\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]",
            12,
            "tensor 'a' begins at 4, which leaves a hole of 4 bytes before it"),
        header(
            "{\"a\":{" + ok + "},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[6,10]}}",
            10,
            "tensor 'b' begins at 6 and overlaps tensor 'a', which ends at 8"),
        header(
            "{\"a\":{" + ok + "},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[9,13]}}",
            13,
            "tensor 'b' begins at 9, which leaves a hole of 1 bytes"));
  }

  private static Arguments header(String header, int dataBytes, String message) {
    return Arguments.of(header, dataBytes, message);
  }

  private static Arguments tensor(String entry, int dataBytes, String message) {
    return header("{\"a\":{" + entry + "}}", dataBytes, message);
  }

  @ParameterizedTest
  @MethodSource("badHeaders")
  void aBadHeaderIsNamedWithItsFile(String header, int dataBytes, String message)
      throws IOException {
    Path file = folder.resolve("x.safetensors");
    Files.write(file, TestCheckpoints.safetensors(header, new byte[dataBytes]));
    assertThatThrownBy(() -> Checkpoints.open(file))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(file.toString())
        .hasMessageContaining(message);
  }

  private void assertRefused(byte[] content, String message) throws IOException {
    Path file = Files.write(folder.resolve("x.safetensors"), content);
    assertThatThrownBy(() -> Checkpoints.open(file))
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(file.toString())
        .hasMessageContaining(message);
  }

  @Test
  void aFileWithoutALengthFieldIsRefused() throws IOException {
    assertRefused(new byte[0], "the file has 0 bytes");
    assertRefused(new byte[7], "the file has 7 bytes");
  }

  @Test
  void aHeaderLongerThanTheFileIsRefused() throws IOException {
    byte[] content = ByteBuffer.allocate(20).order(ByteOrder.LITTLE_ENDIAN).putLong(0, 13).array();
    assertRefused(content, "says 13 bytes, but the whole file has 20: it is truncated");
  }

  @Test
  void aHeaderBeyondTheLimitIsRefused() throws IOException {
    ByteBuffer content = ByteBuffer.allocate(20).order(ByteOrder.LITTLE_ENDIAN);
    assertRefused(
        content.putLong(0, 100_000_001).array(),
        "says 100000001 bytes, but a header has at most 100000000");
    assertRefused(content.putLong(0, -1).array(), "says 18446744073709551615 bytes");
  }

  @Test
  void aGitLfsPointerIsRecognised() throws IOException {
    byte[] pointer =
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
            .getBytes(StandardCharsets.US_ASCII);
    assertRefused(pointer, "this is a Git LFS pointer, not the weights: run 'git lfs pull'");
  }

  @Test
  void everyTruncationOfAFileIsRefused() throws IOException {
    Path whole =
        TestCheckpoints.writeLlama(folder.resolve("m"), 1, 4, io.evomerge.tensor.DType.F16, 1);
    byte[] content = Files.readAllBytes(whole.resolve("model.safetensors"));
    Path file = folder.resolve("cut.safetensors");
    for (int length = 0; length < content.length; length += 37) {
      Files.write(file, java.util.Arrays.copyOf(content, length));
      assertThatThrownBy(() -> Checkpoints.open(file))
          .as("%d bytes", length)
          .isInstanceOf(CheckpointException.class);
    }
  }

  @Test
  void unknownKeysAndPaddingAndEmptyTensorsAreAllowed() throws IOException {
    String header =
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[0,0],\"note\":{\"x\":[1]}},"
            + "\"b\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]},"
            + "\"c\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[8,8]}}   ";
    Path file = folder.resolve("x.safetensors");
    Files.write(file, TestCheckpoints.safetensors(header, new byte[8]));
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      assertThat(checkpoint.tensors()).containsOnlyKeys("a", "b", "c");
      assertThat(TestCheckpoints.read(checkpoint, "a")).isEmpty();
      assertThat(TestCheckpoints.read(checkpoint, "b")).containsExactly(0f);
      assertThat(checkpoint.metadata()).isEmpty();
    }
  }

  @Test
  void aMissingLocationIsAnIoFailure() {
    assertThatThrownBy(() -> Checkpoints.open(folder.resolve("nowhere")))
        .isInstanceOf(NoSuchFileException.class)
        .hasMessageContaining("there is no checkpoint");
  }
}
