package io.evomerge.candidate;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.checkpoint.TensorRole;
import io.evomerge.checkpoint.TensorRole.Part;
import io.evomerge.exception.IncompatibleCheckpointsException;
import io.evomerge.recipe.LayerRange;
import io.evomerge.recipe.LayerSlice;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Which tensors a merged model has, and which tensors of which models each of them comes from.
 *
 * @param tensors in the order of their names
 * @param layout what they are in the merged model
 * @param layers for each layer of the merged model, the layer of the reference that stands in for
 *     it where something is copied; empty where layers keep their places
 */
record MergePlan(List<Planned> tensors, ModelLayout layout, List<Integer> layers) {

  /**
   * One tensor of the merged model.
   *
   * @param info its name, shape and the reference's element type
   * @param base the base's tensor, where the base takes part
   * @param sources the tensors of the sources that take part
   * @param participants the indices of those sources
   */
  record Planned(
      TensorInfo info,
      Optional<TensorView> base,
      List<TensorView> sources,
      List<Integer> participants) {

    /** The tensor that decides on shape and element type: the base's, else the first source's. */
    TensorView reference() {
      return base.orElseGet(() -> sources.get(0));
    }
  }

  /** Gives a model's tensor, as it is or brought into a common form. */
  interface Views {
    TensorView of(Checkpoint model, String tensor);
  }

  /** Every tensor from the tensors of the same name. */
  static MergePlan of(@Nullable Checkpoint base, List<Checkpoint> sources, Views views) {
    Checkpoint reference = base != null ? base : sources.get(0);
    List<Integer> everybody = new ArrayList<>();
    for (int i = 0; i < sources.size(); i++) {
      everybody.add(i);
    }
    List<Planned> tensors = new ArrayList<>();
    for (String name : reference.tensors().keySet()) {
      tensors.add(
          new Planned(
              views.of(reference, name).info(),
              Optional.ofNullable(base).map(model -> views.of(model, name)),
              sources.stream().map(model -> views.of(model, name)).toList(),
              everybody));
    }
    return new MergePlan(List.copyOf(tensors), reference.layout(), List.of());
  }

  /**
   * Layers as slices say; embeddings and what is outside the layers from the models of the first
   * slice, final norm and head from those of the last one.
   *
   * @throws IncompatibleCheckpointsException listing every tensor that does not fit
   */
  static MergePlan of(
      @Nullable Checkpoint base,
      List<Checkpoint> sources,
      List<LayerSlice> slices,
      boolean allowMixedDtypes,
      Views views) {
    Slicer slicer = new Slicer(base, sources, allowMixedDtypes, views);
    slicer.outside(slices.get(0), false);
    slicer.outside(slices.get(slices.size() - 1), true);
    slices.forEach(slicer::layers);
    return slicer.plan();
  }

  /** Collects the tensors of a sliced model and what is wrong with them. */
  private static final class Slicer {
    private static final int SHOWN = 8;

    private final Map<String, Checkpoint> models = new LinkedHashMap<>();
    private final List<String> sourceNames;
    private final @Nullable String baseName;
    private final boolean allowMixedDtypes;
    private final Views views;
    private final TreeMap<String, Planned> tensors = new TreeMap<>();
    private final List<Integer> layers = new ArrayList<>();
    private final List<String> problems = new ArrayList<>();
    private boolean tied;

    Slicer(
        @Nullable Checkpoint base,
        List<Checkpoint> sources,
        boolean allowMixedDtypes,
        Views views) {
      this.baseName = base == null ? null : base.name();
      this.sourceNames = sources.stream().map(Checkpoint::name).toList();
      this.allowMixedDtypes = allowMixedDtypes;
      this.views = views;
      sources.forEach(model -> models.put(model.name(), model));
      if (base != null) {
        models.putIfAbsent(base.name(), base);
      }
    }

    void outside(LayerSlice slice, boolean end) {
      Checkpoint reference = reference(slice);
      ModelLayout layout = reference.layout();
      for (String name : reference.tensors().keySet()) {
        Part part = layout.role(name).part();
        boolean atEnd = part == Part.FINAL_NORM || part == Part.HEAD;
        if (part != Part.LAYER && atEnd == end) {
          Map<String, String> names = new LinkedHashMap<>();
          slice.ranges().forEach(range -> names.put(range.model(), name));
          add(name, slice, names);
        }
      }
      if (end) {
        tied = layout.tiedEmbeddings();
      }
    }

    void layers(LayerSlice slice) {
      Checkpoint reference = reference(slice);
      LayerRange own = range(slice, reference.name());
      for (LayerRange range : slice.ranges()) {
        int count = models.get(range.model()).layout().layerCount();
        if (range.end() > count) {
          problems.add(
              "'"
                  + range.model()
                  + "' has "
                  + count
                  + " layers, a slice wants ["
                  + range.first()
                  + ", "
                  + range.end()
                  + ")");
          return;
        }
      }
      Map<Integer, List<String>> byLayer = new TreeMap<>();
      reference
          .layout()
          .roles()
          .forEach(
              (name, role) ->
                  byLayer.computeIfAbsent(role.layer(), key -> new ArrayList<>()).add(name));
      for (int i = 0; i < slice.length(); i++) {
        int target = layers.size();
        for (String name : byLayer.getOrDefault(own.first() + i, List.of())) {
          Map<String, String> names = new LinkedHashMap<>();
          for (LayerRange range : slice.ranges()) {
            names.put(range.model(), ModelLayout.withLayer(name, range.first() + i));
          }
          add(ModelLayout.withLayer(name, target), slice, names);
        }
        layers.add(own.first() + i);
      }
    }

    private Checkpoint reference(LayerSlice slice) {
      boolean withBase = slice.ranges().stream().anyMatch(range -> range.model().equals(baseName));
      return models.get(withBase ? baseName : slice.ranges().get(0).model());
    }

    private static LayerRange range(LayerSlice slice, String model) {
      return slice.ranges().stream().filter(r -> r.model().equals(model)).findFirst().orElseThrow();
    }

    private void add(String target, LayerSlice slice, Map<String, String> names) {
      Checkpoint reference = reference(slice);
      TensorView wanted = views.of(reference, names.get(reference.name()));
      Optional<TensorView> base = Optional.empty();
      List<TensorView> sources = new ArrayList<>();
      List<Integer> participants = new ArrayList<>();
      // In the order of the recipe's sources, whatever the order within the slice.
      for (int i = 0; i < sourceNames.size(); i++) {
        String model = sourceNames.get(i);
        if (names.containsKey(model)) {
          view(model, names.get(model), wanted).ifPresent(sources::add);
          participants.add(i);
        }
      }
      if (baseName != null && names.containsKey(baseName)) {
        base = view(baseName, names.get(baseName), wanted);
      }
      TensorInfo info = new TensorInfo(target, wanted.info().dtype(), wanted.info().shape());
      tensors.put(target, new Planned(info, base, sources, participants));
    }

    private Optional<TensorView> view(String model, String name, TensorView wanted) {
      Checkpoint checkpoint = models.get(model);
      if (!checkpoint.tensors().containsKey(name)) {
        problems.add("'" + model + "' lacks '" + name + "'");
        return Optional.empty();
      }
      TensorView view = views.of(checkpoint, name);
      TensorInfo info = view.info();
      String what = "'" + name + "' of '" + model + "' ";
      if (!info.shape().equals(wanted.info().shape())) {
        problems.add(what + info.shape() + " against " + wanted.info().shape());
      } else if (info.dtype() != wanted.info().dtype()
          && !(allowMixedDtypes
              && info.dtype().isFloating()
              && wanted.info().dtype().isFloating())) {
        problems.add(
            what
                + info.dtype()
                + " against "
                + wanted.info().dtype()
                + " (convert the models to one type, or allow mixed floating-point types)");
      }
      return Optional.of(view);
    }

    MergePlan plan() {
      if (!problems.isEmpty()) {
        int shown = Math.min(SHOWN, problems.size());
        throw new IncompatibleCheckpointsException(
            "the slices do not fit the models: "
                + String.join("; ", problems.subList(0, shown))
                + (problems.size() > shown ? " and " + (problems.size() - shown) + " more" : ""));
      }
      return new MergePlan(
          List.copyOf(tensors.values()),
          ModelLayout.of(tensors.keySet(), tied),
          List.copyOf(layers));
    }
  }

  /** Returns what a tensor is in the merged model. */
  TensorRole role(TensorInfo info) {
    return layout.role(info.name());
  }
}
