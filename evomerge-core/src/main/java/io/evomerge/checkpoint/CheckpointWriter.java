package io.evomerge.checkpoint;

import io.evomerge.tensor.FloatCodec;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes a checkpoint that appears as a whole or not at all.
 *
 * <p>A folder gets {@code model.safetensors}, or shards and an index as transformers writes them.
 * Everything goes to a hidden folder beside the target, which takes the target's place in {@link
 * #commit()}; {@link #close()} without a commit removes it, and the next writer for a target
 * removes what a killed process left. The bytes depend on the content alone, not on threads or
 * time.
 *
 * <p>Different tensors may be written by different threads at once; memory stays below 256 KiB per
 * thread. Interrupting a writing thread spoils the file, so that the commit fails.
 */
public final class CheckpointWriter implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(CheckpointWriter.class);

  private static final int BUFFER_BYTES = 1 << 18;

  private final StagedTarget target;
  private final ShardPlan plan;
  private final boolean folder;
  private @Nullable ShardPlan completed;
  private final List<FileChannel> channels = new ArrayList<>();
  private final Map<String, FileSink> sinks = new LinkedHashMap<>();
  private final Queue<ByteBuffer> buffers = new ConcurrentLinkedQueue<>();
  private volatile boolean open = true;

  private CheckpointWriter(StagedTarget target, ShardPlan plan, boolean folder) {
    this.target = target;
    this.plan = plan;
    this.folder = folder;
  }

  /**
   * Starts a Hugging Face folder.
   *
   * @param folder the target; parents are created
   * @param tensors names, shapes and written element types; at least one
   * @param metadata for the weights files; {@code format=pt} is added, which loaders ask for
   * @param options shard size and whether a model that is there is replaced
   * @throws IOException before anything is written, if the target is a folder that is not empty
   *     (unless it is a model to be overwritten), cannot be written, is being written by another
   *     writer, or its disk has too little space
   * @throws IllegalArgumentException if there is no tensor or a name comes twice
   */
  public static CheckpointWriter create(
      Path folder,
      Collection<TensorInfo> tensors,
      Map<String, String> metadata,
      WriteOptions options)
      throws IOException {
    ShardPlan plan = ShardPlan.folder(tensors, metadata, options.maxShardBytes());
    return start(folder, plan, true, options);
  }

  /**
   * Starts one safetensors file of any size; it takes no companion files.
   *
   * @param file the target; parents are created
   * @param tensors names, shapes and written element types; at least one
   * @param metadata {@code format=pt} is added
   * @param options whether a file that is there is replaced; the shard size is ignored
   * @throws IOException as in {@link #create}
   * @throws IllegalArgumentException if there is no tensor or a name comes twice
   */
  public static CheckpointWriter createFile(
      Path file, Collection<TensorInfo> tensors, Map<String, String> metadata, WriteOptions options)
      throws IOException {
    Path name = file.toAbsolutePath().normalize().getFileName();
    ShardPlan plan = ShardPlan.single(tensors, metadata, String.valueOf(name));
    return start(file, plan, false, options);
  }

  /**
   * Starts the folder of a PEFT adapter: one file {@code adapter_model.safetensors}, to which
   * {@link #write} adds {@code adapter_config.json}.
   *
   * @param folder the target; parents are created
   * @param tensors names, shapes and written element types; at least one
   * @param metadata {@code format=pt} is added
   * @param options whether a folder that is there is replaced; the shard size is ignored
   * @throws IOException as in {@link #create}
   * @throws IllegalArgumentException if there is no tensor or a name comes twice
   */
  public static CheckpointWriter createAdapter(
      Path folder,
      Collection<TensorInfo> tensors,
      Map<String, String> metadata,
      WriteOptions options)
      throws IOException {
    return start(folder, ShardPlan.single(tensors, metadata, LoraAdapter.WEIGHTS), true, options);
  }

  private static CheckpointWriter start(
      Path path, ShardPlan plan, boolean folder, WriteOptions options) throws IOException {
    StagedTarget target = StagedTarget.create(path, folder, options.overwrite(), plan.fileBytes());
    CheckpointWriter writer = new CheckpointWriter(target, plan, folder);
    try {
      writer.openShards();
      return writer;
    } catch (IOException | RuntimeException e) {
      try {
        writer.close();
      } catch (IOException suppressed) {
        e.addSuppressed(suppressed);
      }
      throw e;
    }
  }

  private void openShards() throws IOException {
    for (ShardPlan.Shard shard : plan.shards()) {
      Path file = target.stage().resolve(shard.fileName());
      FileChannel channel =
          FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
      channels.add(channel);
      writeFully(channel, ByteBuffer.wrap(shard.header()), 0);
      for (TensorInfo tensor : shard.tensors()) {
        long position = shard.positions().get(tensor.name());
        sinks.put(tensor.name(), new FileSink(tensor, channel, position));
      }
    }
  }

  /**
   * Replaces the metadata by one that takes the same room, such as one in which a digest that was
   * not known at the start stands in place of zeros.
   *
   * @param metadata {@code format=pt} is added
   * @throws IllegalArgumentException if it takes more or less room than before
   * @throws IllegalStateException after commit or close
   */
  public synchronized void metadata(Map<String, String> metadata) {
    requireOpen();
    ShardPlan other = plan.withMetadata(metadata);
    for (int i = 0; i < plan.shards().size(); i++) {
      int wanted = plan.shards().get(i).header().length;
      int got = other.shards().get(i).header().length;
      if (got != wanted) {
        throw new IllegalArgumentException(
            "the new metadata make a header of " + got + " bytes, there is room for " + wanted);
      }
    }
    completed = other;
  }

  /**
   * Returns write access to a tensor; a failing disk shows as {@link UncheckedIOException}.
   *
   * @param tensor its name; each time the same sink
   * @throws IllegalArgumentException if it was not announced
   * @throws IllegalStateException after commit or close
   */
  public TensorSink sink(String tensor) {
    requireOpen();
    FileSink sink = sinks.get(tensor);
    if (sink == null) {
      throw new IllegalArgumentException("tensor '" + tensor + "' was not announced");
    }
    return sink;
  }

  /**
   * Copies a file into the folder under its own name.
   *
   * @param companion e.g. a tokenizer file; links are followed
   * @throws IOException if it cannot be copied
   * @throws IllegalArgumentException if there is such a file already
   * @throws IllegalStateException after commit or close, or if a single file is written
   */
  public synchronized void copy(Path companion) throws IOException {
    if (!Files.isRegularFile(companion)) {
      throw new NoSuchFileException(companion.toString(), null, "is no file that can be copied");
    }
    Path file = companion(companion.getFileName().toString());
    try (FileChannel from = FileChannel.open(companion, StandardOpenOption.READ);
        FileChannel to = createNew(file)) {
      long size = from.size();
      for (long done = 0; done < size; ) {
        long count = from.transferTo(done, size - done, to);
        if (count <= 0) {
          throw new IOException(companion + " became shorter while it was copied");
        }
        done += count;
      }
      to.force(true);
    }
  }

  /**
   * Writes a small file into the folder.
   *
   * @param fileName a plain name, e.g. {@code config.json}
   * @param content all of it
   * @throws IOException if it cannot be written
   * @throws IllegalArgumentException if the name is no plain name or is taken
   * @throws IllegalStateException after commit or close, or if a single file is written
   */
  public synchronized void write(String fileName, byte[] content) throws IOException {
    Path file = companion(fileName);
    try (FileChannel channel = createNew(file)) {
      writeFully(channel, ByteBuffer.wrap(content), 0);
      channel.force(true);
    }
  }

  private static FileChannel createNew(Path file) throws IOException {
    return FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
  }

  private Path companion(String fileName) {
    requireOpen();
    if (!folder) {
      throw new IllegalStateException("a single weights file takes no companion files");
    }
    Path file = target.stage().resolve(fileName);
    if (!target.stage().equals(file.getParent()) || !file.normalize().equals(file)) {
      throw new IllegalArgumentException("'" + fileName + "' is no plain file name");
    }
    if (Files.exists(file) || fileName.equals(HuggingFaceCheckpoint.INDEX)) {
      throw new IllegalArgumentException("'" + fileName + "' is written already");
    }
    return file;
  }

  /**
   * Completes the checkpoint: syncs it to disk and puts it in the target's place.
   *
   * @throws IOException if that fails; then the target is as it was before
   * @throws IllegalStateException if a tensor is not written completely, naming it, or after commit
   *     or close
   */
  public synchronized void commit() throws IOException {
    requireOpen();
    requireComplete();
    if (plan.shards().size() > 1) {
      Path index = target.stage().resolve(HuggingFaceCheckpoint.INDEX);
      Files.deleteIfExists(index);
      try (FileChannel channel = createNew(index)) {
        writeFully(channel, ByteBuffer.wrap(plan.index()), 0);
        channel.force(true);
      }
    }
    for (int i = 0; i < channels.size(); i++) {
      if (completed != null) {
        writeFully(channels.get(i), ByteBuffer.wrap(completed.shards().get(i).header()), 0);
      }
      channels.get(i).force(true);
    }
    open = false;
    closeChannels();
    target.publish();
    try {
      target.close();
    } catch (IOException e) {
      // The new checkpoint is in place; the next writer removes the rest.
      LOG.warn("cannot remove all temporary files", e);
    }
  }

  private void requireComplete() {
    List<String> incomplete = new ArrayList<>();
    for (FileSink sink : sinks.values()) {
      long wanted = sink.info.byteSize();
      long got = sink.written.get();
      if (got != wanted) {
        incomplete.add("'" + sink.info.name() + "' got " + got + " of " + wanted + " bytes");
      }
    }
    if (!incomplete.isEmpty()) {
      int shown = Math.min(5, incomplete.size());
      throw new IllegalStateException(
          incomplete.size()
              + " tensors are not written exactly once: "
              + String.join(", ", incomplete.subList(0, shown))
              + (incomplete.size() > shown ? ", ..." : ""));
    }
  }

  private void requireOpen() {
    if (!open) {
      throw new IllegalStateException("the checkpoint writer is committed or closed");
    }
  }

  private void closeChannels() throws IOException {
    IOException failure = null;
    for (FileChannel channel : channels) {
      try {
        channel.close();
      } catch (IOException e) {
        failure = e;
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  /**
   * Removes what was not committed; idempotent.
   *
   * @throws IOException if it cannot be removed
   */
  @Override
  public synchronized void close() throws IOException {
    open = false;
    buffers.clear();
    try {
      closeChannels();
    } finally {
      target.close();
    }
  }

  private static void writeFully(FileChannel channel, ByteBuffer bytes, long position)
      throws IOException {
    long at = position;
    while (bytes.hasRemaining()) {
      at += channel.write(bytes, at);
    }
  }

  private final class FileSink implements TensorSink {

    private final TensorInfo info;
    private final FileChannel channel;
    private final long start;
    private final AtomicLong written = new AtomicLong();

    FileSink(TensorInfo info, FileChannel channel, long start) {
      this.info = info;
      this.channel = channel;
      this.start = start;
    }

    @Override
    public TensorInfo info() {
      return info;
    }

    @Override
    public void writeFloats(long offset, float[] source, int sourceOffset, int length) {
      Objects.checkFromIndexSize(offset, length, info.elementCount());
      Objects.checkFromIndexSize(sourceOffset, length, source.length);
      if (!info.dtype().isFloating()) {
        throw new IllegalStateException(
            "tensor '" + info.name() + "' holds " + info.dtype() + ": write its bytes");
      }
      int size = info.dtype().size();
      int block = BUFFER_BYTES / size;
      ByteBuffer buffer = borrow();
      for (int done = 0; done < length; done += block) {
        int count = Math.min(block, length - done);
        FloatCodec.encode(info.dtype(), source, sourceOffset + done, buffer, 0, count);
        write(buffer.clear().limit(count * size), (offset + done) * size);
      }
      buffers.add(buffer);
    }

    @Override
    public void writeBytes(long byteOffset, byte[] source, int sourceOffset, int length) {
      Objects.checkFromIndexSize(byteOffset, length, info.byteSize());
      Objects.checkFromIndexSize(sourceOffset, length, source.length);
      ByteBuffer buffer = borrow();
      for (int done = 0; done < length; done += BUFFER_BYTES) {
        int count = Math.min(BUFFER_BYTES, length - done);
        buffer.clear().put(source, sourceOffset + done, count).flip();
        write(buffer, byteOffset + done);
      }
      buffers.add(buffer);
    }

    private ByteBuffer borrow() {
      requireOpen();
      ByteBuffer buffer = buffers.poll();
      return buffer == null ? ByteBuffer.allocateDirect(BUFFER_BYTES) : buffer;
    }

    private void write(ByteBuffer bytes, long offset) {
      int count = bytes.remaining();
      try {
        writeFully(channel, bytes, start + offset);
      } catch (IOException e) {
        requireOpen();
        throw new UncheckedIOException(
            "cannot write tensor '" + info.name() + "': " + e.getMessage(), e);
      }
      written.addAndGet(count);
    }
  }
}
