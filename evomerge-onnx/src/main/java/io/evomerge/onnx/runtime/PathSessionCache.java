package io.evomerge.onnx.runtime;

import ai.onnxruntime.OnnxTensor;
import io.evomerge.genome.HopScaling;
import io.evomerge.onnx.architecture.DecoderConfig;
import io.evomerge.onnx.architecture.DecoderForm;
import io.evomerge.onnx.runtime.Session.Reader;
import io.evomerge.onnx.runtime.SessionFactory.Holding;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Sessions that hold no weights: one per length of data flow paths, for the candidates of all
 * stores. Those used least recently are freed. Safe for concurrent use.
 */
final class PathSessionCache implements AutoCloseable {

  /**
   * What the graph of a session depends on.
   *
   * @param config with a layer per hop
   * @param scaling what scales multiply
   * @param purpose what it computes
   */
  record Key(DecoderConfig config, HopScaling scaling, Purpose purpose) {}

  /** A session that is made by its first run; guarded by itself, {@code runs} by the cache. */
  private static final class Entry {
    int runs;
    @Nullable NativeSession session;
    boolean closed;
  }

  private final SessionFactory factory;
  private final int limit;
  private final Map<Key, Entry> entries = new LinkedHashMap<>(16, 0.75f, true);
  private volatile @Nullable RotaryTables rotary;
  private boolean closed;

  /**
   * Makes an empty cache.
   *
   * @param limit most sessions that are kept without a run, at least 1
   */
  PathSessionCache(SessionFactory factory, int limit) {
    this.factory = factory;
    this.limit = limit;
  }

  /**
   * Runs a session, made now or before.
   *
   * @param inputs all of them, weights and scales included
   * @throws IllegalStateException if the cache is closed
   */
  <T> T run(Key key, Map<String, OnnxTensor> inputs, Reader<T> reader) {
    Entry entry = enter(key);
    try {
      return session(key, entry).run(inputs, reader);
    } finally {
      leave(entry);
    }
  }

  private synchronized Entry enter(Key key) {
    if (closed) {
      throw new IllegalStateException(CandidateSessions.CLOSED);
    }
    Entry entry = entries.computeIfAbsent(key, k -> new Entry());
    entry.runs++;
    return entry;
  }

  private synchronized void leave(Entry entry) {
    entry.runs--;
    Iterator<Entry> eldest = entries.values().iterator();
    while (entries.size() > limit && eldest.hasNext()) {
      Entry next = eldest.next();
      if (next.runs == 0) {
        eldest.remove();
        close(next);
      }
    }
  }

  /** Several lengths are made at a time, each of them once. */
  private NativeSession session(Key key, Entry entry) {
    synchronized (entry) {
      if (entry.closed) {
        throw new IllegalStateException(CandidateSessions.CLOSED);
      }
      if (entry.session == null) {
        DecoderForm form = DecoderForm.anyPath(factory.attention(), key.scaling());
        byte[] model = key.purpose().model(key.config(), form);
        entry.session = factory.create(model, Map.of(), Holding.NONE);
      }
      return entry.session;
    }
  }

  private static void close(Entry entry) {
    synchronized (entry) {
      entry.closed = true;
      if (entry.session != null) {
        entry.session.close();
      }
    }
  }

  /** Returns how many sessions there are. */
  synchronized int size() {
    return entries.size();
  }

  /** Returns tables of a decoder for at least so many positions; those of one decoder are kept. */
  RotaryTables rotary(DecoderConfig config, int positions) {
    RotaryTables tables = rotary;
    if (tables == null || !tables.fit(config, positions)) {
      tables = RotaryTables.of(config, positions);
      rotary = tables;
    }
    return tables;
  }

  /** Frees all sessions; idempotent; waits for runs that are under way. */
  @Override
  public void close() {
    List<Entry> all;
    synchronized (this) {
      closed = true;
      all = new ArrayList<>(entries.values());
      entries.clear();
    }
    all.forEach(PathSessionCache::close);
  }
}
