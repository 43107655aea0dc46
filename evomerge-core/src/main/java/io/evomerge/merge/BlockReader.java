package io.evomerge.merge;

import io.evomerge.exception.MergeException;
import io.evomerge.internal.kernel.Kernels;
import io.evomerge.internal.kernel.TaskVectorKernels;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorView;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Reads the inputs of one merge in blocks: base, sources, task vectors, uniform numbers; all
 * checked to be finite, and cached while there is room. Blocks do not cross the borders of {@link
 * Stripes}.
 *
 * <p>What a method returns must not be changed, and is valid until the next call of the same method
 * for the same source. Confined to one thread.
 */
final class BlockReader {

  /** The base's number among the inputs; sources follow from 0. */
  static final int BASE = -1;

  private final TensorMerge task;
  private final @Nullable TensorView base;
  private final long elements;
  private final int blockLength;
  private final int blocksPerStripe;
  private byte @Nullable [] packed;
  private final byte[][] packedInputs;
  private float @Nullable [] partSum;
  private final Slot baseSlot = new Slot();
  private final Slot[] sourceSlots;
  private final Slot[] deltaSlots;
  private final Slot[] uniformSlots;

  BlockReader(TensorMerge task) {
    this.task = task;
    this.base = task.base().orElse(null);
    this.elements = task.info().elementCount();
    long longest = Math.min(Stripes.LENGTH, elements);
    this.blockLength = (int) Math.max(1, Math.min(task.blockLength(), longest));
    this.blocksPerStripe = (Stripes.LENGTH + blockLength - 1) / blockLength;
    int sources = task.sources().size();
    this.packedInputs = new byte[1 + sources][];
    this.sourceSlots = slots(sources);
    this.deltaSlots = slots(sources);
    this.uniformSlots = slots(sources);
  }

  private static Slot[] slots(int sources) {
    return Stream.generate(Slot::new).limit(sources).toArray(Slot[]::new);
  }

  /** Returns how many sources there are. */
  int sources() {
    return sourceSlots.length;
  }

  long elements() {
    return elements;
  }

  /** Returns the largest length of a block, at least 1. */
  int blockLength() {
    return blockLength;
  }

  long blocks() {
    return endBlock(Stripes.count(elements) - 1);
  }

  /** Returns the first block of a stripe. */
  long firstBlock(int stripe) {
    return (long) stripe * blocksPerStripe;
  }

  /** Returns the block after the last one of a stripe. */
  long endBlock(int stripe) {
    long length = Math.min(Stripes.LENGTH, elements - Stripes.offset(stripe));
    return firstBlock(stripe) + (length + blockLength - 1) / blockLength;
  }

  /** Returns the block in which an element lies. */
  long blockOf(long element) {
    int stripe = (int) (element / Stripes.LENGTH);
    return firstBlock(stripe) + (element - Stripes.offset(stripe)) / blockLength;
  }

  long offset(long block) {
    return Stripes.offset((int) (block / blocksPerStripe)) + block % blocksPerStripe * blockLength;
  }

  int length(long block) {
    long offset = offset(block);
    long stripeEnd = Stripes.offset((int) (block / blocksPerStripe) + 1);
    return (int) Math.min(blockLength, Math.min(elements, stripeEnd) - offset);
  }

  /** A new array for one block. */
  float[] newBlock() {
    return new float[blockLength];
  }

  float[] base(long block) {
    return read(Content.BASE, -1, block, baseSlot, this::readBase);
  }

  float[] source(int source, long block) {
    return read(
        Content.SOURCE, source, block, sourceSlots[source], (b, to) -> readSource(source, b, to));
  }

  /**
   * Adds a multiple of a source to a sum; what it reads is not kept where reading is as fast.
   *
   * @throws MergeException if a number is not finite
   */
  void addSource(int source, long block, float factor, float[] sum) {
    TensorView view = task.sources().get(source);
    if (view.info().dtype() == DType.BF16) {
      addPacked(view, block, factor, sum, () -> source(source, block));
    } else {
      Kernels.addScaled(factor, source(source, block), sum, length(block));
    }
  }

  /**
   * Adds a multiple of the base to a sum; as {@link #addSource}.
   *
   * @throws MergeException if a number is not finite
   */
  void addBase(long block, float factor, float[] sum) {
    TensorView view = base;
    if (view != null && view.info().dtype() == DType.BF16) {
      addPacked(view, block, factor, sum, () -> base(block));
    } else {
      Kernels.addScaled(factor, base(block), sum, length(block));
    }
  }

  private void addPacked(TensorView view, long block, float factor, float[] sum, Runnable refuse) {
    if (!Kernels.addScaledBf16(factor, readPacked(view, block), sum, length(block))) {
      refuse.run();
      throw new IllegalStateException("a source changed while it was merged");
    }
  }

  /** Reads a block of 16-bit elements; valid until the next call. */
  private byte[] readPacked(TensorView view, long block) {
    byte[] bytes = packed;
    if (bytes == null) {
      bytes = new byte[2 * blockLength];
      packed = bytes;
    }
    view.readBytes(2 * offset(block), bytes, 0, 2 * length(block));
    return bytes;
  }

  /**
   * Reads a few elements of a bfloat16 input as they are, little-endian; neither checked nor
   * cached.
   *
   * @param input a source, or {@link #BASE}
   * @param offset first element
   * @param length number of elements, at most {@link PackedMerge#PART}
   */
  byte[] packed(int input, long offset, int length) {
    byte[] bytes = packedInputs[1 + input];
    if (bytes == null) {
      bytes = new byte[2 * PackedMerge.PART];
      packedInputs[1 + input] = bytes;
    }
    TensorView view = input == BASE ? requireBase() : task.sources().get(input);
    view.readBytes(2 * offset, bytes, 0, 2 * length);
    return bytes;
  }

  /** An array of {@link PackedMerge#PART} elements that any caller may change. */
  float[] partSum() {
    float[] sum = partSum;
    if (sum == null) {
      sum = new float[PackedMerge.PART];
      partSum = sum;
    }
    return sum;
  }

  /** Source minus base. */
  float[] delta(int source, long block) {
    return read(
        Content.DELTA, source, block, deltaSlots[source], (b, to) -> readDelta(source, b, to));
  }

  float[] uniforms(int source, long block) {
    return read(
        Content.UNIFORMS,
        source,
        block,
        uniformSlots[source],
        (b, to) -> task.uniforms(source, offset(b), to, length(b)));
  }

  /**
   * Reads part of the base, not cached.
   *
   * @throws MergeException if a number is not finite
   */
  void readBase(long offset, float[] target, int length) {
    requireBase().readFloats(offset, target, 0, length);
    requireFinite(target, length, offset, "the base");
  }

  /**
   * Reads part of a source, not cached.
   *
   * @throws MergeException if a number is not finite
   */
  void readSource(int source, long offset, float[] target, int length) {
    task.sources().get(source).readFloats(offset, target, 0, length);
    requireFinite(target, length, offset, "source '" + task.sourceNames().get(source) + "'");
  }

  /** Takes a block from the slot, else from the cache, else loads it into the slot. */
  private float[] read(Content content, int source, long block, Slot slot, BlockLoader loader) {
    if (slot.block == block && slot.values != null) {
      return slot.values;
    }
    int length = length(block);
    Optional<float[]> cached =
        task.cachedIfRoom(
            new BlockKey(content, source, block, blockLength),
            4L * length,
            () -> {
              float[] values = new float[length];
              loader.load(block, values);
              return values;
            });
    if (cached.isPresent()) {
      return cached.get();
    }
    float[] values = slot.values;
    if (values == null) {
      values = newBlock();
    }
    slot.values = null;
    loader.load(block, values);
    slot.values = values;
    slot.block = block;
    return values;
  }

  private void readBase(long block, float[] target) {
    readBase(offset(block), target, length(block));
  }

  private void readSource(int source, long block, float[] target) {
    readSource(source, offset(block), target, length(block));
  }

  private void readDelta(int source, long block, float[] target) {
    int length = length(block);
    float[] baseValues = base(block);
    TensorView view = task.sources().get(source);
    if (view.info().dtype() != DType.BF16) {
      readDelta(source, offset(block), baseValues, target, length);
    } else if (!TaskVectorKernels.subtractBf16(
        readPacked(view, block), baseValues, target, length)) {
      throw beyondFloat(source, offset(block), target, length);
    }
  }

  /**
   * Reads part of a source minus the base, not cached.
   *
   * @param baseValues the same part of the base
   * @throws MergeException if a difference is not finite
   */
  void readDelta(int source, long offset, float[] baseValues, float[] target, int length) {
    task.sources().get(source).readFloats(offset, target, 0, length);
    if (!Kernels.subtractFinite(target, baseValues, length)) {
      throw beyondFloat(source, offset, target, length);
    }
  }

  private MergeException beyondFloat(int source, long offset, float[] target, int length) {
    // Find out whether the source itself is at fault.
    readSource(source, offset, target, length);
    return new MergeException(
        "tensor '"
            + task.info().name()
            + "': source '"
            + task.sourceNames().get(source)
            + "' differs from the base by more than float32 can hold; the checkpoint is damaged");
  }

  /**
   * Finds the first element of a stripe that is not finite.
   *
   * @param inputs sources, or {@link #BASE}
   * @return never
   * @throws MergeException always
   */
  MergeException notFinite(int stripe, int... inputs) {
    for (long block = firstBlock(stripe); block < endBlock(stripe); block++) {
      float[] values = new float[length(block)];
      for (int input : inputs) {
        if (input == BASE) {
          readBase(block, values);
        } else {
          readSource(input, block, values);
        }
      }
    }
    throw new IllegalStateException("an input changed while it was merged");
  }

  private TensorView requireBase() {
    TensorView view = base;
    if (view == null) {
      throw new IllegalStateException("tensor '" + task.info().name() + "': there is no base");
    }
    return view;
  }

  private void requireFinite(float[] values, int length, long offset, String whose) {
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
                + (offset + i)
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

  /** The last block that was loaded and not cached; no values while or after a load failed. */
  private static final class Slot {
    private long block;
    private float @Nullable [] values;
  }
}
