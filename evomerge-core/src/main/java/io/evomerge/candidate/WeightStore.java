package io.evomerge.candidate;

import io.evomerge.tensor.TensorBuffer;
import io.evomerge.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The memory of one worker: a float32 buffer per tensor of the model, overwritten by one candidate
 * after the other.
 *
 * <p>Its identity is stable: a runtime may keep a session per store and need not hand weights over
 * again. Confined to one worker at a time. Stores of one assembler may share their buffers; see
 * {@link CandidateAssembler.Builder#shareMerged}.
 */
public final class WeightStore implements AutoCloseable {

  private Map<String, TensorBuffer> tensors;
  private final List<Runnable> onClose = new ArrayList<>();
  private boolean closed;

  private WeightStore(Map<String, TensorBuffer> tensors) {
    this.tensors = tensors;
  }

  /**
   * Allocates buffers.
   *
   * @param tensors the tensors of the model, floating-point ones become F32
   */
  public static WeightStore allocate(Collection<TensorInfo> tensors) {
    return new WeightStore(buffers(tensors));
  }

  /** Makes a store of buffers that others may have, too. */
  static WeightStore over(Map<String, TensorBuffer> buffers) {
    return new WeightStore(buffers);
  }

  /** Allocates a float32 buffer per tensor; the map is unmodifiable, in the order given. */
  static Map<String, TensorBuffer> buffers(Collection<TensorInfo> tensors) {
    Map<String, TensorBuffer> buffers = new LinkedHashMap<>();
    for (TensorInfo info : tensors) {
      buffers.put(info.name(), TensorBuffer.allocate(info));
    }
    return Collections.unmodifiableMap(buffers);
  }

  /**
   * Returns the buffers by tensor name.
   *
   * @throws IllegalStateException if the store is closed
   */
  public synchronized Map<String, TensorBuffer> tensors() {
    requireOpen();
    return tensors;
  }

  synchronized void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the weight store is closed");
    }
  }

  /**
   * Registers something to release before the memory goes, such as a session that reads it.
   *
   * @param action runs once, when the store is closed, last registered first
   */
  public synchronized void onClose(Runnable action) {
    requireOpen();
    onClose.add(action);
  }

  /**
   * Releases what was registered, all of it even if an action throws; then the first exception is
   * thrown. Idempotent. The memory goes when nothing refers to it.
   */
  @Override
  public void close() {
    List<Runnable> actions;
    synchronized (this) {
      closed = true;
      tensors = Map.of();
      actions = new ArrayList<>(onClose);
      onClose.clear();
    }
    // Outside the lock: an action may wait for a thread that asks this store for its tensors.
    @Nullable RuntimeException failure = null;
    for (int i = actions.size() - 1; i >= 0; i--) {
      try {
        actions.get(i).run();
      } catch (RuntimeException e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
