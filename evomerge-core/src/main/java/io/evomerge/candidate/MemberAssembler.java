package io.evomerge.candidate;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.CheckpointWriter;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.IncompatibleCheckpointsException;
import io.evomerge.exception.RecipeException;
import io.evomerge.internal.version.Version;
import io.evomerge.recipe.Lineage;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.TensorBuffer;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Makes the members of a population: models that were born of others, whose recipes {@link
 * io.evomerge.recipe.BirthDecoder} makes.
 *
 * <p>Members stay in memory, four bytes per weight, outside the heap, so that children need not
 * begin with the sources. When there are more than the memory has room for, the one that was used
 * longest ago is written to the folder for members, if there is one, or forgotten. A parent that is
 * not there, be it forgotten or because the search was resumed, is born again from its own parents,
 * with the same bits; the models on that way are in memory beyond the limit while it lasts.
 *
 * <p>Weights are rounded at each birth to the element type that the model has on disk, that of the
 * base or else of the first source: a member is bit for bit what a reader of its written form gets.
 *
 * <p>Spherical interpolation takes a model as one vector of all its floating-point weights: in the
 * order of embeddings, layers, final norm, head and others, by name within each. The angle is that
 * of the whole vectors, and below 1e-6 in its sine the interpolation is linear. The singular
 * vectors of task vectors are computed once per expert and matrix, and kept on the heap: 8 bytes
 * times the square of a matrix's shorter side. Matrices are all tensors of two dimensions,
 * embeddings included.
 *
 * <p>Safe for concurrent use with several stores. The caller keeps the checkpoints open until it is
 * closed, and closes them and the stores.
 */
public final class MemberAssembler implements CandidateFactory, AutoCloseable {

  /** The file beside a written member that has its lineage. */
  public static final String LINEAGE_FILE = "lineage.json";

  private final @Nullable Checkpoint base;
  private final Map<String, Checkpoint> sources;
  private final Function<String, Optional<MergeRecipe>> births;
  private final BirthMerge merge;
  private final MemberPool pool;
  private volatile boolean closed;

  private MemberAssembler(Builder settings) {
    this.base = settings.base;
    this.sources = new LinkedHashMap<>();
    settings.sources.forEach(source -> sources.put(source.sha256(), source));
    this.births = settings.births;
    this.merge = new BirthMerge(base, reference());
    long bytes = 4 * merge.tensors().stream().mapToLong(TensorInfo::elementCount).sum();
    int most = (int) Math.max(1, Math.min(Integer.MAX_VALUE, settings.memoryBytes / bytes));
    this.pool = new MemberPool(merge.tensors(), most, Optional.ofNullable(settings.folder));
  }

  /** Starts an assembler. */
  public static Builder builder() {
    return new Builder();
  }

  private Checkpoint reference() {
    return base != null ? base : sources.values().iterator().next();
  }

  @Override
  public WeightStore newStore() {
    requireOpen();
    return WeightStore.allocate(merge.tensors());
  }

  /**
   * {@inheritDoc}
   *
   * @throws RecipeException if the recipe is no birth, or names a parent that is neither a source
   *     nor a known birth
   * @throws io.evomerge.exception.MergeException if a weight of a parent is NaN or infinite
   */
  @Override
  public CandidateModel assemble(MergeRecipe recipe, WeightStore store) {
    requireOpen();
    Map<String, TensorBuffer> target = store.tensors();
    fill(recipe, target);
    Checkpoint reference = reference();
    return new AssembledModel(
        recipe,
        reference.config(),
        reference.layout(),
        store,
        target,
        MergeInputs.tokenizerFolder(reference));
  }

  private void fill(MergeRecipe recipe, Map<String, TensorBuffer> target) {
    Deque<MemberPool.Member> pinned = new ArrayDeque<>();
    try {
      boolean member = births.apply(recipe.digest()).isPresent();
      if (member) {
        Map<String, TensorBuffer> tensors = member(recipe, pinned).tensors();
        tensors.forEach((name, buffer) -> ModelOutputs.copy(buffer, target.get(name)));
        return;
      }
      List<Function<String, TensorView>> parents = new ArrayList<>();
      for (CheckpointRef parent : recipe.sources()) {
        parents.add(parent(parent, pinned));
      }
      merge.merge(recipe, parents, target);
    } catch (CompletionException e) {
      throw e.getCause() instanceof RuntimeException cause ? cause : e;
    } finally {
      pinned.forEach(pool::release);
    }
  }

  private Function<String, TensorView> parent(CheckpointRef ref, Deque<MemberPool.Member> pinned) {
    Checkpoint source = sources.get(ref.sha256());
    if (source != null) {
      return source::tensor;
    }
    return member(birth(ref), pinned).tensors()::get;
  }

  private MergeRecipe birth(CheckpointRef ref) {
    return births
        .apply(ref.sha256())
        .orElseThrow(
            () ->
                new RecipeException(
                    "the parent '"
                        + ref.name()
                        + "' with digest "
                        + ref.sha256()
                        + " is neither a source nor a model that was born here"));
  }

  /** A birth that waits for those of its parents. */
  private static final class Pending {
    final MergeRecipe recipe;
    final MemberPool.Member member;
    final List<MemberPool.Member> parents = new ArrayList<>();
    final Map<String, Map<String, TensorBuffer>> tensors = new LinkedHashMap<>();

    Pending(MergeRecipe recipe, MemberPool.Member member) {
      this.recipe = recipe;
      this.member = member;
    }
  }

  /**
   * Returns a member, pinned, with all its missing ancestors born before it. Depth first, so that
   * what is pinned grows with the depth of the line only; no recursion, as lines can be long.
   */
  private MemberPool.Member member(MergeRecipe recipe, Deque<MemberPool.Member> pinned) {
    MemberPool.Claim claim = pool.claim(recipe.digest());
    if (!claim.mine()) {
      pinned.push(claim.member());
      claim.member().tensors();
      return claim.member();
    }
    Deque<Pending> line = new ArrayDeque<>();
    line.push(new Pending(recipe, claim.member()));
    try {
      if (pool.restore(claim.member())) {
        line.pop();
        pinned.push(claim.member());
        return claim.member();
      }
      while (true) {
        Pending last = line.peek();
        Optional<Pending> before = nextParent(last);
        if (before.isPresent()) {
          line.push(before.get());
          continue;
        }
        pool.make(last.member, buffers -> merge.merge(last.recipe, views(last), buffers));
        last.parents.forEach(pool::release);
        last.parents.clear();
        line.pop();
        if (line.isEmpty()) {
          pinned.push(last.member);
          return last.member;
        }
        line.peek().parents.add(last.member);
        line.peek().tensors.put(last.recipe.digest(), last.member.tensors());
      }
    } catch (RuntimeException | Error e) {
      for (Pending open : line) {
        open.parents.forEach(pool::release);
        pool.fail(open.member, e);
      }
      throw e;
    }
  }

  /** Claims the parents that are there; returns the first that has to be made. */
  private Optional<Pending> nextParent(Pending birth) {
    for (CheckpointRef ref : birth.recipe.sources()) {
      if (sources.containsKey(ref.sha256()) || birth.tensors.containsKey(ref.sha256())) {
        continue;
      }
      MergeRecipe recipe = birth(ref);
      MemberPool.Claim claim = pool.claim(ref.sha256());
      if (claim.mine() && !restored(claim.member())) {
        return Optional.of(new Pending(recipe, claim.member()));
      }
      birth.parents.add(claim.member());
      birth.tensors.put(ref.sha256(), claim.member().tensors());
    }
    return Optional.empty();
  }

  private boolean restored(MemberPool.Member member) {
    try {
      return pool.restore(member);
    } catch (RuntimeException | Error e) {
      pool.fail(member, e);
      throw e;
    }
  }

  private List<Function<String, TensorView>> views(Pending birth) {
    List<Function<String, TensorView>> views = new ArrayList<>();
    for (CheckpointRef ref : birth.recipe.sources()) {
      Checkpoint source = sources.get(ref.sha256());
      views.add(source != null ? source::tensor : birth.tensors.get(ref.sha256())::get);
    }
    return views;
  }

  /**
   * Forgets all members but these; those in use go when they are free.
   *
   * @param digests of the recipes of births
   */
  public void retain(Set<String> digests) {
    pool.retain(digests);
  }

  /** Returns the number of models whose memory is held. */
  public int membersInMemory() {
    return pool.size();
  }

  /**
   * Writes a member as a complete Hugging Face folder, with {@value #LINEAGE_FILE} beside it; what
   * is no floating-point weight, configuration and tokenizer come from the base or else the first
   * source.
   *
   * @param lineage of the member
   * @param folder must not exist or be empty, unless the options allow to replace a model
   * @param options size of shards, and whether a model that is there is replaced
   * @throws IOException if it cannot be written; then nothing is left behind, or the old model
   */
  public WrittenModel write(Lineage lineage, Path folder, WriteOptions options) throws IOException {
    requireOpen();
    MergeRecipe recipe = lineage.member();
    Checkpoint reference = reference();
    Map<String, String> metadata =
        Map.of(
            "format",
            "pt",
            "evomerge.version",
            Version.current(),
            "evomerge.recipe.sha256",
            recipe.digest());
    List<Checkpoint> models = new ArrayList<>(sources.values());
    if (base != null) {
      models.add(base);
    }
    List<String> problems = MergedModelWriter.sourcesInTarget(recipe, models, folder);
    if (!problems.isEmpty()) {
      throw new ConfigurationException("member to " + folder, problems);
    }
    List<TensorInfo> tensors = List.copyOf(reference.tensors().values());
    try (WeightStore store = newStore();
        CheckpointWriter writer = CheckpointWriter.create(folder, tensors, metadata, options)) {
      Map<String, TensorBuffer> weights = store.tensors();
      fill(recipe, weights);
      for (TensorInfo info : tensors) {
        TensorBuffer made = weights.get(info.name());
        ModelOutputs.copy(
            made == null ? reference.tensor(info.name()) : made, writer.sink(info.name()));
      }
      for (Path file : reference.companionFiles()) {
        if (!file.getFileName().toString().equals(LINEAGE_FILE)) {
          writer.copy(file);
        }
      }
      writer.write(LINEAGE_FILE, lineage.toJson().getBytes(StandardCharsets.UTF_8));
      writer.commit();
    }
    long weights = merge.tensors().stream().mapToLong(TensorInfo::elementCount).sum();
    long bytes = tensors.stream().mapToLong(TensorInfo::byteSize).sum();
    return new WrittenModel(folder, recipe, weights, bytes);
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the member assembler is closed");
    }
  }

  /** Forgets all members and deletes their files; idempotent. */
  @Override
  public void close() {
    closed = true;
    pool.close();
  }

  /** Collects what an assembler works with; not thread-safe. */
  public static final class Builder {
    private @Nullable Checkpoint base;
    private final List<Checkpoint> sources = new ArrayList<>();
    private Function<String, Optional<MergeRecipe>> births = digest -> Optional.empty();
    private long memoryBytes = Runtime.getRuntime().maxMemory() / 2;
    private @Nullable Path folder;

    private Builder() {}

    /**
     * Sets the common base; default none. It is needed where recipes mutate task vectors.
     *
     * @param model open
     */
    public Builder base(Checkpoint model) {
      base = model;
      return this;
    }

    /**
     * Adds the models that the population begins with.
     *
     * @param models open
     */
    public Builder sources(List<? extends Checkpoint> models) {
      sources.addAll(models);
      return this;
    }

    /**
     * Sets where the recipes of born models are found; default nowhere.
     *
     * @param byDigest finds a recipe by its digest; called by several threads
     */
    public Builder births(Function<String, Optional<MergeRecipe>> byDigest) {
      births = byDigest;
      return this;
    }

    /**
     * Sets how much memory outside the heap members may take; default half of the largest heap, at
     * least one model.
     *
     * @param bytes at least 0
     */
    public Builder memory(long bytes) {
      memoryBytes = bytes;
      return this;
    }

    /**
     * Sets where members are kept for which there is no memory; default nowhere: they are born
     * again. Files are named by digest, so that a search that died finds them again.
     *
     * @param path made if missing; emptied of members that are not needed any more
     */
    public Builder folder(Path path) {
      folder = path;
      return this;
    }

    /**
     * Checks the models and makes the assembler.
     *
     * @throws ConfigurationException if there is no source or the memory is negative
     * @throws IncompatibleCheckpointsException if the models cannot be merged
     */
    public MemberAssembler build() {
      List<String> problems = new ArrayList<>();
      if (sources.isEmpty()) {
        problems.add("there are no sources");
      }
      if (memoryBytes < 0) {
        problems.add("memory " + memoryBytes + " must not be negative");
      }
      if (!problems.isEmpty()) {
        throw new ConfigurationException("MemberAssembler", problems);
      }
      Checkpoint reference = base != null ? base : sources.get(0);
      Checkpoints.requireMergeable(
          reference, sources.stream().filter(source -> source != reference).toList());
      return new MemberAssembler(this);
    }
  }
}
