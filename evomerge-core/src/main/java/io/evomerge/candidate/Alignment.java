package io.evomerge.candidate;

import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointWriter;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.exception.UnsupportedModelException;
import io.evomerge.internal.linalg.Assignment;
import io.evomerge.merge.ParallelFor;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import io.evomerge.tensor.TensorView;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * An order of a model's units in which they match those of a reference best, while the model
 * computes the same function as before. Models that were trained apart from each other are put in
 * such an order before they are merged. Ainsworth, Hayase, Srinivasa 2023, "Git Re-Basin: Merging
 * Models modulo Permutation Symmetries", arXiv 2209.04836: matching of weights.
 *
 * <p>For decoders of the Llama family. In every block these are reordered: the units of the MLP
 * (rows of gate and up, columns of down); the key-value heads, each with its query heads, and the
 * query heads within them (rows of query, key and value, columns of the output projection). The sum
 * of the inner products with the reference's weights is as large as it can be. As the residual
 * stream keeps its order, no choice depends on another and the optimum is exact. The order inside a
 * head, of which the rotary embedding allows few, and that of the residual stream, which is the
 * same in models with a common ancestor, are left alone.
 *
 * <p>Immutable and safe for concurrent use.
 */
public final class Alignment {

  private static final Pattern PART =
      Pattern.compile("(.*?layers\\.\\d+\\.)(self_attn|mlp)\\.(.+?)\\.(weight|bias)");
  private static final List<String> ATTENTION =
      List.of("q_proj.weight", "k_proj.weight", "v_proj.weight", "o_proj.weight");
  private static final List<String> MLP =
      List.of("gate_proj.weight", "up_proj.weight", "down_proj.weight");

  /** Other parts that may be there; they do not depend on the order. */
  private static final Set<String> OTHERS =
      Set.of(
          "q_proj.bias",
          "k_proj.bias",
          "v_proj.bias",
          "o_proj.bias",
          "q_norm.weight",
          "k_norm.weight",
          "gate_proj.bias",
          "up_proj.bias",
          "down_proj.bias");

  private final String sha256;
  private final Map<String, Order> orders;

  private Alignment(String sha256, Map<String, Order> orders) {
    this.sha256 = sha256;
    this.orders = Collections.unmodifiableMap(orders);
  }

  /**
   * Aligns a model with a reference on the calling thread.
   *
   * @param source to be reordered
   * @param reference stays as it is; usually the base, or the first source
   * @throws io.evomerge.exception.IncompatibleCheckpointsException if they cannot be merged
   * @throws UnsupportedModelException if it is no decoder of the Llama family; the message says
   *     what is missing or unknown
   */
  public static Alignment of(Checkpoint source, Checkpoint reference) {
    return of(source, reference, ParallelFor.sequential());
  }

  /**
   * Aligns a model with a reference.
   *
   * <p>Takes {@code 4 n^2} bytes of heap for an MLP of {@code n} units, {@code 6 n^2} times the
   * hidden size arithmetic operations per block, and then {@code n^3} at worst. The result does not
   * depend on threads. Of equally good orders one is chosen that is fixed by the weights.
   *
   * @param source to be reordered
   * @param reference stays as it is
   * @param threads who shares the work out
   * @throws io.evomerge.exception.IncompatibleCheckpointsException if they cannot be merged
   * @throws UnsupportedModelException if it is no decoder of the Llama family
   */
  public static Alignment of(Checkpoint source, Checkpoint reference, ParallelFor threads) {
    Checkpoints.requireMergeable(reference, List.of(source), true);
    Map<String, Order> orders = new TreeMap<>();
    List<String> blocks = blocks(source);
    Heads heads = Heads.of(source);
    for (String block : blocks) {
      alignMlp(source, reference, block + "mlp.", threads, orders);
      alignHeads(source, reference, block + "self_attn.", heads, threads, orders);
    }
    return new Alignment(source.sha256(), orders);
  }

  private static List<String> blocks(Checkpoint model) {
    Map<String, List<String>> parts = new TreeMap<>();
    for (String tensor : model.tensors().keySet()) {
      Matcher matcher = PART.matcher(tensor);
      if (matcher.matches()) {
        String part = matcher.group(3) + "." + matcher.group(4);
        if (!ATTENTION.contains(part) && !MLP.contains(part) && !OTHERS.contains(part)) {
          throw new UnsupportedModelException(
              "tensor '"
                  + tensor
                  + "' of '"
                  + model.name()
                  + "' is none of a Llama-family block, so its units cannot be reordered");
        }
        parts
            .computeIfAbsent(matcher.group(1), block -> new ArrayList<>())
            .add(matcher.group(2) + "." + part);
      }
    }
    parts.forEach(
        (block, names) -> {
          List<String> missing = new ArrayList<>();
          ATTENTION.forEach(part -> missing.add("self_attn." + part));
          MLP.forEach(part -> missing.add("mlp." + part));
          missing.removeAll(names);
          if (!missing.isEmpty()) {
            throw new UnsupportedModelException(
                "block '" + block + "' of '" + model.name() + "' has no " + missing);
          }
        });
    if (parts.isEmpty()) {
      throw new UnsupportedModelException(
          "'" + model.name() + "' has no blocks of a Llama-family decoder, so nothing to align");
    }
    return List.copyOf(parts.keySet());
  }

  private static void alignMlp(
      Checkpoint source,
      Checkpoint reference,
      String mlp,
      ParallelFor threads,
      Map<String, Order> orders) {
    int units = Math.toIntExact(source.tensors().get(mlp + "gate_proj.weight").shape().get(0));
    Similarity similarity = new Similarity(units, threads);
    List<String> rows = present(source, mlp, "gate_proj", "up_proj");
    for (String tensor : rows) {
      similarity.addRows(reference.tensor(tensor), source.tensor(tensor), 1);
    }
    String down = mlp + "down_proj.weight";
    similarity.addColumns(reference.tensor(down), source.tensor(down), 1);
    int[] order = Assignment.maximize(similarity.sums());
    put(orders, rows, down, order);
  }

  private static void alignHeads(
      Checkpoint source,
      Checkpoint reference,
      String attention,
      Heads heads,
      ParallelFor threads,
      Map<String, Order> orders) {
    heads.check(source, attention);
    Similarity keyValue = new Similarity(heads.keyValue, threads);
    List<String> keyValueRows = present(source, attention, "k_proj", "v_proj");
    for (String tensor : keyValueRows) {
      keyValue.addRows(reference.tensor(tensor), source.tensor(tensor), heads.width);
    }
    Similarity query = new Similarity(heads.query, threads);
    List<String> queryRows = present(source, attention, "q_proj");
    for (String tensor : queryRows) {
      query.addRows(reference.tensor(tensor), source.tensor(tensor), heads.width);
    }
    String output = attention + "o_proj.weight";
    query.addColumns(reference.tensor(output), source.tensor(output), heads.width);
    // A group of heads is worth what its key and value are, and its queries in their best order.
    int group = heads.query / heads.keyValue;
    float[][] worth = keyValue.sums();
    int[][][] inner = new int[heads.keyValue][heads.keyValue][];
    for (int i = 0; i < heads.keyValue; i++) {
      for (int j = 0; j < heads.keyValue; j++) {
        float[][] part = new float[group][];
        for (int q = 0; q < group; q++) {
          part[q] = Arrays.copyOfRange(query.sums()[i * group + q], j * group, (j + 1) * group);
        }
        inner[i][j] = Assignment.maximize(part);
        for (int q = 0; q < group; q++) {
          worth[i][j] += part[q][inner[i][j][q]];
        }
      }
    }
    int[] keyValueOrder = Assignment.maximize(worth);
    int[] queryOrder = new int[heads.query];
    for (int i = 0; i < queryOrder.length; i++) {
      int j = keyValueOrder[i / group];
      queryOrder[i] = j * group + inner[i / group][j][i % group];
    }
    int[] keyValueUnits = units(keyValueOrder, heads.width);
    keyValueRows.forEach(tensor -> orders.put(tensor, new Order(keyValueUnits, true)));
    put(orders, queryRows, output, units(queryOrder, heads.width));
  }

  private static List<String> present(Checkpoint model, String prefix, String... layers) {
    List<String> tensors = new ArrayList<>();
    for (String layer : layers) {
      tensors.add(prefix + layer + ".weight");
      if (model.tensors().containsKey(prefix + layer + ".bias")) {
        tensors.add(prefix + layer + ".bias");
      }
    }
    return tensors;
  }

  private static int[] units(int[] heads, int width) {
    return IntStream.range(0, heads.length * width)
        .map(unit -> heads[unit / width] * width + unit % width)
        .toArray();
  }

  private static void put(
      Map<String, Order> orders, List<String> rows, String columns, int[] order) {
    rows.forEach(tensor -> orders.put(tensor, new Order(order, true)));
    orders.put(columns, new Order(order, false));
  }

  /** Returns whether everything is in place already. */
  public boolean isIdentity() {
    return orders.values().stream().allMatch(Order::isIdentity);
  }

  /**
   * Returns the model in the order that was found: the same tensors, rows and columns permuted as
   * they are read.
   *
   * <p>It has the source's name and location but a digest of its own, so a recipe that names it
   * cannot be replayed from the source's files: {@link #write} it for that. It is valid while the
   * source is open; closing it closes the source.
   *
   * @param source that was aligned, or the same weights opened again
   * @throws IllegalArgumentException if it is another model
   */
  public Checkpoint view(Checkpoint source) {
    if (!source.sha256().equals(sha256)) {
      throw new IllegalArgumentException(
          "'"
              + source.name()
              + "' is not the model that was aligned: its weights have sha256 "
              + source.sha256()
              + ", that one's "
              + sha256);
    }
    return isIdentity() ? source : new View(source, this);
  }

  /**
   * Writes the model in the order that was found as a complete Hugging Face folder.
   *
   * @param source that was aligned
   * @param folder the target; parents are created
   * @param options shard size and whether a model that is there is replaced
   * @throws IOException if it cannot be written
   * @throws IllegalArgumentException if it is another model
   */
  public void write(Checkpoint source, Path folder, WriteOptions options) throws IOException {
    Checkpoint aligned = view(source);
    try (CheckpointWriter writer =
        CheckpointWriter.create(folder, aligned.tensors().values(), aligned.metadata(), options)) {
      byte[] block = new byte[1 << 20];
      for (TensorInfo info : aligned.tensors().values()) {
        TensorView view = aligned.tensor(info.name());
        TensorSink sink = writer.sink(info.name());
        for (long at = 0; at < info.byteSize(); at += block.length) {
          int count = (int) Math.min(block.length, info.byteSize() - at);
          view.readBytes(at, block, 0, count);
          sink.writeBytes(at, block, 0, count);
        }
      }
      for (Path file : aligned.companionFiles()) {
        writer.copy(file);
      }
      writer.commit();
    }
  }

  /**
   * Where the rows or columns of a tensor come from.
   *
   * @param places row or column {@code i} is the source's {@code places[i]}
   * @param rows whether rows are meant
   */
  private record Order(int[] places, boolean rows) {
    boolean isIdentity() {
      return IntStream.range(0, places.length).allMatch(i -> places[i] == i);
    }
  }

  /**
   * The heads of a model.
   *
   * @param query their number
   * @param keyValue number of key-value heads, a divisor
   * @param width rows of a head
   */
  private record Heads(int query, int keyValue, int width) {

    static Heads of(Checkpoint model) {
      ModelConfig config =
          model
              .config()
              .orElseThrow(
                  () ->
                      new UnsupportedModelException(
                          "'"
                              + model.name()
                              + "' has no config.json, which says how many heads there are; open"
                              + " the model's folder"));
      int query = config.requiredInteger("num_attention_heads");
      int keyValue = config.integer("num_key_value_heads").orElse(query);
      int width =
          config
              .integer("head_dim")
              .orElseGet(() -> config.requiredInteger("hidden_size") / Math.max(1, query));
      if (query < 1 || keyValue < 1 || width < 1 || query % keyValue != 0) {
        throw new UnsupportedModelException(
            "config.json of '"
                + model.name()
                + "': num_attention_heads "
                + query
                + ", num_key_value_heads "
                + keyValue
                + " and head_dim "
                + width
                + " do not fit each other");
      }
      return new Heads(query, keyValue, width);
    }

    void check(Checkpoint model, String attention) {
      check(model, attention + "q_proj.weight", 0, (long) query * width);
      check(model, attention + "k_proj.weight", 0, (long) keyValue * width);
      check(model, attention + "v_proj.weight", 0, (long) keyValue * width);
      check(model, attention + "o_proj.weight", 1, (long) query * width);
    }

    private static void check(Checkpoint model, String tensor, int dimension, long wanted) {
      List<Long> shape = model.tensors().get(tensor).shape();
      if (shape.size() != 2 || shape.get(dimension) != wanted) {
        throw new UnsupportedModelException(
            "tensor '"
                + tensor
                + "' of '"
                + model.name()
                + "' has shape "
                + shape
                + ", but by config.json dimension "
                + dimension
                + " is "
                + wanted);
      }
    }
  }

  /** The reordered model. */
  private static final class View implements Checkpoint {
    private final Checkpoint source;
    private final Alignment alignment;

    View(Checkpoint source, Alignment alignment) {
      this.source = source;
      this.alignment = alignment;
    }

    @Override
    public String name() {
      return source.name();
    }

    @Override
    public Path location() {
      return source.location();
    }

    /** The digest of the source's digest and the orders. */
    @Override
    public String sha256() {
      Hasher hasher = Hashing.sha256().newHasher();
      hasher.putString(alignment.sha256, StandardCharsets.UTF_8);
      alignment.orders.forEach(
          (tensor, order) -> {
            hasher.putString("\n" + tensor + "\n", StandardCharsets.UTF_8);
            for (int place : order.places()) {
              hasher.putInt(place);
            }
          });
      return hasher.hash().toString();
    }

    @Override
    public Map<String, TensorInfo> tensors() {
      return source.tensors();
    }

    @Override
    public TensorView tensor(String name) {
      TensorView view = source.tensor(name);
      Order order = alignment.orders.get(name);
      return order == null ? view : new PermutedView(view, order.places(), order.rows());
    }

    @Override
    public Optional<ModelConfig> config() {
      return source.config();
    }

    @Override
    public ModelLayout layout() {
      return source.layout();
    }

    @Override
    public List<Path> companionFiles() {
      return source.companionFiles();
    }

    @Override
    public Map<String, String> metadata() {
      return source.metadata();
    }

    @Override
    public void close() {
      source.close();
    }
  }
}
