package io.evomerge.candidate;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointWriter;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.exception.CheckpointException;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorBuffer;
import io.evomerge.tensor.TensorInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Holds the tensors of born models, at most so many at a time; safe for concurrent use.
 *
 * <p>A model is pinned while someone uses it. Beyond the limit, the one that was used longest ago
 * and is not pinned goes: to a file in the folder if there is one, else for good.
 */
final class MemberPool implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(MemberPool.class);
  private static final String SUFFIX = ".safetensors";

  private final List<TensorInfo> tensors;
  private final int most;
  private final Optional<Path> folder;
  private final Map<String, Member> members = new HashMap<>();
  private final Deque<Map<String, TensorBuffer>> free = new ArrayDeque<>();
  private long clock;

  /** A model; whoever claimed it first makes it, the others wait. */
  static final class Member {
    private final String digest;
    private final CompletableFuture<Map<String, TensorBuffer>> made = new CompletableFuture<>();
    private int pins = 1;
    private long used;
    private boolean wanted = true;

    private Member(String digest) {
      this.digest = digest;
    }

    /** The tensors; waits for who makes them. */
    Map<String, TensorBuffer> tensors() {
      return made.join();
    }
  }

  /**
   * A claim to a model.
   *
   * @param member pinned until it is released
   * @param mine whether the claimer has to make it
   */
  record Claim(Member member, boolean mine) {}

  /**
   * Makes an empty pool.
   *
   * @param tensors of every model
   * @param most models, at least 1; more only while they are pinned
   * @param folder for those beyond, if they are to be kept
   */
  MemberPool(List<TensorInfo> tensors, int most, Optional<Path> folder) {
    this.tensors = tensors.stream().map(info -> info.withDtype(DType.F32)).toList();
    this.most = most;
    this.folder = folder;
  }

  /** Pins a model; the first to claim one has to {@link #make} it. */
  synchronized Claim claim(String digest) {
    Member member = members.get(digest);
    boolean mine = member == null;
    if (mine) {
      member = new Member(digest);
      members.put(digest, member);
    } else {
      member.pins++;
    }
    member.used = ++clock;
    return new Claim(member, mine);
  }

  /** Makes a claimed model. */
  void make(Member member, Consumer<Map<String, TensorBuffer>> birth) {
    Map<String, TensorBuffer> buffers = memory();
    try {
      birth.accept(buffers);
    } catch (RuntimeException | Error e) {
      giveBack(buffers);
      throw e;
    }
    member.made.complete(buffers);
  }

  /** Reads a claimed model from its file, if there is one; returns whether that made it. */
  boolean restore(Member member) {
    if (folder.isEmpty() || !Files.exists(file(member.digest))) {
      return false;
    }
    Map<String, TensorBuffer> buffers = memory();
    if (!load(member.digest, buffers)) {
      giveBack(buffers);
      return false;
    }
    return member.made.complete(buffers);
  }

  private Map<String, TensorBuffer> memory() {
    evict(most);
    synchronized (this) {
      Map<String, TensorBuffer> buffers = free.poll();
      if (buffers != null) {
        return buffers;
      }
    }
    return WeightStore.buffers(tensors);
  }

  private synchronized void giveBack(Map<String, TensorBuffer> buffers) {
    free.push(buffers);
  }

  /** Gives up a model that could not be made. */
  synchronized void fail(Member member, Throwable cause) {
    members.remove(member.digest, member);
    member.made.completeExceptionally(cause);
  }

  /** Ends a use. */
  void release(Member member) {
    synchronized (this) {
      member.pins--;
      if (member.pins == 0 && !member.wanted) {
        drop(member, most);
      }
    }
    evict(most);
  }

  /** Lets all go that are none of these, now or when they are released. */
  synchronized void retain(Set<String> wanted) {
    for (Member member : List.copyOf(members.values())) {
      member.wanted = wanted.contains(member.digest);
      if (!member.wanted && member.pins == 0) {
        drop(member, most);
      }
    }
    folder.ifPresent(
        path ->
            files(path).stream().filter(f -> !wanted.contains(digest(f))).forEach(this::delete));
  }

  private void drop(Member member, int limit) {
    members.remove(member.digest, member);
    if (member.made.isDone() && !member.made.isCompletedExceptionally()) {
      if (members.size() + free.size() < limit) {
        free.push(member.made.join());
      }
    }
  }

  private void evict(int limit) {
    while (true) {
      Member oldest;
      synchronized (this) {
        if (members.size() <= limit) {
          return;
        }
        oldest =
            members.values().stream()
                .filter(member -> member.pins == 0)
                .min(Comparator.comparingLong(member -> member.used))
                .orElse(null);
        if (oldest == null) {
          return;
        }
        // Pinned while it is written, so that nobody reuses its memory.
        oldest.pins++;
      }
      save(oldest);
      synchronized (this) {
        oldest.pins--;
        if (oldest.pins == 0) {
          // One more than the limit: the model that takes the memory is among the members.
          drop(oldest, most + 1);
        }
      }
    }
  }

  private Path file(String digest) {
    return folder.orElseThrow().resolve(digest + SUFFIX);
  }

  private static String digest(Path file) {
    String name = file.getFileName().toString();
    return name.substring(0, name.length() - SUFFIX.length());
  }

  private void save(Member member) {
    if (folder.isEmpty() || Files.exists(file(member.digest))) {
      return;
    }
    Map<String, TensorBuffer> buffers = member.tensors();
    try (CheckpointWriter writer =
        CheckpointWriter.createFile(
            file(member.digest), tensors, Map.of(), WriteOptions.defaults())) {
      for (TensorInfo info : tensors) {
        ModelOutputs.copy(buffers.get(info.name()), writer.sink(info.name()));
      }
      writer.commit();
    } catch (IOException e) {
      log.warn("cannot keep a model in {}; it is born again when needed", folder.get(), e);
    }
  }

  private boolean load(String digest, Map<String, TensorBuffer> buffers) {
    try (Checkpoint kept = Checkpoints.open(file(digest))) {
      for (TensorInfo info : tensors) {
        ModelOutputs.copy(kept.tensor(info.name()), buffers.get(info.name()));
      }
      return true;
    } catch (IOException | CheckpointException | IllegalArgumentException e) {
      log.warn("cannot read {}; its model is born again", file(digest), e);
      return false;
    }
  }

  private static List<Path> files(Path folder) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (var all = Files.list(folder)) {
      return all.filter(file -> file.toString().endsWith(SUFFIX)).toList();
    } catch (IOException e) {
      log.warn("cannot list {}", folder, e);
      return List.of();
    }
  }

  private void delete(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      log.warn("cannot delete {}", file, e);
    }
  }

  /** The number of models in memory, recycled memory included. */
  synchronized int size() {
    return members.size() + free.size();
  }

  @Override
  public void close() {
    retain(Set.of());
    synchronized (this) {
      free.clear();
    }
  }
}
