package io.evomerge.onnx.internal;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Supplier;

/** Runs something that needs more stack than a thread usually has. */
public final class DeepStack {

  private static final long STACK_BYTES = 256L << 20;

  private DeepStack() {}

  /**
   * Runs an action on a thread of its own with a deep stack, and waits for it even if interrupted;
   * the interrupt is kept. Stack is reserved, not used, until it is needed.
   *
   * @param action what to run
   * @param <T> type of its result
   * @return the action's result; what it throws unchecked is thrown here
   */
  public static <T> T call(Supplier<T> action) {
    FutureTask<T> task = new FutureTask<>(action::get);
    Thread thread = new Thread(null, task, "evomerge-deep-stack", STACK_BYTES);
    thread.setDaemon(true);
    thread.start();
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return task.get();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      if (e.getCause() instanceof RuntimeException unchecked) {
        throw unchecked;
      }
      throw new IllegalStateException(e.getCause());
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
