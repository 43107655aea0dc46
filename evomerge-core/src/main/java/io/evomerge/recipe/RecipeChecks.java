package io.evomerge.recipe;

import io.evomerge.internal.text.DidYouMean;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** Checks of a recipe's parts against the names of its models. */
final class RecipeChecks {

  private RecipeChecks() {}

  static void known(String what, String name, Set<String> names, List<String> problems) {
    if (!names.contains(name)) {
      problems.add(what + ": '" + name + "' is none of the models" + DidYouMean.hint(name, names));
    }
  }

  static void slices(List<LayerSlice> slices, Set<String> names, List<String> problems) {
    for (int i = 0; i < slices.size(); i++) {
      LayerSlice slice = slices.get(i);
      String where = "slice " + i;
      if (slice.ranges().isEmpty()) {
        problems.add(where + " names no model");
        continue;
      }
      for (LayerRange range : slice.ranges()) {
        known(where, range.model(), names, problems);
        if (range.first() < 0 || range.end() <= range.first()) {
          problems.add(
              where
                  + ": layers ["
                  + range.first()
                  + ", "
                  + range.end()
                  + ") of '"
                  + range.model()
                  + "' are no range");
        } else if (range.length() != slice.length()) {
          problems.add(
              where
                  + ": '"
                  + range.model()
                  + "' gives "
                  + range.length()
                  + " layers, '"
                  + slice.ranges().get(0).model()
                  + "' gives "
                  + slice.length()
                  + "; all models of a slice must give the same number");
        }
      }
      long distinct = slice.ranges().stream().map(LayerRange::model).distinct().count();
      if (distinct != slice.ranges().size()) {
        problems.add(where + " names a model twice; give the source twice, under two names");
      }
    }
  }

  static void dataFlow(DataFlow flow, List<String> problems) {
    List<String> all = flow.modelNames();
    Set<String> names = new LinkedHashSet<>(all);
    if (names.size() != all.size()) {
      problems.add("data flow: two models share a name: " + all);
    }
    if (flow.hops().isEmpty()) {
      problems.add("data flow: there are no hops");
    }
    for (int i = 0; i < flow.hops().size(); i++) {
      Hop hop = flow.hops().get(i);
      known("hop " + i, hop.model(), names, problems);
      if (hop.layer() < 0) {
        problems.add("hop " + i + ": layer " + hop.layer() + ", wanted 0 or more");
      }
      if (!Double.isFinite(hop.scale())) {
        problems.add("hop " + i + ": scale " + hop.scale() + ", wanted a finite number");
      }
    }
  }

  static void vocabulary(VocabularyChoice choice, Set<String> names, List<String> problems) {
    boolean byModel = choice.source() == VocabularyChoice.Source.MODEL;
    if (byModel != choice.model().isPresent()) {
      problems.add("vocabulary: " + choice.source() + " with model " + choice.model());
    }
    choice.model().ifPresent(model -> known("vocabulary", model, names, problems));
    choice
        .tokens()
        .forEach(
            (token, embedding) ->
                embedding
                    .model()
                    .ifPresent(model -> known("token '" + token + "'", model, names, problems)));
    choice
        .padToMultipleOf()
        .ifPresent(
            multiple -> {
              if (multiple < 1) {
                problems.add("padToMultipleOf is " + multiple + ", wanted at least 1");
              }
            });
  }
}
