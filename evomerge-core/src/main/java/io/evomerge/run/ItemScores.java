package io.evomerge.run;

import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.ItemSubset;
import io.evomerge.fitness.Outcome;
import java.util.Optional;

/** What item scores must be, and what they cost. */
final class ItemScores {

  private ItemScores() {}

  /** Returns what is wrong with scores on some items; scores on all items are the host's matter. */
  static Optional<String> problem(Fitness fitness, ItemSubset wanted) {
    if (!fitness.subset().equals(wanted)) {
      return Optional.of("got scores of items " + fitness.subset() + ", wanted " + wanted);
    }
    if (wanted.isAll()) {
      return Optional.empty();
    }
    double[] items = fitness.items();
    if (items.length != wanted.size()) {
      return Optional.of(
          "got " + items.length + " item scores for " + wanted.size() + " items, wanted one each");
    }
    int[] indices = wanted.indices();
    for (int i = 0; i < items.length; i++) {
      if (!Double.isFinite(items[i])) {
        return Optional.of(
            "item " + indices[i] + " scored " + items[i] + ", wanted a finite number");
      }
    }
    return Optional.empty();
  }

  static long cost(Outcome outcome) {
    return outcome instanceof Outcome.Scored scored
        ? Math.max(1, scored.fitness().stream().mapToLong(each -> each.items().length).sum())
        : 0;
  }
}
