package io.evomerge.merge;

import io.evomerge.exception.ConfigurationException;
import io.evomerge.genome.ParameterValues;
import io.evomerge.genome.Semantics;
import io.evomerge.internal.kernel.Philox;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One tensor's merge: the inputs that a {@link MergeOperator} is given.
 *
 * <p>Its uniform numbers are those of Philox4x32-10 (Salmon et al. 2011, doi
 * 10.1145/2063384.2063405) with key and stream from a SHA-256 of (seed, source name, tensor name);
 * element {@code e} takes word {@code e mod 4} of counter {@code e / 4}, its upper 24 bits times
 * 2^-24. Immutable and safe for concurrent use.
 */
public final class MergeTask implements TensorMerge {

  private static final String PURPOSE = "uniforms";

  private final TensorInfo info;
  private final @Nullable TensorView base;
  private final List<TensorView> sources;
  private final List<String> sourceNames;
  private final ParameterValues parameters;
  private final Semantics semantics;
  private final boolean embedding;
  private final WholeModelOperator.@Nullable Survey survey;
  private final List<Optional<TensorView>> statistics;
  private final long seed;
  private final MergeCache cache;
  private final Object scope;
  private final int blockLength;
  private final ParallelFor threads;
  // Written without a lock: every thread derives the same immutable stream.
  private final @Nullable Philox[] streams;

  private MergeTask(Builder builder) {
    List<Long> shape = builder.info.shape();
    this.info = builder.info;
    this.base = builder.base == null ? null : CroppedView.of(builder.base, shape);
    this.sources = builder.sources.stream().map(view -> CroppedView.of(view, shape)).toList();
    this.sourceNames = List.copyOf(builder.names);
    this.parameters = builder.parameters;
    this.semantics = builder.semantics;
    this.embedding = builder.embedding;
    this.survey = builder.survey;
    this.statistics =
        sourceNames.stream()
            .map(name -> Optional.ofNullable(builder.statistics.get(name)))
            .toList();
    this.seed = builder.seed;
    this.cache = builder.cache;
    this.blockLength = builder.blockLength;
    this.threads = builder.threads;
    this.streams = new Philox[sources.size()];
    this.scope =
        cache.scope(
            new Scope(
                info.name(),
                shape,
                base == null ? "" : base.info().name(),
                base != null,
                sourceNames,
                sources.stream().map(view -> view.info().name()).toList(),
                statistics.stream()
                    .map(view -> view.map(matrix -> matrix.info().name()).orElse(""))
                    .toList(),
                seed));
  }

  /**
   * Starts a task.
   *
   * @param info name and shape of the result
   */
  public static Builder builder(TensorInfo info) {
    return new Builder(info);
  }

  @Override
  public TensorInfo info() {
    return info;
  }

  @Override
  public Optional<TensorView> base() {
    return Optional.ofNullable(base);
  }

  @Override
  public List<TensorView> sources() {
    return sources;
  }

  @Override
  public List<String> sourceNames() {
    return sourceNames;
  }

  @Override
  public ParameterValues parameters() {
    return parameters;
  }

  @Override
  public Semantics semantics() {
    return semantics;
  }

  @Override
  public boolean isEmbedding() {
    return embedding;
  }

  @Override
  public Optional<WholeModelOperator.Survey> survey() {
    return Optional.ofNullable(survey);
  }

  @Override
  public Optional<TensorView> statistics(int source) {
    return statistics.get(source);
  }

  @Override
  public void uniforms(int source, long offset, float[] target, int length) {
    Objects.checkFromIndexSize(offset, length, info.elementCount());
    Philox stream = streams[source];
    if (stream == null) {
      stream = Philox.derive(seed, PURPOSE, sourceNames.get(source), info.name());
      streams[source] = stream;
    }
    stream.uniforms(offset, target, length);
  }

  @Override
  public <T> T cached(Object key, Supplier<T> compute) {
    return cache.get(scope, key, compute);
  }

  @Override
  public <T> Optional<T> cachedIfRoom(Object key, long bytes, Supplier<T> compute) {
    return cache.getIfRoom(scope, key, bytes, compute);
  }

  @Override
  public void parallel(int count, IntConsumer work) {
    threads.run(count, work);
  }

  @Override
  public int blockLength() {
    return blockLength;
  }

  /** What a cached value depends on besides its key. */
  private record Scope(
      String tensor,
      List<Long> shape,
      String baseTensor,
      boolean hasBase,
      List<String> names,
      List<String> tensors,
      List<String> statistics,
      long seed) {}

  /** Collects the inputs of a {@link MergeTask}; not safe for concurrent use. */
  public static final class Builder {

    private final TensorInfo info;
    private @Nullable TensorView base;
    private final List<TensorView> sources = new ArrayList<>();
    private final List<String> names = new ArrayList<>();
    private ParameterValues parameters = ParameterValues.of(Map.of());
    private Semantics semantics = Semantics.PAPER;
    private boolean embedding;
    private WholeModelOperator.@Nullable Survey survey;
    private final Map<String, TensorView> statistics = new LinkedHashMap<>();
    private long seed;
    private MergeCache cache = MergeCache.none();
    private int blockLength = DEFAULT_BLOCK_LENGTH;
    private ParallelFor threads = ParallelFor.sequential();

    private Builder(TensorInfo info) {
      this.info = info;
    }

    /**
     * Sets the base model's tensor; default none.
     *
     * @param view of the task's shape
     */
    public Builder base(TensorView view) {
      this.base = view;
      return this;
    }

    /**
     * Adds a source.
     *
     * @param name short name of the model, unique in the task; part of the key of its random
     *     numbers
     * @param view of the task's shape
     */
    public Builder source(String name, TensorView view) {
      names.add(name);
      sources.add(view);
      return this;
    }

    /**
     * Sets the operator's parameters; default none. Where a value is missing, the operators of this
     * library take the default of its {@link io.evomerge.genome.ParameterSpec}.
     *
     * @param values for this tensor
     */
    public Builder parameters(ParameterValues values) {
      this.parameters = values;
      return this;
    }

    /**
     * Sets whose definition counts; default {@link Semantics#PAPER}.
     *
     * @param value the definition
     */
    public Builder semantics(Semantics value) {
      this.semantics = value;
      return this;
    }

    /**
     * Says that this is the token embedding or the output head; default false. Inputs of an
     * embedding may have more rows or columns than the result: the upper left part counts.
     *
     * @param value whether it is
     */
    public Builder embedding(boolean value) {
      this.embedding = value;
      return this;
    }

    /**
     * Sets what a {@link WholeModelOperator} found out about all tensors of this merge; default
     * nothing.
     *
     * @param value the operator's own, from tasks of the same inputs and parameters
     */
    public Builder survey(WholeModelOperator.Survey value) {
      this.survey = value;
      return this;
    }

    /**
     * Adds statistics of what a source feeds into this tensor; default none.
     *
     * @param source name of the source
     * @param matrix symmetric, {@code [in, in]}; see {@link TensorMerge#statistics}. As with a
     *     source's tensor, its name always means the same numbers inside one cache
     */
    public Builder statistics(String source, TensorView matrix) {
      statistics.put(source, matrix);
      return this;
    }

    /**
     * Sets the recipe's seed of random masks; default 0.
     *
     * @param value any number
     */
    public Builder seed(long value) {
      this.seed = value;
      return this;
    }

    /**
     * Sets where to keep what merges have in common; default {@link MergeCache#none}.
     *
     * @param value a cache for these checkpoints
     */
    public Builder cache(MergeCache value) {
      this.cache = value;
      return this;
    }

    /**
     * Sets how many elements are read at a time; default {@value TensorMerge#DEFAULT_BLOCK_LENGTH}.
     *
     * @param elements at least 1
     */
    public Builder blockLength(int elements) {
      this.blockLength = elements;
      return this;
    }

    /**
     * Sets who shares work on this tensor out to threads; default the calling thread alone. With
     * more, the sink must take disjoint blocks from several threads at once.
     *
     * @param value shared by any number of tasks
     */
    public Builder threads(ParallelFor value) {
      this.threads = value;
      return this;
    }

    /**
     * Builds the task.
     *
     * @throws ConfigurationException if there is no source, two share a name, an input has another
     *     shape, statistics are those of no source, or the block length is below 1
     */
    public MergeTask build() {
      List<String> problems = new ArrayList<>();
      if (sources.isEmpty()) {
        problems.add("no source: add at least one");
      }
      if (names.stream().distinct().count() != names.size()) {
        problems.add("two sources share a name: " + names);
      }
      if (blockLength < 1) {
        problems.add("blockLength " + blockLength + " must be at least 1");
      }
      if (base != null) {
        checkShape("the base", base, problems);
      }
      for (int i = 0; i < sources.size(); i++) {
        checkShape("source '" + names.get(i) + "'", sources.get(i), problems);
      }
      for (String name : statistics.keySet()) {
        if (!names.contains(name)) {
          problems.add("statistics of '" + name + "', which is no source: " + names);
        }
      }
      if (!problems.isEmpty()) {
        throw new ConfigurationException("merge of tensor '" + info.name() + "'", problems);
      }
      return new MergeTask(this);
    }

    private void checkShape(String whose, TensorView view, List<String> problems) {
      List<Long> shape = view.info().shape();
      if (shape.equals(info.shape()) || embedding && CroppedView.fits(info.shape(), shape)) {
        return;
      }
      problems.add(
          whose
              + " has shape "
              + shape
              + ", wanted "
              + info.shape()
              + (embedding ? " or larger" : ""));
    }
  }
}
