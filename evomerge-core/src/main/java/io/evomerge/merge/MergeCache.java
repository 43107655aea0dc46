package io.evomerge.merge;

import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/**
 * Keeps what merges of the same tensors have in common, within a budget of bytes.
 *
 * <p>One cache serves one set of open checkpoints: inside it, a source's name and a tensor's name
 * always mean the same numbers. {@link #clear} it before they change or close. Each value is
 * computed once, also when several threads ask at the same time; nothing is evicted, and when the
 * budget is used up, values are computed and not kept. No result depends on it. Safe for concurrent
 * use.
 */
public final class MergeCache {

  private static final MergeCache NONE = new MergeCache(0);
  private static final long OTHER_VALUE_BYTES = 256;
  private static final long ENTRY_BYTES = 128;

  private final long budget;
  private final AtomicLong used = new AtomicLong();
  private final ConcurrentMap<Key, Entry> entries = new ConcurrentHashMap<>();
  private final ConcurrentMap<Object, Object> scopes = new ConcurrentHashMap<>();

  private MergeCache(long budget) {
    this.budget = budget;
  }

  /**
   * Creates an empty cache.
   *
   * @param bytes how much it may keep; 0 keeps nothing
   * @throws IllegalArgumentException if {@code bytes} is negative
   */
  public static MergeCache ofBytes(long bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException("cache budget " + bytes + " bytes must not be negative");
    }
    return bytes == 0 ? NONE : new MergeCache(bytes);
  }

  /** Returns the cache that keeps nothing. */
  public static MergeCache none() {
    return NONE;
  }

  /** Returns how many bytes it may keep. */
  public long budgetBytes() {
    return budget;
  }

  /** Returns how many bytes it keeps now, bookkeeping included; never above the budget. */
  public long usedBytes() {
    return used.get();
  }

  /** Forgets everything. Merges that run meanwhile stay correct. */
  public void clear() {
    entries.forEach((key, entry) -> drop(key, entry));
    scopes.clear();
  }

  /** Returns the one instance that stands for all scopes equal to it, which makes lookups cheap. */
  Object scope(Object scope) {
    if (budget == 0) {
      return scope;
    }
    Object known = scopes.putIfAbsent(scope, scope);
    return known == null ? scope : known;
  }

  /** Returns the value of a key, computed if need be, kept if there is room. */
  <T> T get(Object scope, Object id, Supplier<T> compute) {
    if (budget == 0) {
      return compute.get();
    }
    Key key = new Key(scope, id);
    while (true) {
      Entry entry = entries.get(key);
      if (entry == null) {
        Entry own = new Entry();
        entry = entries.putIfAbsent(key, own);
        if (entry == null) {
          T value = fill(key, own, compute);
          if (!own.reserve(this, ENTRY_BYTES + sizeOf(value))) {
            drop(key, own);
          }
          return value;
        }
      }
      Optional<T> value = entry.await();
      if (value.isPresent()) {
        return value.get();
      }
    }
  }

  /** As {@link #get}, but does not compute what it would not keep. */
  <T> Optional<T> getIfRoom(Object scope, Object id, long bytes, Supplier<T> compute) {
    if (budget == 0) {
      return Optional.empty();
    }
    Key key = new Key(scope, id);
    while (true) {
      Entry entry = entries.get(key);
      if (entry == null) {
        Entry own = new Entry();
        if (!own.reserve(this, ENTRY_BYTES + bytes)) {
          return Optional.empty();
        }
        entry = entries.putIfAbsent(key, own);
        if (entry == null) {
          return Optional.of(fill(key, own, compute));
        }
        own.release(this);
      }
      Optional<T> value = entry.await();
      if (value.isPresent()) {
        return value;
      }
    }
  }

  private <T> T fill(Key key, Entry own, Supplier<T> compute) {
    try {
      T value = compute.get();
      own.value.complete(value);
      return value;
    } catch (RuntimeException | Error e) {
      drop(key, own);
      own.value.completeExceptionally(e);
      throw e;
    }
  }

  private void drop(Key key, Entry entry) {
    entries.remove(key, entry);
    entry.release(this);
  }

  private static long sizeOf(Object value) {
    if (value instanceof Sized sized) {
      return sized.byteSize();
    }
    if (value instanceof float[] array) {
      return 4L * array.length;
    }
    if (value instanceof double[] array) {
      return 8L * array.length;
    }
    if (value instanceof int[] array) {
      return 4L * array.length;
    }
    if (value instanceof long[] array) {
      return 8L * array.length;
    }
    if (value instanceof byte[] array) {
      return array.length;
    }
    return OTHER_VALUE_BYTES;
  }

  /**
   * A cached value that says how much memory it holds. Arrays of numbers need not; any other value
   * counts as 256 bytes.
   */
  public interface Sized {

    /** Returns the size in bytes. */
    long byteSize();
  }

  private record Key(Object scope, Object id) {}

  /** A value being computed or there, with what it takes from the budget. */
  private static final class Entry {
    private static final long RELEASED = -1;

    private final CompletableFuture<Object> value = new CompletableFuture<>();
    private final AtomicLong reserved = new AtomicLong();

    boolean reserve(MergeCache cache, long bytes) {
      long before;
      do {
        before = cache.used.get();
        if (bytes > cache.budget - before) {
          return false;
        }
      } while (!cache.used.compareAndSet(before, before + bytes));
      if (!reserved.compareAndSet(0, bytes)) {
        // Cleared while it was computed.
        cache.used.addAndGet(-bytes);
      }
      return true;
    }

    void release(MergeCache cache) {
      long bytes = reserved.getAndSet(RELEASED);
      if (bytes > 0) {
        cache.used.addAndGet(-bytes);
      }
    }

    /** Waits for the value; empty if its computation failed, so that the caller tries itself. */
    @SuppressWarnings("unchecked")
    <T> Optional<T> await() {
      try {
        return Optional.of((T) value.join());
      } catch (CompletionException e) {
        return Optional.empty();
      }
    }
  }
}
