package io.evomerge.candidate;

import io.evomerge.candidate.ModelOutputs.Copied;
import io.evomerge.candidate.ModelOutputs.Given;
import io.evomerge.candidate.ModelOutputs.Item;
import io.evomerge.candidate.ModelOutputs.Merged;
import io.evomerge.candidate.ModelOutputs.Origin;
import io.evomerge.candidate.ModelOutputs.Taken;
import io.evomerge.candidate.ModelOutputs.Target;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.checkpoint.TensorRole.Part;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.Hop;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Plans the tensors of a model with a data flow path, in either {@link PathForm}. */
final class PathOutputs {

  static final String INPUT_LAYERS = "model.input_layers";
  static final String INPUT_SCALES = "model.input_scales";

  private static final Pattern ATTENTION_OUTPUT =
      Pattern.compile(".*\\.self_attn\\.o_proj\\.(weight|bias)");
  private static final Pattern MLP_OUTPUT = Pattern.compile(".*\\.mlp\\.down_proj\\.(weight|bias)");
  private static final Pattern NORM =
      Pattern.compile(".*\\.(input|post_attention)_layernorm\\.weight");

  /**
   * What a block may hold besides: an unknown tensor may be a norm behind a projection, or another
   * way into the residual stream, and then the factors would be wrong.
   */
  private static final Pattern OTHER_KNOWN =
      Pattern.compile(
          ".*\\.(self_attn\\.(([qkv]|qkv)_proj\\.(weight|bias)|[qk]_(layer)?norm\\.(weight|bias)"
              + "|rotary_emb\\.inv_freq)|mlp\\.(gate|up|gate_up)_proj\\.(weight|bias)"
              + "|(input|post_attention)_layernorm\\.bias)");

  private static final List<String> NEEDED =
      List.of(
          "self_attn.o_proj.weight",
          "mlp.down_proj.weight",
          "input_layernorm.weight",
          "post_attention_layernorm.weight");

  private static final String EMBEDDINGS = "model.embed_tokens.weight";
  private static final String HEAD = "lm_head.weight";
  private static final String FINAL_NORM = "norm.weight";
  private static final String BLOCKS = "model.layers.";

  private static final int SHOWN = 4;

  private record LayerId(String model, int layer) {}

  private record Key(Origin origin, boolean scaled, DType type) {}

  private final MergeRecipe recipe;
  private final MergeInputs inputs;
  private final PathForm form;
  private final DataFlow flow;
  private final LayerModels models;
  private final FoldedScales scales;
  private final boolean embeddingsScaled;
  private final Map<String, Map<Integer, List<TensorInfo>>> layers = new HashMap<>();
  private final Map<Key, List<Target>> targets = new LinkedHashMap<>();
  private final List<String> problems = new ArrayList<>();

  /**
   * Plans it.
   *
   * @param recipe with a path over the models of the inputs
   */
  PathOutputs(MergeRecipe recipe, MergeInputs inputs, PathForm form) {
    this.recipe = recipe;
    this.inputs = inputs;
    this.form = form;
    this.flow = recipe.dataFlow().orElseThrow();
    this.models = inputs.layerModels().orElseThrow();
    problems.addAll(FoldedScales.problems(flow, form));
    this.scales = FoldedScales.of(flow);
    this.embeddingsScaled = form == PathForm.FOLDED && scales.embeddings() != 1;
    List<String> hops = models.hopProblems(flow);
    problems.addAll(hops);
    if (!hops.isEmpty()) {
      return;
    }
    checkLayers();
    if (form == PathForm.FOLDED) {
      checkNames();
    }
    checkConfig();
    if (problems.isEmpty()) {
      collect();
    }
  }

  /** Returns everything that keeps the model from being written in this form. */
  List<String> problems() {
    return problems;
  }

  /** Returns the plan; there must be no problems. */
  ModelOutputs outputs() {
    List<Item> items = new ArrayList<>();
    targets.forEach((key, list) -> items.add(new Item(key.origin(), list)));
    boolean folded = form == PathForm.FOLDED;
    return new ModelOutputs(
        items, folded ? flow.hops().size() : stored().size(), config(), notes(items));
  }

  private LayerId layer(Hop hop) {
    return new LayerId(hop.model(), hop.layer());
  }

  private List<TensorInfo> tensors(LayerId id) {
    return layers.computeIfAbsent(id.model(), this::byLayer).getOrDefault(id.layer(), List.of());
  }

  private Map<Integer, List<TensorInfo>> byLayer(String model) {
    Map<Integer, List<TensorInfo>> byLayer = new HashMap<>();
    Optional<Checkpoint> other = models.other(model);
    ModelLayout layout = other.map(Checkpoint::layout).orElseGet(inputs.plan()::layout);
    List<TensorInfo> all =
        other
            .map(checkpoint -> List.copyOf(checkpoint.tensors().values()))
            .orElseGet(() -> inputs.plan().tensors().stream().map(t -> t.info()).toList());
    for (TensorInfo info : all) {
      int layer = layout.role(info.name()).layer();
      byLayer.computeIfAbsent(layer, key -> new ArrayList<>()).add(info);
    }
    return byLayer;
  }

  /** The layers of the path in the order of its models, then of their numbers. */
  private List<LayerId> stored() {
    List<LayerId> stored = new ArrayList<>();
    for (String model : flow.modelNames()) {
      flow.hops().stream()
          .filter(hop -> hop.model().equals(model))
          .map(this::layer)
          .distinct()
          .sorted((a, b) -> Integer.compare(a.layer(), b.layer()))
          .forEach(stored::add);
    }
    return stored;
  }

  /** All layers must have the same tensors: they become the layers of one model. */
  private void checkLayers() {
    LayerId first = layer(flow.hops().get(0));
    Map<String, List<Long>> wanted = shapes(first);
    for (LayerId id : stored()) {
      Map<String, List<Long>> got = shapes(id);
      if (!got.equals(wanted)) {
        Set<String> differing = new TreeSet<>(wanted.keySet());
        differing.addAll(got.keySet());
        differing.removeIf(name -> got.containsKey(name) && got.get(name).equals(wanted.get(name)));
        problems.add(
            "layer "
                + id.layer()
                + " of '"
                + id.model()
                + "' does not have the same tensors as layer "
                + first.layer()
                + " of '"
                + first.model()
                + "'; they differ in "
                + shown(differing));
      }
    }
  }

  private Map<String, List<Long>> shapes(LayerId id) {
    Map<String, List<Long>> shapes = new TreeMap<>();
    tensors(id).forEach(info -> shapes.put(inLayer(info, 0), info.shape()));
    return shapes;
  }

  private static String inLayer(TensorInfo info, int layer) {
    return ModelLayout.withLayer(info.name(), layer);
  }

  private static String shown(Set<String> names) {
    String list =
        names.stream().limit(SHOWN).map(name -> "'" + name + "'").collect(Collectors.joining(", "));
    return names.size() > SHOWN ? list + " and " + (names.size() - SHOWN) + " more" : list;
  }

  /** Scales can only become part of weights whose use is known. */
  private void checkNames() {
    if (scales.plain()) {
      return;
    }
    String remedy =
        "; with scales other than 1 only blocks of self_attn.o_proj, mlp.down_proj,"
            + " input_layernorm and post_attention_layernorm can be folded";
    Set<String> names = shapes(layer(flow.hops().get(0))).keySet();
    Set<String> unknown = new TreeSet<>();
    for (String name : names) {
      if (!ATTENTION_OUTPUT.matcher(name).matches()
          && !MLP_OUTPUT.matcher(name).matches()
          && !NORM.matcher(name).matches()
          && !OTHER_KNOWN.matcher(name).matches()) {
        unknown.add(name);
      }
    }
    if (!unknown.isEmpty()) {
      problems.add("it is not known what the blocks do with " + shown(unknown) + remedy);
    }
    Set<String> missing =
        NEEDED.stream()
            .filter(suffix -> names.stream().noneMatch(name -> name.endsWith("." + suffix)))
            .collect(Collectors.toCollection(TreeSet::new));
    if (!missing.isEmpty()) {
      problems.add("the blocks have no " + shown(missing) + remedy);
    }
    if (embeddingsScaled) {
      List<TensorInfo> embeddings = outside(Part.EMBEDDINGS);
      if (embeddings.size() != 1 || !embeddings.get(0).name().endsWith(EMBEDDINGS)) {
        problems.add(
            "the scale of hop 0 needs embeddings in one tensor '"
                + EMBEDDINGS
                + "', got "
                + embeddings.stream().map(TensorInfo::name).toList());
      }
    }
    if (scales.finalNorm() < 0
        && outside(Part.FINAL_NORM).stream().noneMatch(i -> i.name().endsWith(FINAL_NORM))) {
      problems.add("a negative product of scales needs the final norm's weight, there is none");
    }
    String type = inputs.mergedConfig(recipe).flatMap(c -> c.text("model_type")).orElse("");
    // Their norms multiply by 1 + weight.
    if (scales.negatesNorms() && (type.startsWith("gemma") || type.startsWith("nemotron"))) {
      problems.add("'" + type + "' has norms whose sign cannot be changed: take positive scales");
    }
  }

  private List<TensorInfo> outside(Part part) {
    return inputs.merged().stream()
        .filter(info -> inputs.plan().layout().role(info.name()).part() == part)
        .toList();
  }

  private void checkConfig() {
    Optional<ModelConfig> config = inputs.mergedConfig(recipe);
    if (config.isPresent()) {
      problems.addAll(MergedConfig.pathProblems(config.get()));
    }
    if (form == PathForm.COMPACT) {
      String architecture = config.map(ModelConfig::architecture).orElse("");
      if (!MergedConfig.hasCompactForm(architecture)) {
        problems.add(
            "the compact form is of LlamaForCausalLM and MistralForCausalLM, config.json "
                + (architecture.isEmpty() ? "names no architecture" : "says " + architecture)
                + "; write the folded form");
      }
      Set<String> elsewhere =
          shapes(layer(flow.hops().get(0))).keySet().stream()
              .filter(name -> !name.startsWith(BLOCKS))
              .collect(Collectors.toCollection(TreeSet::new));
      if (!elsewhere.isEmpty()) {
        problems.add(
            "the compact form has its layers in '" + BLOCKS + "', not " + shown(elsewhere));
      }
    }
  }

  private void collect() {
    for (MergePlan.Planned tensor : inputs.plan().tensors()) {
      TensorInfo info = tensor.info();
      Part part = inputs.plan().layout().role(info.name()).part();
      if (part != Part.LAYER) {
        Origin origin = ofMerged(info);
        add(origin, info, info.name(), outsideFactor(info, part));
        if (part == Part.EMBEDDINGS
            && embeddingsScaled
            && inputs.plan().layout().tiedEmbeddings()) {
          add(origin, info, info.name().replace(EMBEDDINGS, HEAD), 1);
        }
      }
    }
    if (form == PathForm.FOLDED) {
      for (int t = 0; t < flow.hops().size(); t++) {
        FoldedScales.Factors factors = scales.hops().get(t);
        LayerId id = layer(flow.hops().get(t));
        for (TensorInfo info : tensors(id)) {
          add(origin(id, info), info, inLayer(info, t), layerFactor(info, factors));
        }
      }
    } else {
      List<LayerId> stored = stored();
      for (int k = 0; k < stored.size(); k++) {
        for (TensorInfo info : tensors(stored.get(k))) {
          add(origin(stored.get(k), info), info, inLayer(info, k), 1);
        }
      }
      addPath(stored);
    }
  }

  private float outsideFactor(TensorInfo info, Part part) {
    if (form == PathForm.COMPACT || !info.dtype().isFloating()) {
      return 1;
    }
    if (part == Part.EMBEDDINGS) {
      return scales.embeddings();
    }
    return part == Part.FINAL_NORM && info.name().endsWith(FINAL_NORM) ? scales.finalNorm() : 1;
  }

  private static float layerFactor(TensorInfo info, FoldedScales.Factors factors) {
    if (ATTENTION_OUTPUT.matcher(info.name()).matches()) {
      return factors.attention();
    }
    if (MLP_OUTPUT.matcher(info.name()).matches()) {
      return factors.mlp();
    }
    return NORM.matcher(info.name()).matches() ? factors.norms() : 1;
  }

  private Origin ofMerged(TensorInfo info) {
    return info.dtype().isFloating() ? new Merged(info) : new Copied(info);
  }

  private Origin origin(LayerId id, TensorInfo info) {
    return models
        .other(id.model())
        .<Origin>map(model -> new Taken(model, info))
        .orElseGet(() -> ofMerged(info));
  }

  private void add(Origin origin, TensorInfo info, String name, float factor) {
    TensorInfo written = info.withName(name);
    if (!info.dtype().isFloating()) {
      add(origin, Target.of(written, factor));
      return;
    }
    DType type = MergeInputs.outputType(recipe, info);
    // A change of sign loses nothing; any other product has more digits than a short type.
    boolean widened = Math.abs(factor) != 1 && type.size() < 4 && recipe.dtype().isEmpty();
    add(
        origin,
        widened
            ? new Target(written.withDtype(DType.F32), factor, type)
            : Target.of(written.withDtype(type), factor));
  }

  private void add(Origin origin, Target target) {
    targets
        .computeIfAbsent(
            new Key(origin, target.factor() != 1, target.info().dtype()), key -> new ArrayList<>())
        .add(target);
  }

  private void addPath(List<LayerId> stored) {
    int count = flow.hops().size();
    ByteBuffer order = bytes(DType.I64, count);
    ByteBuffer factors = bytes(DType.F32, count);
    for (int t = 0; t < count; t++) {
      order.putLong(stored.indexOf(layer(flow.hops().get(t))));
      factors.putFloat(FoldedScales.scale(flow, t));
    }
    List<Long> shape = List.of((long) count);
    add(new Given(order.array()), Target.of(new TensorInfo(INPUT_LAYERS, DType.I64, shape), 1));
    add(new Given(factors.array()), Target.of(new TensorInfo(INPUT_SCALES, DType.F32, shape), 1));
  }

  private static ByteBuffer bytes(DType type, int count) {
    return ByteBuffer.allocate(type.size() * count).order(ByteOrder.LITTLE_ENDIAN);
  }

  private Optional<ModelConfig> config() {
    Optional<ModelConfig> merged = inputs.mergedConfig(recipe);
    List<LayerId> written =
        form == PathForm.FOLDED ? flow.hops().stream().map(this::layer).toList() : stored();
    return merged.map(
        config -> {
          List<ModelConfig> own = new ArrayList<>();
          List<Integer> numbers = new ArrayList<>();
          for (LayerId id : written) {
            own.add(models.other(id.model()).flatMap(Checkpoint::config).orElse(config));
            numbers.add(id.layer());
          }
          ModelConfig ofLayers = MergedConfig.withLayers(config, own, numbers);
          if (form == PathForm.COMPACT) {
            return MergedConfig.compact(ofLayers, flow.hops().size(), flow.scalesStream());
          }
          return embeddingsScaled ? MergedConfig.untied(ofLayers) : ofLayers;
        });
  }

  private List<String> notes(List<Item> items) {
    List<String> notes = new ArrayList<>();
    int stored = stored().size();
    notes.add(
        "the path has "
            + flow.hops().size()
            + " hops through "
            + stored
            + (stored == 1 ? " layer" : " layers"));
    notes.addAll(FoldedScales.notes(flow));
    if (form == PathForm.COMPACT) {
      notes.add(
          "stock transformers cannot load the compact form: it needs the model code that was"
              + " released with EvoLLM-JP-v1-10B, or the like");
      if (flow.scalesStream()) {
        notes.add(
            "the released code scales branches: it does not compute this path, which scales the"
                + " stream ('evomerge_scaling' in config.json)");
      }
      return notes;
    }
    Map<DType, Integer> scaled = new TreeMap<>();
    boolean widened = false;
    for (Item item : items) {
      for (Target target : item.targets()) {
        if (Math.abs(target.factor()) != 1) {
          scaled.merge(target.info().dtype(), 1, Integer::sum);
          widened |= target.before().size() < target.info().dtype().size();
        }
      }
    }
    for (Map.Entry<DType, Integer> entry : scaled.entrySet()) {
      DType type = entry.getKey();
      if (type == DType.BF16 || type == DType.F16) {
        notes.add(
            entry.getValue()
                + " tensors carry a scale and are rounded to "
                + type
                + ", which moves their weights by up to 2^-"
                + (type == DType.BF16 ? 8 : 11)
                + " of their values: logits differ slightly from those of the candidate in"
                + " memory; without a dtype in the recipe, or with F32, they do not");
      } else if (widened) {
        notes.add(
            entry.getValue()
                + " tensors carry a scale and are written as F32, so that they are what was scored;"
                + " a dtype in the recipe makes all tensors of that type");
      }
    }
    if (flow.scalesStream() && !scales.plain()) {
      notes.add(
          "a folded scale of the stream is exact but for the epsilon of the norms, which now weighs"
              + " c^2 times as much, c the product of the scales");
    }
    return notes;
  }
}
