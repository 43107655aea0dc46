package io.evomerge.checkpoint;

import static io.evomerge.checkpoint.TestCheckpoints.encode;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointWriterTest {

  @TempDir Path root;
  private Path target;

  @BeforeEach
  void chooseTarget() {
    target = root.resolve("merged");
  }

  private static TensorInfo info(String name, DType dtype, Long... shape) {
    return new TensorInfo(name, dtype, List.of(shape));
  }

  private static CheckpointWriter writer(Path target, WriteOptions options, TensorInfo... tensors)
      throws IOException {
    return CheckpointWriter.create(target, List.of(tensors), Map.of(), options);
  }

  private static void fill(CheckpointWriter writer, TensorInfo... tensors) {
    for (TensorInfo tensor : tensors) {
      float[] values = new float[(int) tensor.elementCount()];
      for (int i = 0; i < values.length; i++) {
        values[i] = i + 1;
      }
      writer.sink(tensor.name()).writeFloats(0, values, 0, values.length);
    }
  }

  private List<String> filesIn(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(f -> f.getFileName().toString()).sorted().collect(Collectors.toList());
    }
  }

  @Test
  void goldenBytesAreThoseOfTheReferenceImplementation() throws IOException {
    TensorInfo a = info("a", DType.BF16, 2L, 1L);
    TensorInfo b = info("b", DType.F32);
    TensorInfo c = info("c", DType.U8, 3L);
    try (CheckpointWriter writer = writer(target, WriteOptions.defaults(), c, a, b)) {
      writer.sink("a").writeFloats(0, new float[] {1, -2}, 0, 2);
      writer.sink("b").writeFloats(0, new float[] {0.5f}, 0, 1);
      writer.sink("c").writeBytes(0, new byte[] {7, 8, 9}, 0, 3);
      writer.commit();
    }
    String header =
        "{\"__metadata__\":{\"format\":\"pt\"},"
            + "\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
            + "\"a\":{\"dtype\":\"BF16\",\"shape\":[2,1],\"data_offsets\":[4,8]},"
            + "\"c\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[8,11]}}";
    header += " ".repeat((8 - header.length() % 8) % 8);
    byte[] data = {0, 0, 0, 0x3f, (byte) 0x80, 0x3f, 0, (byte) 0xc0, 7, 8, 9};
    assertThat(Files.readAllBytes(target.resolve("model.safetensors")))
        .isEqualTo(TestCheckpoints.safetensors(header, data));
    assertThat(filesIn(target)).containsExactly("model.safetensors");
    assertThat(filesIn(root)).containsExactly("merged");
  }

  @Test
  void everyElementTypeComesBack() throws IOException {
    List<TensorInfo> tensors = new ArrayList<>();
    for (DType type : DType.values()) {
      tensors.add(info(type.name(), type, 3L));
    }
    Map<String, byte[]> raw = new TreeMap<>();
    Random random = new Random(11);
    try (CheckpointWriter writer =
        CheckpointWriter.create(target, tensors, Map.of("note", "müde"), WriteOptions.defaults())) {
      for (TensorInfo tensor : tensors) {
        byte[] bytes = new byte[(int) tensor.byteSize()];
        random.nextBytes(bytes);
        if (tensor.dtype().isFloating()) {
          float[] values = {1, -1.5f, 1024};
          bytes = encode(tensor.dtype(), values);
          writer.sink(tensor.name()).writeFloats(2, values, 2, 1);
          writer.sink(tensor.name()).writeFloats(0, values, 0, 2);
        } else {
          writer.sink(tensor.name()).writeBytes(0, bytes, 0, bytes.length);
        }
        raw.put(tensor.name(), bytes);
      }
      writer.commit();
    }
    try (Checkpoint checkpoint = Checkpoints.open(target)) {
      assertThat(checkpoint.metadata()).isEqualTo(Map.of("format", "pt", "note", "müde"));
      assertThat(checkpoint.tensors().values()).containsExactlyInAnyOrderElementsOf(tensors);
      raw.forEach(
          (name, expected) -> {
            byte[] actual = new byte[expected.length];
            checkpoint.tensor(name).readBytes(0, actual, 0, actual.length);
            assertThat(actual).as(name).isEqualTo(expected);
          });
    }
  }

  @Test
  void shardsAndIndexAreThoseOfTransformers() throws IOException {
    TensorInfo[] tensors = {
      info("a", DType.F32, 2L),
      info("b", DType.F32, 1L),
      info("c", DType.F32, 100L),
      info("d", DType.F32, 1L),
      info("e", DType.F16, 2L)
    };
    try (CheckpointWriter writer =
        writer(target, WriteOptions.defaults().withMaxShardBytes(12), tensors)) {
      fill(writer, tensors);
      writer.commit();
    }
    assertThat(filesIn(target))
        .containsExactly(
            "model-00001-of-00003.safetensors",
            "model-00002-of-00003.safetensors",
            "model-00003-of-00003.safetensors",
            "model.safetensors.index.json");
    assertThat(Files.readString(target.resolve("model.safetensors.index.json")))
        .isEqualTo(
            """
            {
              "metadata": {
                "total_size": 420
              },
              "weight_map": {
                "a": "model-00002-of-00003.safetensors",
                "b": "model-00002-of-00003.safetensors",
                "c": "model-00001-of-00003.safetensors",
                "d": "model-00003-of-00003.safetensors",
                "e": "model-00003-of-00003.safetensors"
              }
            }
            """);
    try (Checkpoint checkpoint = Checkpoints.open(target)) {
      assertThat(checkpoint.tensors().values()).containsExactly(tensors);
      assertThat(TestCheckpoints.read(checkpoint, "c")[99]).isEqualTo(100);
      assertThat(TestCheckpoints.read(checkpoint, "e")).containsExactly(1, 2);
    }
  }

  @Test
  void threadsWriteDifferentTensorsAndTheBytesDoNotDependOnThem() throws Exception {
    Map<String, List<Long>> shapes = TestCheckpoints.llamaShapes(3, 64, 700, 1000);
    Map<String, float[]> values = TestCheckpoints.random(shapes, 5);
    List<TensorInfo> tensors = new ArrayList<>();
    shapes.forEach((name, shape) -> tensors.add(new TensorInfo(name, DType.BF16, shape)));
    List<byte[]> results = new ArrayList<>();
    for (int threads : new int[] {1, 4}) {
      Path folder = root.resolve("threads-" + threads);
      ExecutorService pool = Executors.newFixedThreadPool(threads);
      try (CheckpointWriter writer =
          CheckpointWriter.create(folder, tensors, Map.of(), WriteOptions.defaults())) {
        List<TensorInfo> order = new ArrayList<>(tensors);
        Collections.shuffle(order, new Random(threads));
        List<Future<?>> writes = new ArrayList<>();
        for (TensorInfo tensor : order) {
          writes.add(
              pool.submit(
                  () -> {
                    float[] source = values.get(tensor.name());
                    TensorSink sink = writer.sink(tensor.name());
                    int half = source.length / 2;
                    sink.writeFloats(half, source, half, source.length - half);
                    sink.writeFloats(0, source, 0, half);
                  }));
        }
        for (Future<?> write : writes) {
          write.get();
        }
        writer.commit();
      } finally {
        pool.shutdownNow();
      }
      results.add(Files.readAllBytes(folder.resolve("model.safetensors")));
    }
    Path expected =
        TestCheckpoints.write(
            root.resolve("expected"),
            values,
            shapes,
            DType.BF16,
            TestCheckpoints.llamaConfig(3, 64));
    assertThat(results.get(0)).isEqualTo(results.get(1));
    try (Checkpoint a = Checkpoints.open(root.resolve("threads-4"));
        Checkpoint b = Checkpoints.open(expected)) {
      for (String name : shapes.keySet()) {
        assertThat(TestCheckpoints.read(a, name)).isEqualTo(TestCheckpoints.read(b, name));
      }
    }
  }

  @Test
  void elementsBeyondTwoGibibytesGoToTheirPlace() throws IOException {
    long elements = (1L << 30) + 10;
    try (CheckpointWriter writer =
        writer(target, WriteOptions.defaults(), info("big", DType.BF16, elements))) {
      writer.sink("big").writeFloats(elements - 2, new float[] {1, -2}, 0, 2);
      Path file = root.resolve(".merged.partial").resolve("model.safetensors");
      try (FileChannel channel = FileChannel.open(file)) {
        ByteBuffer end = ByteBuffer.allocate(4);
        channel.read(end, channel.size() - 4);
        assertThat(channel.size()).isGreaterThan(2 * elements);
        assertThat(end.array()).isEqualTo(encode(DType.BF16, 1, -2));
      }
    }
    assertThat(filesIn(root)).isEmpty();
  }

  @Test
  void companionFilesAreCopiedAndWritten() throws IOException {
    TensorInfo a = info("a", DType.F32, 1L);
    Path source = Files.writeString(root.resolve("tokenizer.json"), "{\"x\":1}");
    Path link = Files.createSymbolicLink(root.resolve("vocab.json"), source);
    try (CheckpointWriter writer = writer(target, WriteOptions.defaults(), a)) {
      fill(writer, a);
      writer.copy(source);
      writer.copy(link);
      writer.write("config.json", "{}".getBytes(StandardCharsets.UTF_8));

      assertThatThrownBy(() -> writer.copy(source))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("'tokenizer.json' is written already");
      assertThatThrownBy(() -> writer.write("model.safetensors", new byte[0]))
          .isInstanceOf(IllegalArgumentException.class);
      for (String name : List.of("../x", "a/b", "..", "", "/x")) {
        assertThatThrownBy(() -> writer.write(name, new byte[0]))
            .as(name)
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("is no plain file name");
      }
      assertThatThrownBy(() -> writer.copy(root.resolve("missing")))
          .isInstanceOf(NoSuchFileException.class);
      writer.commit();
    }
    assertThat(filesIn(target))
        .containsExactly("config.json", "model.safetensors", "tokenizer.json", "vocab.json");
    assertThat(target.resolve("vocab.json")).hasContent("{\"x\":1}").isRegularFile();
    assertThat(Files.isSymbolicLink(target.resolve("vocab.json"))).isFalse();
  }

  @Test
  void closeWithoutCommitLeavesNothing() throws IOException {
    TensorInfo a = info("a", DType.F32, 1L);
    Path deep = root.resolve("x").resolve("y").resolve("merged");
    CheckpointWriter writer = writer(deep, WriteOptions.defaults(), a);
    fill(writer, a);
    writer.write("config.json", new byte[2]);
    writer.close();
    writer.close();
    assertThat(filesIn(root)).isEmpty();
    assertThatThrownBy(() -> writer.sink("a")).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(writer::commit).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> writer.write("x", new byte[0]))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void missingParentsAreCreated() throws IOException {
    TensorInfo a = info("a", DType.F32, 1L);
    Path deep = root.resolve("x").resolve("y").resolve("merged");
    try (CheckpointWriter writer = writer(deep, WriteOptions.defaults(), a)) {
      fill(writer, a);
      writer.commit();
    }
    assertThat(filesIn(deep.getParent())).containsExactly("merged");
  }

  @Test
  void aSinkIsNotUsedAfterClose() throws IOException {
    TensorInfo a = info("a", DType.F32, 1L);
    CheckpointWriter writer = writer(target, WriteOptions.defaults(), a);
    TensorSink sink = writer.sink("a");
    assertThat(writer.sink("a")).isSameAs(sink);
    writer.close();
    assertThatThrownBy(() -> sink.writeFloats(0, new float[1], 0, 1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
  }

  @Test
  void anIncompleteTensorIsNotCommitted() throws IOException {
    TensorInfo a = info("a", DType.F32, 2L);
    TensorInfo b = info("b", DType.F32, 2L);
    try (CheckpointWriter writer = writer(target, WriteOptions.defaults(), a, b)) {
      fill(writer, a);
      writer.sink("b").writeFloats(1, new float[1], 0, 1);
      assertThatThrownBy(writer::commit)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("1 tensors are not written exactly once: 'b' got 4 of 8 bytes");
      writer.sink("b").writeFloats(0, new float[1], 0, 1);
      writer.commit();
    }
    assertThat(filesIn(root)).containsExactly("merged");
  }

  @Test
  void rangesAndTypesAreChecked() throws IOException {
    try (CheckpointWriter writer =
        writer(
            target,
            WriteOptions.defaults(),
            info("a", DType.F32, 2L),
            info("ids", DType.I64, 1L))) {
      TensorSink a = writer.sink("a");
      assertThatThrownBy(() -> a.writeFloats(1, new float[2], 0, 2))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> a.writeFloats(0, new float[1], 0, 2))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> a.writeBytes(7, new byte[2], 0, 2))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> writer.sink("ids").writeFloats(0, new float[1], 0, 1))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("'ids' holds I64");
      assertThatThrownBy(() -> writer.sink("other"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("'other' was not announced");
    }
  }

  @Test
  void impossiblePlansAreRefused() {
    TensorInfo a = info("a", DType.F32, 1L);
    assertThatThrownBy(() -> writer(target, WriteOptions.defaults()))
        .hasMessageContaining("at least one tensor");
    assertThatThrownBy(() -> writer(target, WriteOptions.defaults(), a, a))
        .hasMessageContaining("'a' is given twice");
    assertThatThrownBy(
            () -> writer(target, WriteOptions.defaults(), info("__metadata__", DType.F32)))
        .hasMessageContaining("'__metadata__'");
    assertThatThrownBy(() -> new WriteOptions(0, false))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aFolderThatIsNotEmptyIsRefusedBeforeAnyWork() throws IOException {
    Files.createDirectory(target);
    Files.writeString(target.resolve("keep.txt"), "keep");
    assertThatThrownBy(() -> writer(target, WriteOptions.defaults(), info("a", DType.F32)))
        .isInstanceOf(FileAlreadyExistsException.class)
        .hasMessageContaining("the folder exists and is not empty: choose another target, or set");
    assertThat(filesIn(root)).containsExactly("merged");
    assertThat(filesIn(target)).containsExactly("keep.txt");
  }

  @Test
  void anEmptyFolderIsFilled() throws IOException {
    TensorInfo a = info("a", DType.F32, 1L);
    Files.createDirectory(target);
    try (CheckpointWriter writer = writer(target, WriteOptions.defaults(), a)) {
      fill(writer, a);
      writer.commit();
    }
    assertThat(filesIn(target)).containsExactly("model.safetensors");
    assertThat(filesIn(root)).containsExactly("merged");
  }

  @Test
  void anOverwrittenModelStaysUntilTheCommit() throws IOException {
    TestCheckpoints.writeLlama(target, 1, 4, DType.F32, 1);
    byte[] before = Files.readAllBytes(target.resolve("model.safetensors"));
    TensorInfo a = info("a", DType.F32, 1L);
    WriteOptions overwrite = WriteOptions.defaults().withOverwrite(true);

    try (CheckpointWriter writer = writer(target, overwrite, a)) {
      fill(writer, a);
    }
    assertThat(target.resolve("model.safetensors")).hasBinaryContent(before);

    try (CheckpointWriter writer = writer(target, overwrite, a)) {
      fill(writer, a);
      assertThat(target.resolve("model.safetensors")).hasBinaryContent(before);
      writer.commit();
    }
    assertThat(filesIn(target)).containsExactly("model.safetensors");
    assertThat(filesIn(root)).containsExactly("merged");
    try (Checkpoint checkpoint = Checkpoints.open(target)) {
      assertThat(checkpoint.tensors()).containsOnlyKeys("a");
    }
  }

  @Test
  void aModelCanReplaceTheModelItIsMadeFrom() throws IOException {
    TestCheckpoints.writeLlama(target, 1, 4, DType.F32, 1);
    try (Checkpoint source = Checkpoints.open(target)) {
      TensorInfo norm = source.tensors().get("model.norm.weight");
      float[] values = TestCheckpoints.read(source, norm.name());
      try (CheckpointWriter writer =
          writer(target, WriteOptions.defaults().withOverwrite(true), norm)) {
        writer.sink(norm.name()).writeFloats(0, values, 0, values.length);
        writer.commit();
      }
      assertThat(TestCheckpoints.read(source, "lm_head.weight")).hasSize(48);
    }
  }

  @Test
  void overwriteReplacesModelsOnly() throws IOException {
    Files.createDirectory(target);
    Files.writeString(target.resolve("thesis.tex"), "keep");
    WriteOptions overwrite = WriteOptions.defaults().withOverwrite(true);
    assertThatThrownBy(() -> writer(target, overwrite, info("a", DType.F32)))
        .isInstanceOf(FileAlreadyExistsException.class)
        .hasMessageContaining("so it is no model and is not replaced");
    assertThat(filesIn(target)).containsExactly("thesis.tex");
  }

  @Test
  void aTargetThatAppearsMeanwhileIsNotReplaced() throws IOException {
    TensorInfo a = info("a", DType.F32, 1L);
    try (CheckpointWriter writer = writer(target, WriteOptions.defaults(), a)) {
      fill(writer, a);
      TestCheckpoints.writeLlama(target, 1, 4, DType.F32, 1);
      assertThatThrownBy(writer::commit).isInstanceOf(FileAlreadyExistsException.class);
    }
    assertThat(filesIn(root)).containsExactly("merged");
    assertThat(filesIn(target)).containsExactly("config.json", "model.safetensors");
  }

  @Test
  void twoWritersOfOneTargetAreRefused() throws IOException {
    TensorInfo a = info("a", DType.F32, 1L);
    try (CheckpointWriter writer = writer(target, WriteOptions.defaults(), a)) {
      assertThatThrownBy(() -> writer(target, WriteOptions.defaults(), a))
          .isInstanceOf(FileSystemException.class)
          .hasMessageContaining("is being written by another writer");
      fill(writer, a);
      writer.commit();
    }
    assertThat(filesIn(root)).containsExactly("merged");
  }

  @Test
  void whatADeadWriterLeftIsRemoved() throws IOException {
    Path stale = Files.createDirectories(root.resolve(".merged.partial").resolve("deep"));
    Files.writeString(stale.resolve("half"), "half");
    Files.writeString(root.resolve(".merged.lock"), "");
    Files.createDirectory(root.resolve(".other.partial"));
    TensorInfo a = info("a", DType.F32, 1L);
    try (CheckpointWriter writer = writer(target, WriteOptions.defaults(), a)) {
      assertThat(filesIn(root.resolve(".merged.partial"))).containsExactly("model.safetensors");
      fill(writer, a);
      writer.commit();
    }
    assertThat(filesIn(root)).containsExactly(".other.partial", "merged");
  }

  @Test
  void aModelThatADeadWriterWasReplacingIsRestored() throws IOException {
    Path old = TestCheckpoints.writeLlama(root.resolve(".merged.replaced"), 1, 4, DType.F32, 1);
    byte[] content = Files.readAllBytes(old.resolve("model.safetensors"));
    assertThatThrownBy(() -> writer(target, WriteOptions.defaults(), info("a", DType.F32)))
        .isInstanceOf(FileAlreadyExistsException.class);
    assertThat(target.resolve("model.safetensors")).hasBinaryContent(content);
    assertThat(filesIn(root)).containsExactly("merged");
  }

  @Test
  void aFailedSwapPutsTheOldModelBack() throws IOException {
    TestCheckpoints.writeLlama(target, 1, 4, DType.F32, 1);
    TensorInfo a = info("a", DType.F32, 1L);
    try (CheckpointWriter writer = writer(target, WriteOptions.defaults().withOverwrite(true), a)) {
      fill(writer, a);
      // Someone takes the finished folder away.
      Files.move(root.resolve(".merged.partial"), root.resolve("stolen"));
      assertThatThrownBy(writer::commit).isInstanceOf(NoSuchFileException.class);
    }
    assertThat(filesIn(target)).containsExactly("config.json", "model.safetensors");
    assertThat(filesIn(root)).containsExactly("merged", "stolen");
  }

  @Test
  void aDiskThatIsTooSmallIsFoundBeforeAnyWork() throws IOException {
    TensorInfo huge = info("a", DType.U8, 1L << 55);
    assertThatThrownBy(() -> writer(target, WriteOptions.defaults(), huge))
        .isInstanceOf(FileSystemException.class)
        .hasMessageContaining("the model takes 36028797.02 GB, but only")
        .hasMessageContaining("free some space");
    assertThat(filesIn(root)).isEmpty();
  }

  @Test
  void aTargetBelowAFileIsRefused() throws IOException {
    Path file = Files.writeString(root.resolve("file"), "x");
    assertThatThrownBy(
            () -> writer(file.resolve("merged"), WriteOptions.defaults(), info("a", DType.F32)))
        .isInstanceOf(FileSystemException.class)
        .hasMessageContaining("is a file, so nothing can be written below it");
    assertThatThrownBy(() -> writer(file, WriteOptions.defaults(), info("a", DType.F32)))
        .isInstanceOf(FileAlreadyExistsException.class)
        .hasMessageContaining("is a file, but a folder is to be written");
    assertThat(file).hasContent("x");
  }

  @Test
  void aTargetThatCannotBeWrittenIsRefused() throws IOException {
    Path closed = Files.createDirectory(root.resolve("closed"));
    Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("r-xr-xr-x"));
    Assumptions.assumeFalse(Files.isWritable(closed), "this user may write everywhere");
    assertThatThrownBy(
            () -> writer(closed.resolve("m"), WriteOptions.defaults(), info("a", DType.F32)))
        .isInstanceOf(AccessDeniedException.class)
        .hasMessageContaining("cannot write there");
  }

  @Test
  void oneFileCanBeWrittenAlone() throws IOException {
    Path file = root.resolve("sub").resolve("delta.safetensors");
    TensorInfo a = info("a", DType.F16, 2L);
    TensorInfo b = info("b", DType.F16, 2L);
    WriteOptions tiny = WriteOptions.defaults().withMaxShardBytes(1);
    try (CheckpointWriter writer =
        CheckpointWriter.createFile(file, List.of(a, b), Map.of("k", "v"), tiny)) {
      fill(writer, a, b);
      assertThatThrownBy(() -> writer.write("config.json", new byte[0]))
          .isInstanceOf(IllegalStateException.class);
      writer.commit();
    }
    assertThat(filesIn(file.getParent())).containsExactly("delta.safetensors");
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      assertThat(checkpoint.metadata()).containsEntry("k", "v");
      assertThat(TestCheckpoints.read(checkpoint, "b")).containsExactly(1, 2);
    }
    assertThatThrownBy(() -> CheckpointWriter.createFile(file, List.of(a), Map.of(), tiny))
        .isInstanceOf(FileAlreadyExistsException.class)
        .hasMessageContaining("the file exists");
    try (CheckpointWriter writer =
        CheckpointWriter.createFile(file, List.of(a), Map.of(), tiny.withOverwrite(true))) {
      fill(writer, a);
      writer.commit();
    }
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      assertThat(checkpoint.tensors()).containsOnlyKeys("a");
    }
    assertThatThrownBy(
            () -> CheckpointWriter.createFile(root.resolve("sub"), List.of(a), Map.of(), tiny))
        .isInstanceOf(FileAlreadyExistsException.class)
        .hasMessageContaining("is a folder, but a file is to be written");
  }

  @Test
  void theIndexIsValidJsonForAnyTensorName() throws IOException {
    TensorInfo a = info("a\"\\ü : \n", DType.F32, 1L);
    TensorInfo b = info("b", DType.F32, 1L);
    try (CheckpointWriter writer =
        writer(target, WriteOptions.defaults().withMaxShardBytes(4), a, b)) {
      fill(writer, a, b);
      writer.commit();
    }
    Path index = target.resolve("model.safetensors.index.json");
    assertThat(new ObjectMapper().readTree(Files.readAllBytes(index)).path("weight_map").size())
        .isEqualTo(2);
    try (Checkpoint checkpoint = Checkpoints.open(target)) {
      assertThat(checkpoint.tensors()).containsOnlyKeys(a.name(), "b");
    }
  }

  @Test
  void metadataThatTakeTheSameRoomReplaceThoseOfTheStart() throws IOException {
    TensorInfo a = info("a", DType.F32, 2L);
    try (CheckpointWriter writer =
        CheckpointWriter.create(
            target, List.of(a), Map.of("digest", "0000"), WriteOptions.defaults())) {
      fill(writer, a);
      assertThatThrownBy(() -> writer.metadata(Map.of("digest", "longer than before")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("there is room for");
      writer.metadata(Map.of("digest", "abcd"));
      writer.commit();
    }
    try (Checkpoint checkpoint = Checkpoints.open(target)) {
      assertThat(checkpoint.metadata()).containsEntry("digest", "abcd");
    }
  }
}
