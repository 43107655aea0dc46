package io.evomerge.run;

import io.evomerge.allocation.EstimatingOptimizer;
import io.evomerge.exception.EvoMergeException;
import io.evomerge.exception.SearchFailedException;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.ItemSubset;
import io.evomerge.fitness.Outcome;
import io.evomerge.optimizer.Evaluation;
import io.evomerge.optimizer.Optimizer;
import io.evomerge.optimizer.Proposal;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.result.EvolutionResult;
import io.evomerge.result.Provenance;
import io.evomerge.result.SelectedModel;
import io.evomerge.result.StopReason;
import io.evomerge.result.TrialRecord;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The coordinator: asks, dispatches, journals, tells.
 *
 * <p>Outcomes are told in the order of the trials' numbers whatever the order in which they finish,
 * and every decision (best, stop, finalists) is made in that order. So neither the number of
 * workers nor their pace can change the result.
 */
final class SearchLoop {

  private static final Logger log = LoggerFactory.getLogger(SearchLoop.class);

  /** With their items, scores take kilobytes each: a long search must not fill the heap. */
  private static final int REMEMBERED = 2_048;

  /**
   * At most so many trials are asked for and not told, per worker: in a small space most proposals
   * cost no evaluation, so that idle workers alone would let an optimiser propose without end.
   */
  private static final int AHEAD = 16;

  private final SearchPlan plan;
  private final TrialEvaluator evaluator;
  private final BlockingQueue<Finished> finished = new LinkedBlockingQueue<>();
  private volatile boolean cancelled;
  private volatile Progress progress;

  private final Map<Long, Open> open = new HashMap<>();
  private final Map<Long, Done> done = new HashMap<>();
  private final Map<String, Outcome> scored =
      new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Outcome> eldest) {
          return size() > REMEMBERED;
        }
      };
  private final Map<String, List<Long>> waiting = new HashMap<>();
  private final Standings standings;
  private long cached;
  private long itemEvaluations;
  private long replayed;
  private int running;
  private long nextToTell;
  private long asked;
  private long startNanos;
  private OptionalDouble journalLeader = OptionalDouble.empty();
  private @Nullable RunJournal journal;

  /** A trial without an outcome; a genome that describes no model has no recipe. */
  private record Open(Proposal proposal, String digest, @Nullable MergeRecipe recipe) {

    /** What is evaluated once: a recipe on some items. */
    String key() {
      return proposal.items().isAll() ? digest : digest + ' ' + proposal.items();
    }
  }

  private record Done(Outcome outcome, boolean cached, long elapsedMillis) {}

  private record Finished(long id, Outcome outcome) {}

  SearchLoop(SearchPlan plan, TrialEvaluator evaluator) {
    this.plan = plan;
    this.evaluator = evaluator;
    this.standings = new Standings(plan.objectives());
    this.progress = snapshot(0);
  }

  Progress progress() {
    return progress;
  }

  void cancel() {
    cancelled = true;
    finished.add(new Finished(-1, new Outcome.Failed("cancelled")));
  }

  EvolutionResult run() throws InterruptedException {
    startNanos = System.nanoTime();
    try (evaluator;
        RunJournal opened =
            plan.journal().map(folder -> RunJournal.open(folder, plan.settings())).orElse(null)) {
      journal = opened;
      if (opened != null && opened.size() > 0) {
        log.info("resuming: {} trials are in the journal", opened.size());
      }
      progress = snapshot(elapsedMillis());
      tellListeners(listener -> listener.onStart(progress));
      Optimizer optimizer = plan.optimizer().create(plan.space(), plan.directions(), plan.seed());
      try {
        return search(optimizer);
      } finally {
        if (optimizer instanceof AutoCloseable closeable) {
          close(closeable);
        }
      }
    }
  }

  private static void close(AutoCloseable closeable) {
    try {
      closeable.close();
    } catch (Exception e) {
      log.warn("closing the optimiser failed", e);
    }
  }

  private EvolutionResult search(Optimizer optimizer) throws InterruptedException {
    StopReason reason;
    String detail;
    optimizer.recommendation().ifPresent(start -> standings.recommend(start, -1));
    while (true) {
      Optional<String> stop = deliver(optimizer);
      if (stop.isPresent()) {
        reason = StopReason.CONDITION;
        detail = stop.get();
        break;
      }
      if (cancelled) {
        reason = StopReason.CANCELLED;
        detail = "cancelled after " + standings.trials().size() + " trials";
        break;
      }
      dispatch(optimizer);
      if (done.containsKey(nextToTell)) {
        continue;
      }
      if (running == 0) {
        if (!optimizer.isDone()) {
          throw new EvoMergeException(
              "optimiser '"
                  + optimizer.name()
                  + "' proposes nothing, waits for nothing and is not done; this is an error of the"
                  + " optimiser");
        }
        reason = StopReason.CONVERGED;
        detail = optimizer.name() + " converged after " + standings.trials().size() + " trials";
        break;
      }
      take(finished.take());
    }
    while (running > 0) {
      take(finished.take());
    }
    EvolutionResult result = conclude(optimizer, reason, detail);
    tellListeners(listener -> listener.onEnd(result));
    return result;
  }

  private void dispatch(Optimizer optimizer) {
    OptionalLong limit = plan.stopWhen().evaluationLimit();
    while (running < evaluator.capacity()
        && open.size() < AHEAD * evaluator.capacity()
        && !cancelled) {
      long wanted = evaluator.capacity() - running;
      if (limit.isPresent()) {
        wanted = Math.min(wanted, limit.getAsLong() - asked);
      }
      if (wanted <= 0 || optimizer.isDone()) {
        return;
      }
      List<Proposal> proposals = optimizer.ask((int) wanted);
      if (proposals.isEmpty()) {
        return;
      }
      asked += proposals.size();
      proposals.forEach(this::dispatch);
    }
  }

  private void dispatch(Proposal proposal) {
    MergeRecipe recipe;
    try {
      recipe = plan.decoder().decode(proposal.genome());
    } catch (RuntimeException e) {
      log.debug("trial {} describes no model", proposal.id(), e);
      String reason = "no recipe: " + e.getMessage();
      open.put(proposal.id(), new Open(proposal, "", null));
      done.put(proposal.id(), new Done(new Outcome.Infeasible(reason), false, elapsedMillis()));
      return;
    }
    String digest = recipe.digest();
    Open trial = new Open(proposal, digest, recipe);
    String key = trial.key();
    open.put(proposal.id(), trial);
    RunJournal.Trial known = journal == null ? null : journal.takeTrial(proposal, digest);
    if (known != null) {
      replayed++;
      boolean seen = scored.containsKey(key);
      remember(key, known.outcome());
      leads(known.outcome());
      done.put(proposal.id(), new Done(known.outcome(), seen, known.elapsedMillis()));
      return;
    }
    Outcome same = scored.get(key);
    if (same != null) {
      journal(proposal.id(), same);
      done.put(proposal.id(), new Done(same, true, elapsedMillis()));
      return;
    }
    List<Long> others = waiting.get(key);
    if (others != null) {
      others.add(proposal.id());
      return;
    }
    waiting.put(key, new ArrayList<>());
    running++;
    submit(evaluator, new TrialTask(recipe, TrialTask.Data.SEARCH, proposal.items()))
        .whenComplete(
            (outcome, error) -> finished.add(new Finished(proposal.id(), outcome(outcome, error))));
  }

  /** An evaluator of the host may refuse a task. */
  static CompletableFuture<Outcome> submit(TrialEvaluator evaluator, TrialTask task) {
    try {
      return evaluator.submit(task);
    } catch (RuntimeException e) {
      return CompletableFuture.failedFuture(e);
    }
  }

  /** An evaluator of the host may end in any way. */
  static Outcome outcome(@Nullable Outcome outcome, @Nullable Throwable error) {
    if (error != null) {
      return new Outcome.Failed("evaluator: " + error);
    }
    return outcome == null ? new Outcome.Failed("evaluator returned null") : outcome;
  }

  private void take(Finished one) {
    if (one.id() < 0) {
      return;
    }
    running--;
    Open trial = open.get(one.id());
    Outcome outcome = checked(one.outcome(), plan.objectives().size(), trial.proposal().items());
    remember(trial.key(), outcome);
    complete(one.id(), outcome, false);
    for (long duplicate : waiting.remove(trial.key())) {
      complete(duplicate, outcome, true);
    }
  }

  private void complete(long id, Outcome outcome, boolean duplicate) {
    journal(id, outcome);
    done.put(id, new Done(outcome, duplicate, elapsedMillis()));
  }

  /** An evaluator of the host may return anything. */
  static Outcome checked(Outcome outcome, int wanted, ItemSubset items) {
    if (outcome instanceof Outcome.Scored scores) {
      if (scores.fitness().size() != wanted) {
        return new Outcome.Failed(
            "evaluator returned " + scores.fitness().size() + " scores, wanted " + wanted);
      }
      for (Fitness fitness : scores.fitness()) {
        if (!Double.isFinite(fitness.score())) {
          return new Outcome.Failed(
              "evaluator returned " + fitness.score() + ", wanted a finite number");
        }
        Optional<String> problem = ItemScores.problem(fitness, items);
        if (problem.isPresent()) {
          return new Outcome.Failed("evaluator: " + problem.get());
        }
      }
    }
    return outcome;
  }

  private void remember(String digest, Outcome outcome) {
    if (outcome instanceof Outcome.Scored) {
      scored.put(digest, outcome);
    }
  }

  private void journal(long id, Outcome outcome) {
    if (journal != null) {
      Open trial = open.get(id);
      journal.addTrial(
          trial.proposal(),
          trial.digest(),
          outcome,
          leads(outcome) ? Optional.ofNullable(trial.recipe()) : Optional.empty(),
          elapsedMillis());
    }
  }

  /** Whether an outcome is the best that the journal has, in the order in which it gets them. */
  private boolean leads(Outcome outcome) {
    if (!(outcome instanceof Outcome.Scored scored) || !scored.fitness().get(0).exact()) {
      return false;
    }
    double score = scored.fitness().get(0).score();
    boolean leads =
        journalLeader.isEmpty()
            || plan.directions().get(0).isBetter(score, journalLeader.getAsDouble());
    if (leads) {
      journalLeader = OptionalDouble.of(score);
    }
    return leads;
  }

  /** Tells what can be told in order; returns the reason to stop, if there is one. */
  private Optional<String> deliver(Optimizer optimizer) {
    while (true) {
      Done one = done.remove(nextToTell);
      if (one == null) {
        return Optional.empty();
      }
      Open trial = open.remove(nextToTell);
      optimizer.tell(List.of(new Evaluation(nextToTell, one.outcome())));
      TrialRecord record =
          new TrialRecord(nextToTell, trial.proposal().genome(), withoutItems(one.outcome()));
      if (one.cached()) {
        cached++;
      } else {
        itemEvaluations += ItemScores.cost(one.outcome());
      }
      boolean improved = standings.enter(record);
      optimizer.recommendation().ifPresent(mean -> standings.recommend(mean, record.id()));
      nextToTell++;
      progress = snapshot(one.elapsedMillis());
      tellListeners(listener -> listener.onTrial(record, improved, progress));
      if (standings.failuresInARow() >= plan.failureLimit()) {
        throw new SearchFailedException(
            standings.failuresInARow()
                + " trials in a row failed; the first of them: "
                + standings.firstFailure().orElseThrow()
                + ". Mend the cause and resume, or raise failureLimit");
      }
      Optional<String> stop = plan.stopWhen().check(progress);
      if (stop.isPresent()) {
        return stop;
      }
    }
  }

  private static Outcome withoutItems(Outcome outcome) {
    if (!(outcome instanceof Outcome.Scored scores)) {
      return outcome;
    }
    return new Outcome.Scored(scores.fitness().stream().map(Fitness::withoutItems).toList());
  }

  private EvolutionResult conclude(Optimizer optimizer, StopReason ended, String detail)
      throws InterruptedException {
    StopReason reason = ended;
    Final last =
        new Final(
            plan, evaluator, journal, () -> cancelled, this::elapsedMillis, this::tellListeners);
    List<SelectedModel> confirmed =
        optimizer instanceof EstimatingOptimizer estimates && reason != StopReason.CANCELLED
            ? last.confirm(estimates)
            : List.of();
    SelectedModel bestOnSearch =
        last.best(standings, confirmed, optimizer).orElseThrow(() -> nothingScored(ended));
    SelectedModel chosen = bestOnSearch;
    List<SelectedModel> finalists = List.of();
    String chosenBy =
        bestOnSearch.fitness().get(0).exact()
            ? "the search data"
            : "an estimate on some of the search data, because the search was cancelled";
    if (plan.validated() && reason == StopReason.CANCELLED) {
      chosenBy = "the search data, because the search was cancelled before validation";
    } else if (plan.validated()) {
      finalists = last.hold(standings, confirmed);
      if (cancelled) {
        finalists = List.of();
        chosenBy = "the search data, because the search was cancelled during validation";
        reason = StopReason.CANCELLED;
      } else if (finalists.isEmpty()) {
        log.warn("no finalist could be validated; the search data chose");
      } else {
        chosen = finalists.get(0);
        chosenBy = "the validation data, among " + finalists.size() + " finalists";
      }
    }
    List<SelectedModel> front =
        plan.objectives().size() == 1
            ? List.of(chosen)
            : standings.front().stream().map(trial -> Final.trialModel(plan, trial)).toList();
    return new EvolutionResult(
        chosen,
        bestOnSearch,
        front,
        finalists,
        standings.trials(),
        chosenBy,
        reason,
        detail,
        standings.failures(),
        cached,
        Duration.ofMillis(elapsedMillis()),
        new Provenance(plan.settings(), plan.environment()),
        Map.of());
  }

  private SearchFailedException nothingScored(StopReason reason) {
    if (reason == StopReason.CANCELLED) {
      return new SearchFailedException("cancelled before the first trial was scored");
    }
    return new SearchFailedException(
        "none of "
            + standings.trials().size()
            + " trials was scored"
            + standings
                .firstFailure()
                .map(first -> "; the last failures began with: " + first)
                .orElse(""));
  }

  private long elapsedMillis() {
    long before = journal == null ? 0 : journal.elapsedMillis();
    return before + (System.nanoTime() - startNanos) / 1_000_000;
  }

  private Progress snapshot(long elapsedMillis) {
    double seconds = startNanos == 0 ? 0 : (System.nanoTime() - startNanos) / 1e9;
    int told = standings.trials().size();
    long fresh = told - replayed;
    return new Progress(
        told,
        itemEvaluations,
        standings.failed(),
        cached,
        standings.bestScore(),
        standings.best().map(best -> OptionalLong.of(best.id())).orElse(OptionalLong.empty()),
        standings.recentMean(),
        seconds > 0 && fresh > 0 ? fresh / seconds : 0,
        Duration.ofMillis(elapsedMillis),
        plan.stopWhen().evaluationLimit());
  }

  private void tellListeners(Consumer<RunListener> event) {
    for (RunListener listener : plan.listeners()) {
      try {
        event.accept(listener);
      } catch (RuntimeException e) {
        log.warn("a listener threw; the run goes on", e);
      }
    }
  }
}
