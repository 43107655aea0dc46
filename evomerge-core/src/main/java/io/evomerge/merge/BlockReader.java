package io.evomerge.merge;

import io.evomerge.exception.MergeException;
import io.evomerge.internal.kernel.Kernels;
import io.evomerge.tensor.TensorView;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Reads the inputs of one merge in blocks: base, sources, task vectors, uniform numbers; all
 * checked to be finite, and cached while there is room.
 *
 * <p>What a method returns must not be changed, and is valid until the next call of the same method
 * for the same source. Confined to one thread.
 */
final class BlockReader {

  private final TensorMerge task;
  private final @Nullable TensorView base;
  private final long elements;
  private final int blockLength;
  private float @Nullable [] baseScratch;
  private final float @Nullable [][] sourceScratch;
  private final float @Nullable [][] deltaScratch;
  private final float @Nullable [][] uniformScratch;

  BlockReader(TensorMerge task) {
    this.task = task;
    this.base = task.base().orElse(null);
    this.elements = task.info().elementCount();
    this.blockLength = (int) Math.max(1, Math.min(task.blockLength(), elements));
    int sources = task.sources().size();
    this.sourceScratch = new float[sources][];
    this.deltaScratch = new float[sources][];
    this.uniformScratch = new float[sources][];
  }

  long elements() {
    return elements;
  }

  /** Returns the largest length of a block, at least 1. */
  int blockLength() {
    return blockLength;
  }

  long blocks() {
    return (elements + blockLength - 1) / blockLength;
  }

  long offset(long block) {
    return block * blockLength;
  }

  int length(long block) {
    return (int) Math.min(blockLength, elements - offset(block));
  }

  /** A new array for one block. */
  float[] newBlock() {
    return new float[blockLength];
  }

  float[] base(long block) {
    float[] cached =
        cached(new BlockKey(Content.BASE, -1, block, blockLength), block, this::readBase);
    if (cached != null) {
      return cached;
    }
    if (baseScratch == null) {
      baseScratch = newBlock();
    }
    readBase(block, baseScratch);
    return baseScratch;
  }

  float[] source(int source, long block) {
    float[] cached =
        cached(
            new BlockKey(Content.SOURCE, source, block, blockLength),
            block,
            (b, target) -> readSource(source, b, target));
    if (cached != null) {
      return cached;
    }
    float[] scratch = scratch(sourceScratch, source);
    readSource(source, block, scratch);
    return scratch;
  }

  /** Source minus base. */
  float[] delta(int source, long block) {
    float[] cached =
        cached(
            new BlockKey(Content.DELTA, source, block, blockLength),
            block,
            (b, target) -> readDelta(source, b, target));
    if (cached != null) {
      return cached;
    }
    float[] scratch = scratch(deltaScratch, source);
    readDelta(source, block, scratch);
    return scratch;
  }

  float[] uniforms(int source, long block) {
    float[] cached =
        cached(
            new BlockKey(Content.UNIFORMS, source, block, blockLength),
            block,
            (b, target) -> task.uniforms(source, offset(b), target, length(b)));
    if (cached != null) {
      return cached;
    }
    float[] scratch = scratch(uniformScratch, source);
    task.uniforms(source, offset(block), scratch, length(block));
    return scratch;
  }

  private float[] scratch(float @Nullable [][] scratch, int source) {
    float[] array = scratch[source];
    if (array == null) {
      array = newBlock();
      scratch[source] = array;
    }
    return array;
  }

  private float @Nullable [] cached(BlockKey key, long block, BlockLoader loader) {
    int length = length(block);
    Supplier<float[]> load =
        () -> {
          float[] values = new float[length];
          loader.load(block, values);
          return values;
        };
    Optional<float[]> cached = task.cachedIfRoom(key, 4L * length, load);
    return cached.orElse(null);
  }

  private void readBase(long block, float[] target) {
    TensorView view = base;
    if (view == null) {
      throw new IllegalStateException("tensor '" + task.info().name() + "': there is no base");
    }
    int length = length(block);
    view.readFloats(offset(block), target, 0, length);
    requireFinite(target, length, block, "the base");
  }

  private void readSource(int source, long block, float[] target) {
    int length = length(block);
    task.sources().get(source).readFloats(offset(block), target, 0, length);
    requireFinite(target, length, block, "source '" + task.sourceNames().get(source) + "'");
  }

  private void readDelta(int source, long block, float[] target) {
    int length = length(block);
    float[] baseValues = base(block);
    task.sources().get(source).readFloats(offset(block), target, 0, length);
    Kernels.subtract(target, baseValues, length);
    if (!Kernels.allFinite(target, length)) {
      // Find out whether the source itself is at fault.
      readSource(source, block, target);
      throw new MergeException(
          "tensor '"
              + task.info().name()
              + "': source '"
              + task.sourceNames().get(source)
              + "' differs from the base by more than float32 can hold; the checkpoint is damaged");
    }
  }

  private void requireFinite(float[] values, int length, long block, String whose) {
    if (Kernels.allFinite(values, length)) {
      return;
    }
    for (int i = 0; i < length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new MergeException(
            "tensor '"
                + task.info().name()
                + "': "
                + whose
                + " has "
                + values[i]
                + " at element "
                + (offset(block) + i)
                + "; only finite float32 numbers can be merged. Repair or leave out that model");
      }
    }
  }

  private enum Content {
    BASE,
    SOURCE,
    DELTA,
    UNIFORMS
  }

  private record BlockKey(Content content, int source, long block, int blockLength) {}

  private interface BlockLoader {
    void load(long block, float[] target);
  }
}
