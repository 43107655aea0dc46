package io.evomerge.run;

import io.evomerge.allocation.EstimatingOptimizer;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.ItemSubset;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Genome;
import io.evomerge.optimizer.Optimizer;
import io.evomerge.result.SelectedModel;
import io.evomerge.result.TrialRecord;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The final of a search: the validation data choose among the finalists. One thread. */
final class Final {

  private static final Logger log = LoggerFactory.getLogger(Final.class);

  private final SearchPlan plan;
  private final TrialEvaluator evaluator;
  private final @Nullable RunJournal journal;
  private final BooleanSupplier cancelled;
  private final LongSupplier elapsedMillis;
  private final Consumer<Consumer<RunListener>> listeners;
  private final BlockingQueue<Finished> finished = new LinkedBlockingQueue<>();

  private record Finished(SelectedModel model, Outcome outcome) {}

  Final(
      SearchPlan plan,
      TrialEvaluator evaluator,
      @Nullable RunJournal journal,
      BooleanSupplier cancelled,
      LongSupplier elapsedMillis,
      Consumer<Consumer<RunListener>> listeners) {
    this.plan = plan;
    this.evaluator = evaluator;
    this.journal = journal;
    this.cancelled = cancelled;
    this.elapsedMillis = elapsedMillis;
    this.listeners = listeners;
  }

  /**
   * Scores on all search items what leads by estimates, and what is recommended; returns those that
   * could be scored.
   */
  List<SelectedModel> confirm(EstimatingOptimizer optimizer) throws InterruptedException {
    Map<String, SelectedModel> field = new LinkedHashMap<>();
    for (EstimatingOptimizer.Estimate one : optimizer.leaders()) {
      // One that was scored on all items is among the trials with its score.
      if (one.items().isAll()) {
        continue;
      }
      enter(field, unscored(one.genome(), "trial " + one.trial()));
    }
    optimizer.recommendation().ifPresent(mean -> enter(field, unscored(mean, "last mean")));
    List<SelectedModel> models = List.copyOf(field.values());
    Map<String, Outcome> outcomes = evaluate(models, TrialTask.Data.SEARCH);
    List<SelectedModel> confirmed = new ArrayList<>();
    for (SelectedModel model : models) {
      if (outcomes.get(model.recipe().digest()) instanceof Outcome.Scored scores) {
        confirmed.add(withFitness(model, scores));
      }
    }
    return confirmed;
  }

  /**
   * Returns the best model with a score on all search items, among equals a trial, then the one
   * that leads by estimates; if there is none, the one that leads by estimates, its score being
   * one.
   */
  Optional<SelectedModel> best(
      Standings standings, List<SelectedModel> confirmed, Optimizer optimizer) {
    Optional<SelectedModel> best = standings.best().map(trial -> trialModel(plan, trial));
    Direction direction = plan.objectives().get(0).direction();
    for (SelectedModel each : confirmed) {
      if (best.isEmpty() || direction.isBetter(each.score(), best.get().score())) {
        best = Optional.of(each);
      }
    }
    if (best.isEmpty() && optimizer instanceof EstimatingOptimizer estimates) {
      return estimates.leaders().stream()
          .findFirst()
          .map(
              one -> {
                SelectedModel model = unscored(one.genome(), "trial " + one.trial());
                return new SelectedModel(
                    model.recipe(),
                    model.genome(),
                    model.origin(),
                    List.of(Fitness.of(one.score()).onItems(one.items())),
                    List.of());
              });
    }
    return best;
  }

  /** Returns the finalists that could be scored, the best on the validation data first. */
  List<SelectedModel> hold(Standings standings, List<SelectedModel> confirmed)
      throws InterruptedException {
    List<SelectedModel> field = field(standings, confirmed);
    Map<String, Outcome> outcomes = evaluate(field, TrialTask.Data.VALIDATION);
    List<SelectedModel> finalists = new ArrayList<>();
    for (SelectedModel model : field) {
      if (outcomes.get(model.recipe().digest()) instanceof Outcome.Scored scores) {
        finalists.add(withValidation(model, scores));
      }
    }
    Comparator<SelectedModel> byValidation =
        Comparator.comparingDouble(model -> model.validation().get(0).score());
    if (plan.objectives().get(0).direction() == Direction.MAXIMIZE) {
      byValidation = byValidation.reversed();
    }
    // The sort is stable: among equals the order of the field decides.
    finalists.sort(byValidation);
    if (!cancelled.getAsBoolean() && !finalists.isEmpty() && finalists.get(0).fitness().isEmpty()) {
      finalists.set(0, withFitness(finalists.get(0)));
    }
    return finalists;
  }

  /** The field, without doubles: start, leaders, best trials, recommendations. */
  private List<SelectedModel> field(Standings standings, List<SelectedModel> confirmed) {
    Map<String, SelectedModel> field = new LinkedHashMap<>();
    confirmed.forEach(model -> enter(field, model));
    if (plan.selection().start()) {
      enter(field, unscored(plan.space().start(), "start"));
    }
    List<TrialRecord> leaders = standings.leaders();
    int firstLeader = Math.max(0, leaders.size() - plan.selection().leaders());
    for (TrialRecord trial : leaders.subList(firstLeader, leaders.size())) {
      enter(field, trialModel(plan, trial));
    }
    Set<String> best = new HashSet<>();
    for (TrialRecord trial : standings.ranked()) {
      if (best.size() == plan.selection().bestTrials()) {
        break;
      }
      SelectedModel model = trialModel(plan, trial);
      best.add(model.recipe().digest());
      enter(field, model);
    }
    List<Standings.Recommendation> found = standings.recommendations();
    int wanted = Math.min(plan.selection().recommendations(), found.size());
    for (int i = 1; i <= wanted; i++) {
      Standings.Recommendation one = found.get((int) ((long) i * found.size() / wanted) - 1);
      enter(field, unscored(one.genome(), "mean after trial " + one.afterTrial()));
    }
    return List.copyOf(field.values());
  }

  private static void enter(Map<String, SelectedModel> field, SelectedModel model) {
    field.putIfAbsent(model.recipe().digest(), model);
  }

  static SelectedModel trialModel(SearchPlan plan, TrialRecord trial) {
    return new SelectedModel(
        plan.decoder().decode(trial.genome()),
        trial.genome(),
        "trial " + trial.id(),
        Standings.fitness(trial),
        List.of());
  }

  private SelectedModel unscored(Genome genome, String origin) {
    return new SelectedModel(plan.decoder().decode(genome), genome, origin, List.of(), List.of());
  }

  private static SelectedModel withValidation(SelectedModel model, Outcome.Scored scores) {
    return new SelectedModel(
        model.recipe(), model.genome(), model.origin(), model.fitness(), scores.fitness());
  }

  /** A winner that was no trial has not met the search data yet. */
  private SelectedModel withFitness(SelectedModel winner) throws InterruptedException {
    Outcome outcome =
        evaluate(List.of(winner), TrialTask.Data.SEARCH).get(winner.recipe().digest());
    return outcome instanceof Outcome.Scored scores ? withFitness(winner, scores) : winner;
  }

  private static SelectedModel withFitness(SelectedModel model, Outcome.Scored scores) {
    return new SelectedModel(
        model.recipe(), model.genome(), model.origin(), scores.fitness(), model.validation());
  }

  /** When cancelled, it finishes what is under way and leaves the rest out. */
  private Map<String, Outcome> evaluate(List<SelectedModel> models, TrialTask.Data data)
      throws InterruptedException {
    Map<String, Outcome> outcomes = new HashMap<>();
    Deque<SelectedModel> queue = new ArrayDeque<>(models);
    int running = 0;
    while (running > 0 || !(queue.isEmpty() || cancelled.getAsBoolean())) {
      while (!queue.isEmpty() && !cancelled.getAsBoolean() && running < evaluator.capacity()) {
        SelectedModel model = queue.remove();
        Outcome known =
            journal == null ? null : journal.finalEvaluation(model.recipe().digest(), data);
        if (known == null) {
          running++;
          SearchLoop.submit(evaluator, new TrialTask(model.recipe(), data))
              .whenComplete(
                  (outcome, error) ->
                      finished.add(new Finished(model, SearchLoop.outcome(outcome, error))));
        } else {
          note(model, known, outcomes, data, models.size());
        }
      }
      if (running > 0) {
        Finished one = finished.take();
        running--;
        Outcome outcome =
            SearchLoop.checked(one.outcome(), plan.objectives().size(), ItemSubset.all());
        if (journal != null && outcome instanceof Outcome.Scored) {
          journal.addFinal(one.model(), data, outcome, elapsedMillis.getAsLong());
        }
        note(one.model(), outcome, outcomes, data, models.size());
      }
    }
    return outcomes;
  }

  private void note(
      SelectedModel model,
      Outcome outcome,
      Map<String, Outcome> outcomes,
      TrialTask.Data data,
      int total) {
    outcomes.put(model.recipe().digest(), outcome);
    if (!(outcome instanceof Outcome.Scored scores)) {
      log.warn("finalist {} could not be evaluated: {}", model.origin(), outcome);
    } else if (data == TrialTask.Data.VALIDATION) {
      SelectedModel validated = withValidation(model, scores);
      int done = outcomes.size();
      listeners.accept(listener -> listener.onValidation(validated, done, total));
    } else {
      SelectedModel confirmed = withFitness(model, scores);
      int done = outcomes.size();
      listeners.accept(listener -> listener.onConfirmation(confirmed, done, total));
    }
  }
}
