package io.evomerge.tensor;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A file of any size, mapped read-only into memory in windows, with views of the tensors in it.
 *
 * <p>Nothing is read until it is asked for, and what was read belongs to the operating system's
 * cache, not to the heap. Elements may lie at any alignment and across windows. Safe for concurrent
 * reads.
 *
 * <p>{@link #close()} is idempotent; a read after it throws {@link IllegalStateException}. The
 * mapping itself goes when the garbage collector finds it unused, since Java 17 has no safe way to
 * unmap beside readers; until then Windows keeps the file locked. The file must not be truncated
 * while it is mapped.
 */
public final class MappedFile implements AutoCloseable {

  /** Neighbouring windows share this many bytes, so that no element is cut in two. */
  private static final int OVERLAP = 8;

  private static final int DEFAULT_WINDOW = 1 << 30;

  private final Path path;
  private final long size;
  private final int windowBytes;
  private volatile ByteBuffer @Nullable [] windows;

  private MappedFile(Path path, long size, int windowBytes, ByteBuffer[] windows) {
    this.path = path;
    this.size = size;
    this.windowBytes = windowBytes;
    this.windows = windows;
  }

  /**
   * Maps a file in windows of 1 GiB.
   *
   * @param path a regular file
   * @throws IOException if it cannot be opened or mapped
   */
  public static MappedFile open(Path path) throws IOException {
    return open(path, DEFAULT_WINDOW);
  }

  /**
   * Maps a file.
   *
   * @param path a regular file
   * @param windowBytes size of one mapping, 1 to 2<sup>30</sup>; smaller ones suit a fragmented
   *     address space
   * @throws IOException if it cannot be opened or mapped
   */
  public static MappedFile open(Path path, int windowBytes) throws IOException {
    if (windowBytes < 1 || windowBytes > DEFAULT_WINDOW) {
      throw new IllegalArgumentException(
          "windows must have 1 to " + DEFAULT_WINDOW + " bytes, not " + windowBytes);
    }
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      long size = channel.size();
      int count = Math.toIntExact((size + windowBytes - 1) / windowBytes);
      ByteBuffer[] windows = new ByteBuffer[count];
      for (int i = 0; i < count; i++) {
        long start = (long) i * windowBytes;
        long length = Math.min(windowBytes + (long) OVERLAP, size - start);
        windows[i] = channel.map(FileChannel.MapMode.READ_ONLY, start, length);
      }
      return new MappedFile(path, size, windowBytes, windows);
    }
  }

  /** Returns the file. */
  public Path path() {
    return path;
  }

  /** Returns the number of bytes that the file had when it was mapped. */
  public long size() {
    return size;
  }

  /**
   * Returns read access to a tensor in the file.
   *
   * @param info name, element type and shape
   * @param offset position of its first byte in the file
   * @throws IndexOutOfBoundsException if it does not lie inside the file
   */
  public TensorView tensor(TensorInfo info, long offset) {
    Objects.checkFromIndexSize(offset, info.byteSize(), size);
    return new MappedView(this, info, offset);
  }

  /**
   * Reads raw bytes.
   *
   * @param position of the first byte in the file
   * @param target where to put them
   * @param targetOffset first index in {@code target}
   * @param length number of bytes
   * @throws IndexOutOfBoundsException if the range is outside the file or the array
   * @throws IllegalStateException if the file is closed
   */
  public void readBytes(long position, byte[] target, int targetOffset, int length) {
    Objects.checkFromIndexSize(position, length, size);
    Objects.checkFromIndexSize(targetOffset, length, target.length);
    ByteBuffer[] open = open();
    int done = 0;
    while (done < length) {
      long at = position + done;
      int inWindow = (int) (at % windowBytes);
      int count = Math.min(length - done, windowBytes - inWindow);
      open[(int) (at / windowBytes)].get(inWindow, target, targetOffset + done, count);
      done += count;
    }
  }

  private void readFloats(DType type, long position, float[] target, int targetOffset, int length) {
    ByteBuffer[] open = open();
    int done = 0;
    while (done < length) {
      long at = position + (long) done * type.size();
      int inWindow = (int) (at % windowBytes);
      // All elements that start in this window; the last one may end in the overlap.
      int starting = (windowBytes - inWindow - 1) / type.size() + 1;
      int count = Math.min(length - done, starting);
      ByteBuffer window = open[(int) (at / windowBytes)];
      FloatCodec.decode(type, window, inWindow, target, targetOffset + done, count);
      done += count;
    }
  }

  private ByteBuffer[] open() {
    ByteBuffer[] open = windows;
    if (open == null) {
      throw new IllegalStateException(path + " is closed");
    }
    return open;
  }

  @Override
  public void close() {
    windows = null;
  }

  private record MappedView(MappedFile file, TensorInfo info, long start) implements TensorView {

    @Override
    public void readFloats(long offset, float[] target, int targetOffset, int length) {
      TensorViews.checkFloats(info, offset, target, targetOffset, length);
      DType type = info.dtype();
      file.readFloats(type, start + offset * type.size(), target, targetOffset, length);
    }

    @Override
    public void readBytes(long byteOffset, byte[] target, int targetOffset, int length) {
      TensorViews.checkBytes(info, byteOffset, target, targetOffset, length);
      file.readBytes(start + byteOffset, target, targetOffset, length);
    }
  }
}
