package io.evomerge.candidate;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.candidate.ExtractedAdapter.Form;
import io.evomerge.candidate.ExtractedAdapter.Part;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointWriter;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.TensorRole;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.IncompatibleCheckpointsException;
import io.evomerge.exception.MergeException;
import io.evomerge.internal.kernel.Kernels;
import io.evomerge.internal.kernel.LaneSum;
import io.evomerge.internal.kernel.Philox;
import io.evomerge.internal.linalg.FloatMatrix;
import io.evomerge.internal.linalg.Matrix;
import io.evomerge.internal.linalg.Spectra;
import io.evomerge.internal.text.DidYouMean;
import io.evomerge.internal.version.Version;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import io.evomerge.tensor.TensorView;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Extracts what a model changed in its base as a LoRA adapter: a PEFT folder with the best
 * approximation of rank r of every matrix's difference, as {@link Checkpoints#open(Path, Path,
 * String)} reads it.
 *
 * <p>By default all linear layers but the output head are approximated, with {@code alpha} equal to
 * the rank; a layer with fewer rows or columns than the rank gets a {@code rank_pattern}. Singular
 * vectors come from an eigendecomposition in float64; of large matrices with a small rank from a
 * randomised range finder with power iterations (Halko, Martinsson, Tropp 2011, arXiv 0909.4061),
 * whose error is within a few per cent of the smallest possible one. The target appears as a whole
 * or not at all, with the same bytes for any parallelism.
 *
 * <p>Modules are called as the base's tensors are. A base whose files leave out the first part of
 * the names, as some of GPT-2 do, gives an adapter that fits those files, not what transformers
 * makes of them.
 *
 * <p>One matrix at a time is held in memory, in float32, with about as much again for the work on
 * it. Immutable and safe for concurrent use.
 */
public final class AdapterExtractor {

  private static final String PREFIX = "base_model.model.";
  private static final String WEIGHT = ".weight";
  private static final int BLOCK = 1 << 14;

  /** Architectures whose linear layers are stored as [in, out]. */
  private static final Set<String> TRANSPOSED = Set.of("gpt2", "openai-gpt", "imagegpt");

  private final int rank;
  private final double alpha;
  private final List<TensorSelector> selectors;
  private final List<String> modules;
  private final boolean wholeRest;
  private final DType dtype;
  private final long seed;
  private final int parallelism;
  private final boolean overwrite;

  private AdapterExtractor(Builder builder) {
    this.rank = builder.rank;
    this.alpha = builder.alpha == null ? builder.rank : builder.alpha;
    this.selectors = List.copyOf(builder.selectors);
    this.modules = List.copyOf(builder.modules);
    this.wholeRest = builder.wholeRest;
    this.dtype = builder.dtype;
    this.seed = builder.seed;
    this.parallelism = builder.parallelism;
    this.overwrite = builder.overwrite;
  }

  /**
   * Starts an extractor.
   *
   * @param rank of the approximations, at least 1
   */
  public static Builder builder(int rank) {
    return new Builder(rank);
  }

  /**
   * Writes the adapter that turns one model into (nearly) another.
   *
   * @param base the model that the adapter is for; stays open
   * @param model the other model; stays open
   * @param folder the target
   * @return the fraction of every difference that the adapter holds
   * @throws IOException if the target is there (unless it may be replaced) or cannot be written
   * @throws InterruptedIOException if the thread is interrupted; nothing is left behind
   * @throws IncompatibleCheckpointsException if the models do not have the same tensors
   * @throws ConfigurationException if no difference can be extracted: the models are equal, or the
   *     chosen modules are
   * @throws MergeException if a number is not finite
   */
  public ExtractedAdapter extract(Checkpoint base, Checkpoint model, Path folder)
      throws IOException {
    requireModules(base);
    Checkpoints.requireMergeable(base, List.of(model), true);
    try (Workers workers = new Workers("adapter", parallelism)) {
      List<Change> changes = changes(base, model, workers);
      return write(base, model, changes, folder, workers);
    } catch (UncheckedIOException e) {
      throw e.getCause() instanceof ClosedByInterruptException cause
          ? interrupted(cause)
          : e.getCause();
    } catch (ClosedByInterruptException e) {
      throw interrupted(e);
    }
  }

  private static InterruptedIOException interrupted(ClosedByInterruptException cause) {
    InterruptedIOException interrupted =
        new InterruptedIOException("interrupted; nothing is left behind");
    interrupted.initCause(cause);
    return interrupted;
  }

  private void requireModules(Checkpoint base) {
    Set<String> known = new TreeSet<>();
    for (String tensor : base.tensors().keySet()) {
      if (tensor.endsWith(WEIGHT)) {
        known.add(tensor.substring(0, tensor.length() - WEIGHT.length()));
      }
    }
    List<String> problems = new ArrayList<>();
    for (String name : modules) {
      if (known.stream().noneMatch(module -> isCalled(module, name))) {
        Set<String> endings = new TreeSet<>();
        known.forEach(module -> endings.add(module.substring(module.lastIndexOf('.') + 1)));
        problems.add(
            "'" + base.name() + "' has no module '" + name + "'" + DidYouMean.hint(name, endings));
      }
    }
    if (!problems.isEmpty()) {
      throw new ConfigurationException("adapter extractor", problems);
    }
  }

  private static boolean isCalled(String module, String name) {
    return module.equals(name) || module.endsWith("." + name);
  }

  /** Finds out what differs, by how much, and what becomes of it. */
  private List<Change> changes(Checkpoint base, Checkpoint model, Workers workers)
      throws InterruptedIOException {
    List<TensorInfo> tensors = List.copyOf(base.tensors().values());
    Map<String, Double> norms = new TreeMap<>();
    double[] squares = new double[tensors.size()];
    workers.run(tensors.size(), i -> squares[i] = squaredDifference(tensors.get(i), base, model));
    requireRunning();
    for (int i = 0; i < squares.length; i++) {
      norms.put(tensors.get(i).name(), squares[i]);
    }
    boolean transposed =
        base.config()
            .flatMap(config -> config.text("model_type"))
            .map(TRANSPOSED::contains)
            .orElse(false);
    List<Change> changes = new ArrayList<>();
    for (TensorInfo info : tensors) {
      double square = norms.get(info.name());
      if (square == 0) {
        continue;
      }
      TensorRole role = base.layout().role(info.name());
      boolean embedding = role.part() == TensorRole.Part.EMBEDDINGS;
      boolean sameShape = info.shape().equals(model.tensors().get(info.name()).shape());
      boolean lowRank =
          sameShape
              && info.shape().size() == 2
              && info.dtype().isFloating()
              && info.name().endsWith(WEIGHT)
              && chosen(info.name(), role);
      Form form =
          lowRank
              ? Form.LOW_RANK
              : wholeRest && sameShape && info.dtype().isFloating() ? Form.WHOLE : Form.LEFT_OUT;
      int own =
          lowRank ? (int) Math.min(rank, Math.min(info.shape().get(0), info.shape().get(1))) : 0;
      changes.add(new Change(info, form, own, square, embedding, embedding || transposed));
    }
    if (changes.stream().allMatch(change -> change.form() == Form.LEFT_OUT)) {
      throw new ConfigurationException(
          "adapter of '" + model.name() + "' on '" + base.name() + "'",
          List.of(
              changes.isEmpty()
                  ? "the models do not differ, so there is nothing to extract"
                  : "none of the "
                      + changes.size()
                      + " tensors that differ is chosen; choose other modules, or keep the rest"
                      + " whole"));
    }
    return changes;
  }

  private boolean chosen(String tensor, TensorRole role) {
    if (selectors.isEmpty() && modules.isEmpty()) {
      return role.part() == TensorRole.Part.LAYER || role.part() == TensorRole.Part.OTHER;
    }
    String module = tensor.substring(0, tensor.length() - WEIGHT.length());
    return selectors.stream().anyMatch(selector -> selector.matches(tensor, role))
        || modules.stream().anyMatch(name -> isCalled(module, name));
  }

  private static double squaredDifference(TensorInfo info, Checkpoint base, Checkpoint model) {
    TensorView left = base.tensor(info.name());
    TensorView right = model.tensor(info.name());
    if (!left.info().shape().equals(right.info().shape())) {
      return Double.NaN;
    }
    if (!info.dtype().isFloating()) {
      return equalBytes(left, right) ? 0 : Double.NaN;
    }
    LaneSum sum = new LaneSum();
    float[] from = new float[BLOCK];
    float[] to = new float[BLOCK];
    for (long offset = 0; offset < info.elementCount(); offset += BLOCK) {
      int length = (int) Math.min(BLOCK, info.elementCount() - offset);
      difference(left, right, offset, from, to, length);
      sum.addProducts(to, to, length);
    }
    return sum.sum();
  }

  /** Puts model minus base into {@code to}. */
  private static void difference(
      TensorView base, TensorView model, long offset, float[] from, float[] to, int length) {
    base.readFloats(offset, from, 0, length);
    model.readFloats(offset, to, 0, length);
    Kernels.subtract(to, from, length);
    if (!Kernels.allFinite(to, length)) {
      throw new MergeException(
          "tensor '"
              + base.info().name()
              + "': the difference has a number that is not finite, near element "
              + offset
              + "; one of the models is damaged");
    }
  }

  private static boolean equalBytes(TensorView left, TensorView right) {
    byte[] a = new byte[BLOCK];
    byte[] b = new byte[BLOCK];
    for (long offset = 0; offset < left.info().byteSize(); offset += BLOCK) {
      int length = (int) Math.min(BLOCK, left.info().byteSize() - offset);
      left.readBytes(offset, a, 0, length);
      right.readBytes(offset, b, 0, length);
      if (Arrays.mismatch(a, 0, length, b, 0, length) >= 0) {
        return false;
      }
    }
    return true;
  }

  private ExtractedAdapter write(
      Checkpoint base, Checkpoint model, List<Change> changes, Path folder, Workers workers)
      throws IOException {
    Map<String, TensorInfo> outputs = new LinkedHashMap<>();
    Set<String> adapted = new TreeSet<>();
    changes.stream()
        .filter(change -> change.form() == Form.LOW_RANK)
        .forEach(change -> adapted.add(change.module()));
    for (Change change : changes) {
      if (change.form() == Form.LOW_RANK) {
        long in = change.info().shape().get(change.transposed() ? 0 : 1);
        long out = change.info().shape().get(change.transposed() ? 1 : 0);
        add(outputs, change.partA(), List.of((long) change.rank(), in));
        add(outputs, change.partB(), List.of(out, (long) change.rank()));
      } else if (change.form() == Form.WHOLE) {
        TensorInfo own = model.tensors().get(change.info().name());
        String key = change.wholeKey(adapted);
        outputs.put(key, own.withName(key));
      }
    }
    Map<String, String> metadata = Map.of("evomerge.version", Version.current());
    WriteOptions options = WriteOptions.defaults().withOverwrite(overwrite);
    try (CheckpointWriter writer =
        CheckpointWriter.createAdapter(folder, outputs.values(), metadata, options)) {
      List<Part> parts = new ArrayList<>();
      for (Change change : changes) {
        requireRunning();
        parts.add(
            switch (change.form()) {
              case LOW_RANK -> approximate(change, base, model, writer, workers);
              case WHOLE -> copy(change, adapted, model, writer);
              case LEFT_OUT -> new Part(change.info().name(), Form.LEFT_OUT, 0, change.square(), 0);
            });
      }
      String json = config(base, changes, adapted).toPrettyString() + "\n";
      writer.write("adapter_config.json", json.getBytes(StandardCharsets.UTF_8));
      writer.commit();
      return new ExtractedAdapter(folder, parts);
    }
  }

  private void add(Map<String, TensorInfo> outputs, String key, List<Long> shape) {
    outputs.put(key, new TensorInfo(key, dtype, shape));
  }

  private Part approximate(
      Change change, Checkpoint base, Checkpoint model, CheckpointWriter writer, Workers workers) {
    TensorInfo info = change.info();
    int height = Math.toIntExact(info.shape().get(0));
    int width = Math.toIntExact(info.shape().get(1));
    FloatMatrix upright = new FloatMatrix(height, width);
    TensorView from = base.tensor(info.name());
    TensorView to = model.tensor(info.name());
    workers.run(
        height,
        row -> {
          float[] old = new float[width];
          float[] values = new float[width];
          difference(from, to, (long) row * width, old, values, width);
          System.arraycopy(values, 0, upright.values(), row * width, width);
        });
    boolean tall = height > width;
    Matrix matrix = tall ? upright.transposed() : upright;
    Spectra.Svd svd;
    try {
      Philox random = Philox.derive(seed, "adapter", info.name());
      svd = Spectra.sketched(matrix, change.rank(), random, workers::run);
    } catch (ArithmeticException e) {
      throw new MergeException("tensor '" + info.name() + "': " + e.getMessage(), e);
    }
    // Of the tensor itself, [rows, columns] = left^T diag(values) right.
    Matrix left = tall ? svd.right() : svd.left();
    Matrix right = tall ? svd.left() : svd.right();
    double scale = alpha / change.rank();
    double[] factorsA = new double[svd.values().length];
    double[] factorsB = new double[svd.values().length];
    double held = 0;
    for (int i = 0; i < factorsA.length; i++) {
      double share = Math.sqrt(svd.values()[i] / Math.abs(scale));
      factorsA[i] = share;
      factorsB[i] = Math.copySign(share, scale);
      held += svd.values()[i] * svd.values()[i];
    }
    writeRows(change.transposed() ? left : right, factorsA, writer.sink(change.partA()));
    writeColumns(change.transposed() ? right : left, factorsB, writer.sink(change.partB()));
    return new Part(
        info.name(),
        Form.LOW_RANK,
        change.rank(),
        change.square(),
        Math.min(1, held / change.square()));
  }

  /** Writes [rank, n]; rows beyond the vectors are zeros. */
  private static void writeRows(Matrix vectors, double[] factors, TensorSink sink) {
    int length = vectors.columns();
    double[] row = new double[length];
    float[] out = new float[length];
    for (int i = 0; i < sink.info().shape().get(0); i++) {
      Arrays.fill(out, 0f);
      if (i < factors.length) {
        vectors.read(i, 0, row, 0, length);
        for (int j = 0; j < length; j++) {
          out[j] = (float) (factors[i] * row[j]);
        }
      }
      sink.writeFloats((long) i * length, out, 0, length);
    }
  }

  /** Writes [n, rank]; columns beyond the vectors are zeros. */
  private static void writeColumns(Matrix vectors, double[] factors, TensorSink sink) {
    int rank = Math.toIntExact(sink.info().shape().get(1));
    double[] column = new double[1];
    float[] out = new float[rank];
    for (int j = 0; j < vectors.columns(); j++) {
      for (int i = 0; i < factors.length; i++) {
        vectors.read(i, j, column, 0, 1);
        out[i] = (float) (factors[i] * column[0]);
      }
      sink.writeFloats((long) j * rank, out, 0, rank);
    }
  }

  private static Part copy(
      Change change, Set<String> adapted, Checkpoint model, CheckpointWriter writer) {
    TensorView view = model.tensor(change.info().name());
    TensorSink sink = writer.sink(change.wholeKey(adapted));
    byte[] block = new byte[BLOCK];
    for (long offset = 0; offset < view.info().byteSize(); offset += BLOCK) {
      int length = (int) Math.min(BLOCK, view.info().byteSize() - offset);
      view.readBytes(offset, block, 0, length);
      sink.writeBytes(offset, block, 0, length);
    }
    return new Part(change.info().name(), Form.WHOLE, 0, change.square(), 1);
  }

  private ObjectNode config(Checkpoint base, List<Change> changes, Set<String> adapted) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("peft_type", "LORA");
    boolean causal =
        base.config().map(ModelConfig::architecture).orElse("").endsWith("ForCausalLM");
    json.put("task_type", causal ? "CAUSAL_LM" : null);
    String name =
        base.config()
            .map(config -> config.json().path("_name_or_path").asText(""))
            .filter(text -> !text.isBlank())
            .orElse(base.location().toString().replace('\\', '/'));
    json.put("base_model_name_or_path", name);
    json.put("inference_mode", true);
    json.put("r", rank);
    json.put("lora_alpha", alpha);
    if (alpha == Math.rint(alpha) && Math.abs(alpha) < Integer.MAX_VALUE) {
      json.put("lora_alpha", (int) alpha);
    }
    json.put("lora_dropout", 0.0);
    json.put("use_rslora", false);
    json.put("use_dora", false);
    json.put(
        "fan_in_fan_out",
        changes.stream().anyMatch(change -> change.transposed() && !change.embedding()));
    boolean biases =
        changes.stream()
            .anyMatch(change -> change.form() == Form.WHOLE && change.ofAdapted(adapted));
    json.put("bias", biases ? "all" : "none");
    // Full names: an ending might also match modules that do not differ.
    adapted.forEach(json.putArray("target_modules")::add);
    Set<String> whole = new TreeSet<>();
    ObjectNode ranks = json.putObject("rank_pattern");
    for (Change change : changes) {
      if (change.form() == Form.WHOLE && !change.ofAdapted(adapted)) {
        whole.add(change.module());
      } else if (change.form() == Form.LOW_RANK && change.rank() != rank) {
        ranks.put(change.module().replace(".", "\\."), change.rank());
      }
    }
    json.putObject("alpha_pattern");
    if (whole.isEmpty()) {
      json.putNull("modules_to_save");
    } else {
      whole.forEach(json.putArray("modules_to_save")::add);
    }
    return json;
  }

  private static void requireRunning() throws InterruptedIOException {
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException("interrupted; nothing is left behind");
    }
  }

  /**
   * A tensor that differs.
   *
   * @param info as in the base
   * @param form what becomes of it
   * @param rank of its approximation, else 0
   * @param square sum of the squares of the difference; NaN if it cannot be told
   * @param embedding whether it belongs to an embedding
   * @param transposed whether it is stored as [in, out]
   */
  private record Change(
      TensorInfo info, Form form, int rank, double square, boolean embedding, boolean transposed) {

    String module() {
      int dot = info.name().lastIndexOf('.');
      return dot < 0 ? info.name() : info.name().substring(0, dot);
    }

    String partA() {
      return PREFIX + module() + (embedding ? ".lora_embedding_A" : ".lora_A.weight");
    }

    String partB() {
      return PREFIX + module() + (embedding ? ".lora_embedding_B" : ".lora_B.weight");
    }

    boolean ofAdapted(Set<String> adapted) {
      return adapted.contains(module());
    }

    /** A module with a low-rank weight wraps what it had, its bias included. */
    String wholeKey(Set<String> adapted) {
      String name = info.name();
      return PREFIX
          + (ofAdapted(adapted)
              ? module() + ".base_layer" + name.substring(name.lastIndexOf('.'))
              : name);
    }
  }

  /** Collects settings; not safe for concurrent use. */
  public static final class Builder {

    private final int rank;
    private @Nullable Double alpha;
    private final List<TensorSelector> selectors = new ArrayList<>();
    private final List<String> modules = new ArrayList<>();
    private boolean wholeRest;
    private DType dtype = DType.F32;
    private long seed;
    private int parallelism = 1;
    private boolean overwrite;

    private Builder(int rank) {
      this.rank = rank;
    }

    /**
     * Sets the numerator of the scale {@code alpha / rank}; default the rank. Changes how the
     * factors are scaled, not what they give.
     *
     * @param value finite and not 0
     */
    public Builder alpha(double value) {
      this.alpha = value;
      return this;
    }

    /**
     * Approximates the matrices of these groups, too; default all linear layers but the head.
     *
     * @param selector e.g. the attention of some layers; may select embeddings and the head
     */
    public Builder select(TensorSelector selector) {
      selectors.add(selector);
      return this;
    }

    /**
     * Approximates the matrices of these modules, too; default all linear layers but the head.
     *
     * @param names full names or what they end in after a dot, e.g. {@code q_proj}
     */
    public Builder modules(String... names) {
      modules.addAll(List.of(names));
      return this;
    }

    /**
     * Sets what becomes of other tensors that differ (norms, biases, embeddings, head): default
     * false, they are left out and named in the result; true puts the model's tensors whole into
     * the adapter, as PEFT's {@code modules_to_save} and biases.
     *
     * @param value whether they are kept
     */
    public Builder keepRestWhole(boolean value) {
      this.wholeRest = value;
      return this;
    }

    /**
     * Sets the element type of the factors; default F32.
     *
     * @param value a floating-point type
     */
    public Builder dtype(DType value) {
      this.dtype = value;
      return this;
    }

    /**
     * Sets the seed of the random sketches; default 0.
     *
     * @param value any number
     */
    public Builder seed(long value) {
      this.seed = value;
      return this;
    }

    /**
     * Sets how many threads work, the calling one included; default 1.
     *
     * @param threads at least 1
     */
    public Builder parallelism(int threads) {
      this.parallelism = threads;
      return this;
    }

    /**
     * Sets whether a target that is there is replaced; default false.
     *
     * @param value whether it is
     */
    public Builder overwrite(boolean value) {
      this.overwrite = value;
      return this;
    }

    /**
     * Builds the extractor.
     *
     * @throws ConfigurationException listing all settings that are out of range
     */
    public AdapterExtractor build() {
      List<String> problems = new ArrayList<>();
      if (rank < 1) {
        problems.add("rank " + rank + " must be at least 1");
      }
      if (alpha != null && (!Double.isFinite(alpha) || alpha == 0)) {
        problems.add("alpha " + alpha + " must be a finite number other than 0");
      }
      if (!dtype.isFloating()) {
        problems.add("dtype " + dtype + " must be a floating-point type");
      }
      if (parallelism < 1) {
        problems.add("parallelism " + parallelism + " must be at least 1");
      }
      if (!problems.isEmpty()) {
        throw new ConfigurationException("adapter extractor", problems);
      }
      return new AdapterExtractor(this);
    }
  }
}
