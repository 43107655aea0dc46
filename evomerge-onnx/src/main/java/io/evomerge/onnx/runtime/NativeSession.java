package io.evomerge.onnx.runtime;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.evomerge.exception.BackendException;
import java.util.Map;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/** A native session that is not freed under a run; safe for concurrent runs. */
final class NativeSession implements Session, AutoCloseable {

  private final OrtSession session;
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private boolean closed;

  NativeSession(OrtSession session) {
    this.session = session;
  }

  @Override
  public <T> T run(Map<String, OnnxTensor> inputs, Reader<T> reader) {
    lock.readLock().lock();
    try {
      if (closed) {
        throw new IllegalStateException(CandidateSessions.CLOSED);
      }
      try (OrtSession.Result result = session.run(inputs)) {
        return reader.read(result);
      }
    } catch (OrtException e) {
      throw new BackendException("ONNX Runtime failed to run the model: " + e.getMessage(), e);
    } finally {
      lock.readLock().unlock();
    }
  }

  /** Frees the session; idempotent; waits for runs that are under way. */
  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        session.close();
      }
    } catch (OrtException e) {
      throw new BackendException("ONNX Runtime failed to free a session: " + e.getMessage(), e);
    } finally {
      lock.writeLock().unlock();
    }
  }
}
