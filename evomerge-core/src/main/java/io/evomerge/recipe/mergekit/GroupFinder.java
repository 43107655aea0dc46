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
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.IntPredicate;

/**
 * Says the values of every tensor with few groups of a recipe, exactly.
 *
 * <p>Per parameter: the most frequent value counts for all. The groups are found from the last one,
 * which wins, to the first: a selector will do if the tensors that it picks, but for those that
 * later groups decide anyway, have one value; of all that will do, that is taken which decides most
 * tensors per group. That is the greedy construction of a decision list (Rivest 1987, "Learning
 * decision lists", doi 10.1007/BF00058680).
 */
final class GroupFinder {

  private final List<String> names;
  private final List<TensorRole> roles;
  private final List<Place> places = new ArrayList<>();
  private final List<Candidate> coarse = new ArrayList<>();
  private final Set<String> fineTexts = new LinkedHashSet<>();
  private List<Candidate> fine = List.of();

  /** A layer, or a part of the model outside the layers, and its tensors. */
  private record Place(Part part, int layer, int[] tensors) {
    boolean follows(Place other) {
      return part == Part.LAYER && other.part == Part.LAYER && layer == other.layer + 1;
    }
  }

  /** What may narrow a place, and which tensors of each place pass. */
  private record Candidate(Optional<Component> component, Optional<String> text, int[][] tensors) {}

  /** A group for one parameter, and the tensors that it picks. */
  private record Choice(TensorSelector select, int value, int[] tensors) {}

  GroupFinder(List<String> names, List<TensorRole> roles, Collection<String> hints) {
    this.names = names;
    this.roles = roles;
    Map<Integer, List<Integer>> layers = new TreeMap<>();
    Map<Part, List<Integer>> parts = new EnumMap<>(Part.class);
    Set<String> suffixes = new LinkedHashSet<>();
    for (int i = 0; i < names.size(); i++) {
      TensorRole role = roles.get(i);
      boolean layer = role.part() == Part.LAYER;
      suffixes.add(layer ? LayerNames.suffix(names.get(i)) : names.get(i));
      (layer
              ? layers.computeIfAbsent(role.layer(), number -> new ArrayList<>())
              : parts.computeIfAbsent(role.part(), part -> new ArrayList<>()))
          .add(i);
    }
    layers.forEach((layer, list) -> places.add(new Place(Part.LAYER, layer, array(list))));
    parts.forEach((part, list) -> places.add(new Place(part, -1, array(list))));
    coarse.add(candidate(Optional.empty(), Optional.empty(), i -> true));
    for (Component component : Component.values()) {
      coarse.add(
          candidate(
              Optional.of(component),
              Optional.empty(),
              i -> roles.get(i).part() == Part.LAYER && roles.get(i).component() == component));
    }
    Set<String> texts = new LinkedHashSet<>(hints);
    texts.addAll(NameParts.coarse(suffixes));
    texts.remove("");
    texts.forEach(text -> coarse.add(named(text)));
    fineTexts.addAll(NameParts.fine(suffixes));
    fineTexts.removeAll(texts);
  }

  private Candidate named(String text) {
    return candidate(Optional.empty(), Optional.of(text), i -> names.get(i).contains(text));
  }

  private Candidate candidate(
      Optional<Component> component, Optional<String> text, IntPredicate matches) {
    int[][] tensors = new int[places.size()][];
    for (int i = 0; i < tensors.length; i++) {
      tensors[i] = Arrays.stream(places.get(i).tensors()).filter(matches).toArray();
    }
    return new Candidate(component, text, tensors);
  }

  /** Adds the values, one per tensor for each parameter, to a recipe. */
  void addTo(MergeRecipe.Builder recipe, Map<String, List<ParameterValue>> values) {
    List<TensorSelector> selectors = new ArrayList<>();
    List<Map<String, ParameterValue>> groups = new ArrayList<>();
    values.forEach(
        (name, targets) -> {
          List<ParameterValue> distinct = new ArrayList<>(new LinkedHashSet<>(targets));
          Map<ParameterValue, Integer> numbers = new LinkedHashMap<>();
          distinct.forEach(value -> numbers.put(value, numbers.size()));
          int[] wanted = targets.stream().mapToInt(numbers::get).toArray();
          int all = mostFrequent(wanted, distinct.size());
          recipe.parameter(name, distinct.get(all));
          int next = 0;
          for (Choice choice : solve(wanted, all)) {
            // Parameters share groups where this keeps the order of each.
            int at = selectors.subList(next, selectors.size()).indexOf(choice.select()) + next;
            if (at < next) {
              at = next;
              selectors.add(at, choice.select());
              groups.add(at, new TreeMap<>());
            }
            groups.get(at).put(name, distinct.get(choice.value()));
            next = at + 1;
          }
        });
    for (int i = 0; i < groups.size(); i++) {
      recipe.group(selectors.get(i), groups.get(i));
    }
  }

  private List<Choice> solve(int[] wanted, int all) {
    List<Choice> plain = attempt(wanted, all, false);
    List<Choice> withExceptions = plain.size() > 1 ? attempt(wanted, all, true) : plain;
    return withExceptions.size() < plain.size() ? withExceptions : plain;
  }

  /**
   * Finds groups.
   *
   * @param exceptions whether groups may give the value for all, as exceptions from wider ones
   */
  private List<Choice> attempt(int[] wanted, int all, boolean exceptions) {
    BitSet decided = new BitSet();
    List<Choice> choices = new ArrayList<>();
    while (isOpen(wanted, all, decided)) {
      List<Choice> best = best(coarse, wanted, all, decided, exceptions);
      if (best.isEmpty()) {
        if (fine.isEmpty()) {
          fine = fineTexts.stream().map(this::named).toList();
        }
        best = best(fine, wanted, all, decided, exceptions);
      }
      if (best.isEmpty()) {
        break;
      }
      best.forEach(choice -> Arrays.stream(choice.tensors()).forEach(decided::set));
      choices.addAll(0, best);
    }
    List<Choice> list = byName(wanted, all, decided);
    list.addAll(choices);
    return prune(list, all);
  }

  private static boolean isOpen(int[] wanted, int all, BitSet decided) {
    for (int i = 0; i < wanted.length; i++) {
      if (wanted[i] != all && !decided.get(i)) {
        return true;
      }
    }
    return false;
  }

  private List<Choice> best(
      List<Candidate> candidates, int[] wanted, int all, BitSet decided, boolean exceptions) {
    List<Choice> best = List.of();
    double bestRate = 0;
    for (Candidate candidate : candidates) {
      List<Choice> runs = new ArrayList<>();
      int gain = runs(candidate, wanted, all, decided, exceptions, runs);
      double rate = runs.isEmpty() ? 0 : (double) gain / runs.size();
      if (rate > bestRate) {
        best = runs;
        bestRate = rate;
      }
    }
    return best;
  }

  /** Finds runs of places in which all tensors that are not decided have one value. */
  private int runs(
      Candidate candidate,
      int[] wanted,
      int all,
      BitSet decided,
      boolean exceptions,
      List<Choice> runs) {
    int gain = 0;
    int start = -1;
    int end = -1;
    int running = -1;
    for (int p = 0; p < places.size(); p++) {
      int value = -1;
      int open = 0;
      boolean one = true;
      for (int i : candidate.tensors()[p]) {
        if (!decided.get(i)) {
          one &= value < 0 || value == wanted[i];
          value = wanted[i];
          open++;
        }
      }
      boolean goesOn =
          start >= 0
              && one
              && places.get(p).follows(places.get(p - 1))
              && (value < 0 || value == running);
      if (!goesOn) {
        add(runs, candidate, start, end, running);
        start = -1;
      }
      if (one && value >= 0 && (exceptions || value != all)) {
        start = start < 0 ? p : start;
        end = p;
        running = value;
        gain += open;
      }
    }
    add(runs, candidate, start, end, running);
    return gain;
  }

  private void add(List<Choice> runs, Candidate candidate, int start, int end, int value) {
    if (start < 0) {
      return;
    }
    TensorSelector select = select(places.get(start), places.get(end));
    if (candidate.component().isPresent()) {
      select = select.component(candidate.component().get());
    }
    if (candidate.text().isPresent()) {
      select = select.named(candidate.text().get());
    }
    int[] tensors =
        Arrays.stream(candidate.tensors(), start, end + 1).flatMapToInt(Arrays::stream).toArray();
    runs.add(new Choice(select, value, tensors));
  }

  private static TensorSelector select(Place start, Place end) {
    return start.part() == Part.LAYER
        ? TensorSelector.layers(start.layer(), end.layer())
        : TensorSelector.of(start.part());
  }

  /** Names what no other selector picks; a name that is part of another one comes first. */
  private List<Choice> byName(int[] wanted, int all, BitSet decided) {
    List<Choice> choices = new ArrayList<>();
    int[] current = new int[wanted.length];
    Arrays.fill(current, all);
    for (Place place : places) {
      List<Integer> tensors = new ArrayList<>();
      Arrays.stream(place.tensors()).filter(i -> !decided.get(i)).forEach(tensors::add);
      tensors.sort(Comparator.comparing(i -> names.get(i).length()));
      for (int i : tensors) {
        if (current[i] != wanted[i]) {
          String name = names.get(i);
          int[] picked =
              Arrays.stream(place.tensors()).filter(k -> names.get(k).contains(name)).toArray();
          Arrays.stream(picked).forEach(k -> current[k] = wanted[i]);
          choices.add(new Choice(select(place, place).named(name), wanted[i], picked));
        }
      }
    }
    return choices;
  }

  /** Leaves out groups without which every tensor keeps its value. */
  private List<Choice> prune(List<Choice> list, int all) {
    List<List<Integer>> above = new ArrayList<>();
    for (int i = 0; i < names.size(); i++) {
      above.add(new ArrayList<>());
    }
    for (int c = 0; c < list.size(); c++) {
      for (int i : list.get(c).tensors()) {
        above.get(i).add(c);
      }
    }
    List<Choice> kept = new ArrayList<>();
    for (int c = list.size() - 1; c >= 0; c--) {
      Choice choice = list.get(c);
      boolean needed = false;
      for (int i : choice.tensors()) {
        List<Integer> choices = above.get(i);
        int last = choices.size() - 1;
        if (choices.get(last) == c) {
          int below = last == 0 ? all : list.get(choices.get(last - 1)).value();
          needed |= below != choice.value();
        }
      }
      if (needed) {
        kept.add(choice);
      } else {
        for (int i : choice.tensors()) {
          above.get(i).remove(Integer.valueOf(c));
        }
      }
    }
    Collections.reverse(kept);
    return kept;
  }

  private static int mostFrequent(int[] wanted, int distinct) {
    int[] counts = new int[distinct];
    Arrays.stream(wanted).forEach(value -> counts[value]++);
    int best = 0;
    for (int value = 1; value < distinct; value++) {
      best = counts[value] > counts[best] ? value : best;
    }
    return best;
  }

  private static int[] array(List<Integer> list) {
    return list.stream().mapToInt(i -> i).toArray();
  }
}
