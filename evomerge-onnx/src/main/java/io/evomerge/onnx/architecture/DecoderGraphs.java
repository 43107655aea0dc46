package io.evomerge.onnx.architecture;

import io.evomerge.genome.HopScaling;
import io.evomerge.onnx.architecture.DecoderForm.AttentionPrecision;
import io.evomerge.onnx.graph.Attribute;
import io.evomerge.onnx.graph.Dimension;
import io.evomerge.onnx.graph.ElementType;
import io.evomerge.onnx.graph.Graph;
import io.evomerge.onnx.graph.Value;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * ONNX models of a decoder whose weights are named and laid out as in its checkpoint; stateless.
 *
 * <p>A {@link DecoderForm} says how the weights come in. No node computes from weights alone, so
 * nothing about them can be worked out before they are there.
 *
 * <p>Inputs of every model, with B rows of T tokens (shorter rows are padded on the right) and N
 * chosen positions:
 *
 * <ul>
 *   <li>{@value #TOKENS}: INT64 [B, T]
 *   <li>{@value #LAST}: INT32 [B], index of each row's last token
 *   <li>{@value #PADDED_LENGTH}: INT32 scalar, T
 *   <li>{@value #POSITIONS}: INT64 [N], row * T + index of each chosen token
 *   <li>{@value #COSINES} and {@value #SINES}: FLOAT [at least every position used, headDim / 2]
 *   <li>{@value #SCALES}, if the form has scales: FLOAT [layers]
 *   <li>the weights by their names, if the form has them as inputs
 * </ul>
 */
public final class DecoderGraphs {

  /** Input: tokens. */
  public static final String TOKENS = "tokens";

  /** Input: index of each row's last token. */
  public static final String LAST = "last";

  /** Input: length to which the rows are padded. */
  public static final String PADDED_LENGTH = "padded_length";

  /** Input: the chosen positions. */
  public static final String POSITIONS = "positions";

  /** Input: cosines of the rotary embedding. */
  public static final String COSINES = "cosines";

  /** Input: sines of the rotary embedding. */
  public static final String SINES = "sines";

  /** Input of paths: what {@link HopScaling} multiplies, per hop. */
  public static final String SCALES = "scales";

  /** Input of scoring: INT64 [N], the token whose probability is asked for at each position. */
  public static final String TARGETS = "targets";

  /** Input of generation: INT64 scalar, most tokens to write after the first. */
  public static final String STEPS = "steps";

  /** Input of generation: INT64 [at least 1], tokens that end a row; -1 for none. */
  public static final String STOP_TOKENS = "stop_tokens";

  /** Output: FLOAT [N, vocabulary]. */
  public static final String LOGITS = "logits";

  /** Output of scoring: FLOAT [N, 1], natural logarithms. */
  public static final String LOG_PROBABILITIES = "log_probabilities";

  /** Output of generation: INT64 [B, 1]. */
  public static final String FIRST_TOKENS = "first_tokens";

  /** Output of generation: INT64 [steps done, B, 1]. */
  public static final String NEXT_TOKENS = "next_tokens";

  private final DecoderConfig config;
  private final DecoderForm form;
  private final ElementType attentionType;
  private final Map<String, Value> weights = new HashMap<>();
  private final Graph main;
  private final Value last;
  private final Value paddedLength;
  private final Value positions;
  private final Value tokens;
  private final List<Value> scales;
  private final Map<String, Value> linearInputs = new LinkedHashMap<>();
  private Set<String> wantedInputs = Set.of();
  private Value cosines;
  private Value sines;

  private DecoderGraphs(DecoderConfig config, DecoderForm form, String name) {
    this.config = config;
    this.form = form;
    this.attentionType = form.attention().type();
    this.main = Graph.create(name);
    tokens = main.input(TOKENS, ElementType.INT64, Dimension.of("B"), Dimension.of("T"));
    last = main.input(LAST, ElementType.INT32, Dimension.of("B"));
    paddedLength = main.input(PADDED_LENGTH, ElementType.INT32);
    positions = main.input(POSITIONS, ElementType.INT64, Dimension.of("N"));
    Dimension half = Dimension.of(config.headDim() / 2);
    cosines = main.input(COSINES, ElementType.FLOAT, Dimension.of("R"), half);
    sines = main.input(SINES, ElementType.FLOAT, Dimension.of("R"), half);
    Map<String, List<Long>> shapes = config.weightShapes();
    shapes.forEach(
        (key, shape) -> {
          if (!form.sharedWeights().containsKey(key)) {
            weights.put(key, declareWeight(key, shape));
          }
        });
    form.sharedWeights().forEach((key, other) -> weights.put(key, weight(other)));
    cosines = forAttention(main, cosines);
    sines = forAttention(main, sines);
    scales = form.scaling().isPresent() ? declareScales() : List.of();
  }

  private Value declareWeight(String name, List<Long> shape) {
    return switch (form.weights()) {
      case INITIALIZERS -> main.weight(name, shape);
      case INPUTS ->
          main.input(
              name, ElementType.FLOAT, shape.stream().map(Dimension::of).toArray(Dimension[]::new));
    };
  }

  private List<Value> declareScales() {
    int layers = config.layerCount();
    Value all = main.input(SCALES, ElementType.FLOAT, Dimension.of(layers));
    return main.applyForMany(
        Graph.STANDARD,
        "Split",
        List.of(all),
        IntStream.range(0, layers).toArray(),
        Attribute.of("axis", 0));
  }

  /**
   * Returns a model that gives the logits after the chosen positions.
   *
   * @param config of the decoder
   * @param form of the graph
   */
  public static byte[] logits(DecoderConfig config, DecoderForm form) {
    DecoderGraphs graphs = new DecoderGraphs(config, form, "logits");
    Value logits = graphs.prefill().logits();
    graphs.main.output(
        LOGITS, logits, ElementType.FLOAT, Dimension.of("N"), Dimension.of(config.vocabSize()));
    return graphs.main.toModel();
  }

  /**
   * Returns a model that gives the log-probability of one target token after each chosen position.
   *
   * @param config of the decoder
   * @param form of the graph
   */
  public static byte[] logProbabilities(DecoderConfig config, DecoderForm form) {
    DecoderGraphs graphs = new DecoderGraphs(config, form, "log_probabilities");
    Graph main = graphs.main;
    Value targets = main.input(TARGETS, ElementType.INT64, Dimension.of("N"));
    Value logits = graphs.prefill().logits();
    Value all = main.apply("LogSoftmax", List.of(logits), Attribute.of("axis", -1));
    Value column = main.apply("Unsqueeze", List.of(targets, main.constants(1)));
    Value chosen = main.apply("GatherElements", List.of(all, column), Attribute.of("axis", 1));
    main.output(LOG_PROBABILITIES, chosen, ElementType.FLOAT, Dimension.of("N"), Dimension.of(1));
    return main.toModel();
  }

  /**
   * Returns a model that continues every row greedily until it has written a stop token or the
   * steps are used up; the chosen positions are each row's last.
   *
   * @param config of the decoder
   * @param form of the graph
   */
  public static byte[] generation(DecoderConfig config, DecoderForm form) {
    DecoderGraphs graphs = new DecoderGraphs(config, form, "generation");
    Graph main = graphs.main;
    Value steps = main.input(STEPS, ElementType.INT64);
    Value stopTokens = main.input(STOP_TOKENS, ElementType.INT64, Dimension.of("S"));
    Pass prefill = graphs.prefill();
    Value first =
        main.apply(
            "ArgMax",
            List.of(prefill.logits()),
            Attribute.of("axis", -1),
            Attribute.of("keepdims", 1));
    Value finished = isStop(main, first, stopTokens);
    List<Value> state = new ArrayList<>(List.of(first, finished));
    state.addAll(prefill.cache());
    List<Value> results =
        main.loop(graphs.step(stopTokens), steps, anyUnfinished(main, finished), state, 1);
    main.output(FIRST_TOKENS, first, ElementType.INT64, Dimension.of("B"), Dimension.of(1));
    main.output(
        NEXT_TOKENS,
        results.get(results.size() - 1),
        ElementType.INT64,
        Dimension.of("K"),
        Dimension.of("B"),
        Dimension.of(1));
    return main.toModel();
  }

  /**
   * Returns a model that gives, for some linear layers, the sums of products of what they are fed
   * at the chosen positions: FLOAT [width, width] each, {@code X^T X} with a row of {@code X} per
   * position.
   *
   * <p>Its blocks end with the last layer that is wanted.
   *
   * @param config of the decoder
   * @param attention what attention computes in
   * @param weights some keys of {@link DecoderConfig#linearInputs}
   * @throws IllegalArgumentException if there is none, or another name
   */
  public static byte[] inputProducts(
      DecoderConfig config, AttentionPrecision attention, Set<String> weights) {
    Set<String> known = config.linearInputs().keySet();
    if (weights.isEmpty() || !known.containsAll(weights)) {
      throw new IllegalArgumentException("weights are " + weights + ", wanted some of " + known);
    }
    DecoderGraphs graphs =
        new DecoderGraphs(config, DecoderForm.ordinary(attention), "input_products");
    graphs.wantedInputs = Set.copyOf(weights);
    Graph main = graphs.main;
    List<Value> none = Collections.nCopies(2 * config.layerCount(), Value.NONE);
    graphs.pass(main, graphs.tokens, graphs.last, graphs.paddedLength, none, Value.NONE);
    Map<String, List<Long>> shapes = config.weightShapes();
    graphs.linearInputs.forEach(
        (weight, input) -> {
          long width = shapes.get(weight).get(1);
          Value rows = graphs.choose(main, input, width, graphs.positions);
          Value products =
              main.apply(
                  Graph.MICROSOFT, "FusedMatMul", List.of(rows, rows), Attribute.of("transA", 1));
          main.output(
              productsOf(weight),
              products,
              ElementType.FLOAT,
              Dimension.of(width),
              Dimension.of(width));
        });
    return main.toModel();
  }

  /**
   * Returns what the output of {@link #inputProducts} is called.
   *
   * @param weight name of the weight
   */
  public static String productsOf(String weight) {
    return "input_products_of:" + weight;
  }

  private Graph step(Value stopTokens) {
    Graph body = main.subgraph("step");
    Value iteration = body.input("iteration", ElementType.INT64);
    body.input("go_on", ElementType.BOOL);
    Dimension rows = Dimension.of("B");
    Dimension one = Dimension.of(1);
    Value token = body.input("token", ElementType.INT64, rows, one);
    Value finished = body.input("finished", ElementType.BOOL, rows, one);
    Dimension[] cacheShape = {
      rows, Dimension.of(config.keyValueHeads()), Dimension.of("P"), Dimension.of(config.headDim())
    };
    List<Value> past = new ArrayList<>();
    for (int i = 0; i < 2 * config.layerCount(); i++) {
      past.add(body.input("past_" + i, attentionType, cacheShape));
    }
    Value written =
        body.cast(body.apply("Add", List.of(iteration, body.constant(1))), ElementType.INT32);
    Value index = body.apply("Add", List.of(last, written));
    Value total = body.apply("Add", List.of(paddedLength, written));
    Pass pass = pass(body, token, index, total, past, Value.NONE);
    Value next =
        body.apply(
            "ArgMax",
            List.of(pass.logits()),
            Attribute.of("axis", -1),
            Attribute.of("keepdims", 0));
    Value finishedNow = body.apply("Or", List.of(finished, isStop(body, next, stopTokens)));
    body.output(anyUnfinished(body, finishedNow), ElementType.BOOL);
    body.output(next, ElementType.INT64, rows, one);
    body.output(finishedNow, ElementType.BOOL, rows, one);
    cacheShape[2] = Dimension.of("P_then");
    for (int i = 0; i < past.size(); i++) {
      body.output(pass.cache().get(i), attentionType, cacheShape);
    }
    body.output("written_token", next, ElementType.INT64, rows, one);
    return body;
  }

  private static Value isStop(Graph graph, Value token, Value stopTokens) {
    Value matches = graph.cast(graph.apply("Equal", List.of(token, stopTokens)), ElementType.INT32);
    Value any = graph.apply("ReduceMax", List.of(matches), Attribute.ofList("axes", 1));
    return graph.cast(any, ElementType.BOOL);
  }

  private static Value anyUnfinished(Graph graph, Value finished) {
    Value all =
        graph.apply(
            "ReduceMin",
            List.of(graph.cast(finished, ElementType.INT32)),
            Attribute.of("keepdims", 0));
    return graph.apply("Not", List.of(graph.cast(all, ElementType.BOOL)));
  }

  /**
   * What one pass through the blocks gives.
   *
   * @param logits of the chosen positions, or of all
   * @param cache key and value per layer, with the new positions
   */
  private record Pass(Value logits, List<Value> cache) {}

  private Pass prefill() {
    List<Value> none = new ArrayList<>();
    for (int i = 0; i < 2 * config.layerCount(); i++) {
      none.add(Value.NONE);
    }
    return pass(main, tokens, last, paddedLength, none, positions);
  }

  private Pass pass(
      Graph graph, Value ids, Value index, Value total, List<Value> past, Value chosen) {
    Value embeddings = weight("model.embed_tokens.weight");
    Value residual =
        scaled(graph, graph.apply("Gather", List.of(embeddings, ids), Attribute.of("axis", 0)), 0);
    Value normed =
        graph.apply(
            "SimplifiedLayerNormalization",
            List.of(residual, weight("model.layers.0.input_layernorm.weight")),
            Attribute.of("axis", -1),
            epsilon(),
            Attribute.of("stash_type", 1));
    List<Value> cache = new ArrayList<>();
    int layers = config.layerCount();
    for (int layer = 0; layer < layers; layer++) {
      String block = "model.layers." + layer + ".";
      List<Value> attended =
          attention(
              graph, layer, normed, index, total, past.get(2 * layer), past.get(2 * layer + 1));
      cache.addAll(attended.subList(1, 3));
      Value context = attended.get(0);
      if (layer == layers - 1 && chosen != Value.NONE) {
        // Only the keys and values of the other positions matter to anyone.
        context = choose(graph, context, config.heads() * config.headDim(), chosen);
        residual = choose(graph, residual, config.hiddenSize(), chosen);
      }
      expose(block + "self_attn.o_proj", context);
      Value attentionOutput =
          linear(graph, context, block + "self_attn.o_proj", config.attentionOutputBias());
      List<Value> sum =
          addAndNorm(graph, residual, attentionOutput, block + "post_attention_layernorm.weight");
      Value mlpOutput = mlp(graph, sum.get(0), block + "mlp.");
      residual = sum.get(1);
      String nextNorm = "model.norm.weight";
      if (layer < layers - 1) {
        nextNorm = "model.layers." + (layer + 1) + ".input_layernorm.weight";
        mlpOutput = scaled(graph, mlpOutput, layer + 1);
        if (form.scaling().equals(Optional.of(HopScaling.STREAM))) {
          // Both parts of the sum, as the sum itself is made together with the norm.
          residual = scaled(graph, residual, layer + 1);
        }
      }
      List<Value> next = addAndNorm(graph, residual, mlpOutput, nextNorm);
      normed = next.get(0);
      residual = next.get(1);
      if (!wantedInputs.isEmpty() && linearInputs.size() == wantedInputs.size()) {
        return new Pass(Value.NONE, cache);
      }
    }
    expose("lm_head", normed);
    if (!wantedInputs.isEmpty()) {
      return new Pass(Value.NONE, cache);
    }
    Value head = config.tiedHead() ? embeddings : weight("lm_head.weight");
    return new Pass(product(graph, normed, head), cache);
  }

  private List<Value> attention(
      Graph graph,
      int layer,
      Value input,
      Value index,
      Value total,
      Value pastKey,
      Value pastValue) {
    String name = "model.layers." + layer + ".self_attn.";
    boolean bias = config.queryKeyValueBias();
    expose(name + "q_proj", input);
    Value query = forAttention(graph, linear(graph, input, name + "q_proj", bias));
    Value key = forAttention(graph, linear(graph, input, name + "k_proj", bias));
    Value value = forAttention(graph, linear(graph, input, name + "v_proj", bias));
    List<Attribute> attributes =
        new ArrayList<>(
            List.of(
                Attribute.of("num_heads", config.heads()),
                Attribute.of("kv_num_heads", config.keyValueHeads()),
                Attribute.of("do_rotary", 1)));
    int window = config.slidingWindows().get(layer);
    if (window > 0 && window < config.maxPositions()) {
      attributes.add(Attribute.of("local_window_size", window));
    }
    List<Value> results =
        graph.applyForMany(
            Graph.MICROSOFT,
            "GroupQueryAttention",
            List.of(query, key, value, pastKey, pastValue, index, total, cosines, sines),
            new int[] {0, 1, 2},
            attributes.toArray(Attribute[]::new));
    Value context = results.get(0);
    if (attentionType != ElementType.FLOAT) {
      context = graph.cast(context, ElementType.FLOAT);
    }
    return List.of(context, results.get(1), results.get(2));
  }

  private Value mlp(Graph graph, Value input, String name) {
    expose(name + "gate_proj", input);
    Value gate = linear(graph, input, name + "gate_proj", config.mlpBias());
    Value up = linear(graph, input, name + "up_proj", config.mlpBias());
    // x * sigmoid(alpha x) with alpha 1 is SiLU.
    Value activated =
        graph.apply(Graph.MICROSOFT, "QuickGelu", List.of(gate), Attribute.of("alpha", 1f));
    Value product = graph.apply("Mul", List.of(activated, up));
    expose(name + "down_proj", product);
    return linear(graph, product, name + "down_proj", config.mlpBias());
  }

  private void expose(String layer, Value input) {
    String weight = layer + ".weight";
    if (wantedInputs.contains(weight)) {
      linearInputs.put(weight, input);
    }
  }

  /** Returns the normed sum and the sum. */
  private List<Value> addAndNorm(Graph graph, Value a, Value b, String norm) {
    return graph.applyForMany(
        Graph.MICROSOFT,
        "SkipSimplifiedLayerNormalization",
        List.of(a, b, weight(norm)),
        new int[] {0, 3},
        epsilon());
  }

  private Value choose(Graph graph, Value values, long width, Value chosen) {
    Value rows = graph.apply("Reshape", List.of(values, graph.constants(-1, width)));
    return graph.apply("Gather", List.of(rows, chosen), Attribute.of("axis", 0));
  }

  private Value linear(Graph graph, Value input, String name, boolean bias) {
    Value product = product(graph, input, weight(name + ".weight"));
    return bias ? graph.apply("Add", List.of(product, weight(name + ".bias"))) : product;
  }

  private static Value product(Graph graph, Value input, Value weight) {
    return graph.apply(
        Graph.MICROSOFT, "FusedMatMul", List.of(input, weight), Attribute.of("transB", 1));
  }

  private Value scaled(Graph graph, Value value, int hop) {
    return scales.isEmpty() ? value : graph.apply("Mul", List.of(value, scales.get(hop)));
  }

  private Value forAttention(Graph graph, Value value) {
    return attentionType == ElementType.FLOAT ? value : graph.cast(value, attentionType);
  }

  private Attribute epsilon() {
    return Attribute.of("epsilon", (float) config.normEpsilon());
  }

  private Value weight(String name) {
    Value weight = weights.get(name);
    if (weight == null) {
      throw new IllegalStateException("no weight '" + name + "' in " + config);
    }
    return weight;
  }
}
