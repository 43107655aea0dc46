package io.evomerge.recipe.mergekit;

import io.evomerge.checkpoint.TensorRole;
import io.evomerge.checkpoint.TensorRole.Component;
import io.evomerge.checkpoint.TensorRole.Part;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterValue;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Says the values of every tensor with few groups of a recipe, exactly.
 *
 * <p>Per parameter: one value for all; then, each only where it pays, one per layer, one per
 * component of layers; then, while a tensor still has another value than it should, the selector
 * that puts most tensors right per group among those that put none wrong (the greedy set cover).
 */
final class GroupFinder {

  private final List<String> names;
  private final List<TensorRole> roles;
  private final List<Place> places = new ArrayList<>();
  private final List<Candidate> candidates = new ArrayList<>();

  /** A layer, or a part of the model outside the layers, and its tensors. */
  private record Place(Part part, int layer, int[] tensors) {
    boolean follows(Place other) {
      return part == Part.LAYER && other.part == Part.LAYER && layer == other.layer + 1;
    }
  }

  /** What may narrow a place, and which tensors pass. */
  private record Candidate(Optional<Component> component, Optional<String> text, BitSet tensors) {}

  private record Choice(TensorSelector select, ParameterValue value) {}

  /** Choices of one parameter; those of a later phase stand above those of earlier ones. */
  private record Solution(ParameterValue all, List<List<Choice>> phases) {
    int size() {
      return phases.stream().mapToInt(List::size).sum();
    }
  }

  GroupFinder(List<String> names, List<TensorRole> roles, Collection<String> hints) {
    this.names = names;
    this.roles = roles;
    Map<Integer, List<Integer>> layers = new TreeMap<>();
    Map<Part, List<Integer>> parts = new EnumMap<>(Part.class);
    for (int i = 0; i < names.size(); i++) {
      TensorRole role = roles.get(i);
      (role.part() == Part.LAYER
              ? layers.computeIfAbsent(role.layer(), layer -> new ArrayList<>())
              : parts.computeIfAbsent(role.part(), part -> new ArrayList<>()))
          .add(i);
    }
    layers.forEach((layer, list) -> places.add(new Place(Part.LAYER, layer, array(list))));
    parts.forEach((part, list) -> places.add(new Place(part, -1, array(list))));
    candidates(hints);
  }

  private void candidates(Collection<String> hints) {
    BitSet all = new BitSet();
    all.set(0, names.size());
    candidates.add(new Candidate(Optional.empty(), Optional.empty(), all));
    for (Component component : Component.values()) {
      BitSet some = new BitSet();
      for (int i = 0; i < names.size(); i++) {
        some.set(i, roles.get(i).part() == Part.LAYER && roles.get(i).component() == component);
      }
      if (!some.isEmpty()) {
        candidates.add(new Candidate(Optional.of(component), Optional.empty(), some));
      }
    }
    Set<String> texts = new LinkedHashSet<>(hints);
    Set<String> suffixes = new LinkedHashSet<>();
    for (int i = 0; i < names.size(); i++) {
      boolean layer = roles.get(i).part() == Part.LAYER;
      suffixes.add(layer ? LayerNames.suffix(names.get(i)) : names.get(i));
    }
    for (String suffix : suffixes) {
      String[] parts = suffix.split("\\.");
      for (int i = 0; i < parts.length; i++) {
        if (!parts[i].matches("\\d*")) {
          texts.add(parts[i]);
        }
        if (i > 0) {
          texts.add(parts[i - 1] + "." + parts[i]);
        }
      }
    }
    suffixes.forEach(suffix -> texts.add("." + suffix));
    texts.remove("");
    Set<BitSet> known = new LinkedHashSet<>();
    for (String text : texts) {
      BitSet some = new BitSet();
      for (int i = 0; i < names.size(); i++) {
        some.set(i, names.get(i).contains(text));
      }
      if (!some.isEmpty() && known.add(some)) {
        candidates.add(new Candidate(Optional.empty(), Optional.of(text), some));
      }
    }
  }

  /** Adds the values, one per tensor for each parameter, to a recipe. */
  void addTo(MergeRecipe.Builder recipe, Map<String, List<ParameterValue>> values) {
    List<Map<TensorSelector, Map<String, ParameterValue>>> phases = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      phases.add(new LinkedHashMap<>());
    }
    values.forEach(
        (name, targets) -> {
          Solution solution = solve(targets);
          recipe.parameter(name, solution.all());
          for (int i = 0; i < phases.size(); i++) {
            for (Choice choice : solution.phases().get(i)) {
              phases
                  .get(i)
                  .computeIfAbsent(choice.select(), select -> new TreeMap<>())
                  .put(name, choice.value());
            }
          }
        });
    phases.subList(0, 3).forEach(phase -> phase.forEach(recipe::group));
    // Only here the order counts: a name that is part of another one comes first.
    phases.get(3).entrySet().stream()
        .sorted(Comparator.comparing(entry -> entry.getKey().nameContains().orElse("").length()))
        .forEach(entry -> recipe.group(entry.getKey(), entry.getValue()));
  }

  private Solution solve(List<ParameterValue> targets) {
    Solution best = attempt(targets, false, false);
    for (int i = 1; i < 4 && best.size() > 1; i++) {
      Solution other = attempt(targets, i != 2, i != 1);
      best = other.size() < best.size() ? other : best;
    }
    return best;
  }

  private Solution attempt(List<ParameterValue> targets, boolean byLayer, boolean byComponent) {
    int[] everything = new int[names.size()];
    Arrays.setAll(everything, i -> i);
    ParameterValue all = mostFrequent(everything, targets);
    ParameterValue[] current = new ParameterValue[names.size()];
    Arrays.fill(current, all);
    List<List<Choice>> phases = new ArrayList<>();
    phases.add(byLayer ? overwrite(candidates.get(0), targets, current) : new ArrayList<>());
    List<Choice> components = new ArrayList<>();
    for (Candidate candidate : candidates) {
      if (byComponent && candidate.component().isPresent()) {
        components.addAll(overwrite(candidate, targets, current));
      }
    }
    phases.add(components);
    phases.add(cover(targets, current));
    phases.add(byName(targets, current));
    return new Solution(all, phases);
  }

  /** Gives each place its most frequent value, where that puts more right than wrong. */
  private List<Choice> overwrite(
      Candidate candidate, List<ParameterValue> targets, ParameterValue[] current) {
    List<Choice> choices = new ArrayList<>();
    Place start = null;
    Place end = null;
    ParameterValue running = null;
    for (Place place : places) {
      int[] tensors = of(candidate, place);
      ParameterValue value = tensors.length == 0 ? null : mostFrequent(tensors, targets);
      int better = 0;
      for (int i : tensors) {
        better += targets.get(i).equals(value) ? 1 : 0;
        better -= targets.get(i).equals(current[i]) ? 1 : 0;
      }
      if (better <= 0) {
        value = null;
      }
      if (value == null || !value.equals(running) || end == null || !place.follows(end)) {
        add(choices, candidate, start, end, running);
        start = place;
        running = value;
      }
      end = place;
    }
    add(choices, candidate, start, end, running);
    for (Choice choice : choices) {
      apply(choice, current);
    }
    return choices;
  }

  private List<Choice> cover(List<ParameterValue> targets, ParameterValue[] current) {
    List<Choice> choices = new ArrayList<>();
    while (true) {
      List<Choice> best = List.of();
      double bestRate = 0;
      for (Candidate candidate : candidates) {
        List<Choice> runs = new ArrayList<>();
        int gain = harmless(candidate, targets, current, runs);
        double rate = runs.isEmpty() ? 0 : (double) gain / runs.size();
        if (rate > bestRate) {
          best = runs;
          bestRate = rate;
        }
      }
      if (best.isEmpty()) {
        return choices;
      }
      best.forEach(choice -> apply(choice, current));
      choices.addAll(best);
    }
  }

  /** Finds runs of places in which all tensors of the candidate should have one value. */
  private int harmless(
      Candidate candidate,
      List<ParameterValue> targets,
      ParameterValue[] current,
      List<Choice> runs) {
    int gain = 0;
    Place start = null;
    Place lastUseful = null;
    Place previous = null;
    ParameterValue running = null;
    for (Place place : places) {
      int[] tensors = of(candidate, place);
      boolean one = true;
      int wrong = 0;
      for (int i : tensors) {
        one &= targets.get(i).equals(targets.get(tensors[0]));
        wrong += targets.get(i).equals(current[i]) ? 0 : 1;
      }
      ParameterValue value = one && tensors.length > 0 ? targets.get(tensors[0]) : null;
      boolean goesOn =
          previous != null
              && place.follows(previous)
              && one
              && (tensors.length == 0 || (value != null && value.equals(running)));
      if (!goesOn) {
        add(runs, candidate, start, lastUseful, running);
        start = null;
        lastUseful = null;
        running = null;
      }
      if (value != null && wrong > 0) {
        start = start == null ? place : start;
        lastUseful = place;
        running = value;
        gain += wrong;
      }
      previous = place;
    }
    add(runs, candidate, start, lastUseful, running);
    return gain;
  }

  private List<Choice> byName(List<ParameterValue> targets, ParameterValue[] current) {
    List<Choice> choices = new ArrayList<>();
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < names.size(); i++) {
      order.add(i);
    }
    order.sort(Comparator.comparing(i -> names.get(i).length()));
    for (int i : order) {
      if (!targets.get(i).equals(current[i])) {
        TensorRole role = roles.get(i);
        TensorSelector select =
            role.part() == Part.LAYER
                ? TensorSelector.layers(role.layer(), role.layer())
                : TensorSelector.of(role.part());
        Choice choice = new Choice(select.named(names.get(i)), targets.get(i));
        apply(choice, current);
        choices.add(choice);
      }
    }
    return choices;
  }

  private static void add(
      List<Choice> choices,
      Candidate candidate,
      @Nullable Place start,
      @Nullable Place end,
      @Nullable ParameterValue value) {
    if (start == null || end == null || value == null) {
      return;
    }
    TensorSelector select =
        start.part() == Part.LAYER
            ? TensorSelector.layers(start.layer(), end.layer())
            : TensorSelector.of(start.part());
    if (candidate.component().isPresent()) {
      select = select.component(candidate.component().get());
    }
    if (candidate.text().isPresent()) {
      select = select.named(candidate.text().get());
    }
    choices.add(new Choice(select, value));
  }

  private void apply(Choice choice, ParameterValue[] current) {
    for (int i = 0; i < current.length; i++) {
      if (choice.select().matches(names.get(i), roles.get(i))) {
        current[i] = choice.value();
      }
    }
  }

  private static int[] of(Candidate candidate, Place place) {
    return Arrays.stream(place.tensors()).filter(candidate.tensors()::get).toArray();
  }

  private static ParameterValue mostFrequent(int[] tensors, List<ParameterValue> targets) {
    Map<ParameterValue, Integer> counts = new HashMap<>();
    ParameterValue best = targets.get(tensors[0]);
    for (int i : tensors) {
      counts.merge(targets.get(i), 1, Integer::sum);
    }
    for (int i : tensors) {
      best = counts.get(targets.get(i)) > counts.get(best) ? targets.get(i) : best;
    }
    return best;
  }

  private static int[] array(List<Integer> list) {
    return list.stream().mapToInt(i -> i).toArray();
  }
}
