package io.evomerge.run;

import io.evomerge.allocation.EstimatingOptimizer;
import io.evomerge.exception.EvoMergeException;
import io.evomerge.exception.SearchFailedException;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.Outcome;
import io.evomerge.optimizer.Evaluation;
import io.evomerge.optimizer.Optimizer;
import io.evomerge.optimizer.Proposal;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.result.EvolutionResult;
import io.evomerge.result.ParetoFront;
import io.evomerge.result.Provenance;
import io.evomerge.result.SelectedModel;
import io.evomerge.result.StopReason;
import io.evomerge.result.TrialRecord;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
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
 *
 * <p>Asynchronous, they are told, and all is decided, in the order in which they finish. As many
 * evaluations as the evaluator has capacity are open at any time: when one is told, points are
 * asked for, one by one, until it is so again. A genome that describes no model and a recipe whose
 * score is known are told at once, before the next is asked for; a recipe that is being evaluated
 * already takes no worker and is told right after the trial it waits for. So the order in which
 * evaluations finish is all that is left open, and the lines of the journal have it: a resume takes
 * them in their order, asks for the same points at the same places, and then starts what is still
 * open.
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
  private final int openTrials;
  private final Map<String, String> settings;
  private final BlockingQueue<Finished> finished = new LinkedBlockingQueue<>();
  private volatile boolean cancelled;
  private volatile Progress progress;

  private final Map<Long, Open> open = new HashMap<>();

  /** In the order in which they finished. */
  private final Map<Long, Done> done = new LinkedHashMap<>();

  private final Map<String, Outcome> scored =
      new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Outcome> eldest) {
          return size() > REMEMBERED;
        }
      };
  private final Map<String, List<Long>> waiting = new HashMap<>();

  /** Trials of an asynchronous replay that run as far as asking goes; most have a line to come. */
  private final Set<Long> held = new LinkedHashSet<>();

  private final Standings standings;
  private long cached;
  private long itemEvaluations;
  private long replayed;
  private int running;
  private long nextToTell;
  private long asked;
  private OptionalLong askLimit;
  private long startNanos;
  private Outcome.@Nullable Scored journalLeader;
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
    this.openTrials = evaluator.capacity();
    this.settings = settings(plan, openTrials);
    this.standings = new Standings(plan.objectives());
    this.askLimit = plan.stopWhen().evaluationLimit();
    this.progress = snapshot(0);
  }

  /** Of an asynchronous search, the number of trials that are open at a time is a setting. */
  private static Map<String, String> settings(SearchPlan plan, int openTrials) {
    Map<String, String> all = new LinkedHashMap<>(plan.settings());
    if (plan.asynchronous()) {
      all.put(RunJournal.ASYNCHRONOUS, Integer.toString(openTrials));
    }
    return all;
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
            plan.journal().map(folder -> RunJournal.open(folder, settings)).orElse(null)) {
      journal = opened;
      if (opened != null && opened.size() > 0) {
        log.info("resuming: {} trials are in the journal", opened.size());
        if (plan.asynchronous() && askLimit.isPresent()) {
          // Where the budget was larger before, points beyond this one were asked for, too.
          askLimit = OptionalLong.of(Math.max(askLimit.getAsLong(), opened.lastTrial() + 1));
        }
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
      if (tellable().isPresent()) {
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
      awaitOne();
    }
    while (running > held.size()) {
      take(finished.take());
    }
    EvolutionResult result = conclude(optimizer, reason, detail);
    tellListeners(listener -> listener.onEnd(result));
    return result;
  }

  private void dispatch(Optimizer optimizer) {
    int capacity = plan.asynchronous() ? openTrials : evaluator.capacity();
    while (running < capacity && open.size() < AHEAD * capacity && !cancelled) {
      long wanted = plan.asynchronous() ? 1 : capacity - running;
      if (askLimit.isPresent()) {
        wanted = Math.min(wanted, askLimit.getAsLong() - asked);
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
      if (plan.asynchronous() && !done.isEmpty()) {
        return;
      }
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
    RunJournal.Trial known = plan.asynchronous() ? null : taken(proposal.id());
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
      complete(proposal.id(), same, true);
      return;
    }
    List<Long> others = waiting.get(key);
    if (others != null) {
      others.add(proposal.id());
      return;
    }
    waiting.put(key, new ArrayList<>());
    running++;
    if (replaying()) {
      held.add(proposal.id());
    } else {
      start(proposal.id());
    }
  }

  private void start(long id) {
    Open trial = open.get(id);
    TrialTask task = new TrialTask(trial.recipe(), TrialTask.Data.SEARCH, trial.proposal().items());
    Evaluations.submit(evaluator, task)
        .whenComplete(
            (outcome, error) ->
                finished.add(new Finished(id, Evaluations.outcome(outcome, error))));
  }

  /** What the journal has of a trial, once. */
  private RunJournal.@Nullable Trial taken(long id) {
    Open trial = open.get(id);
    return journal == null ? null : journal.takeTrial(trial.proposal(), trial.digest());
  }

  /** Whether the next outcome of an asynchronous search comes from the journal. */
  private boolean replaying() {
    return plan.asynchronous() && journal != null && journal.nextTrial().isPresent();
  }

  private void awaitOne() throws InterruptedException {
    if (replaying()) {
      replayOne();
      return;
    }
    held.forEach(this::start);
    held.clear();
    take(finished.take());
  }

  private void replayOne() {
    long id = journal.nextTrial().orElseThrow();
    if (!held.remove(id)) {
      throw journal.differs(id, "is not under way where its line is");
    }
    settle(id, journal.outcome(id));
  }

  private void take(Finished one) {
    if (one.id() < 0) {
      return;
    }
    settle(
        one.id(),
        Evaluations.checked(
            one.outcome(), plan.objectives().size(), open.get(one.id()).proposal().items()));
  }

  /** A trial has its outcome, and those that waited for it have it, too. */
  private void settle(long id, Outcome outcome) {
    running--;
    String key = open.get(id).key();
    remember(key, outcome);
    complete(id, outcome, false);
    for (long duplicate : waiting.remove(key)) {
      complete(duplicate, outcome, true);
    }
  }

  private void complete(long id, Outcome outcome, boolean duplicate) {
    RunJournal.Trial known = plan.asynchronous() ? taken(id) : null;
    if (known == null) {
      journal(id, outcome);
      done.put(id, new Done(outcome, duplicate, elapsedMillis()));
    } else {
      replayed++;
      leads(outcome);
      done.put(id, new Done(outcome, duplicate, known.elapsedMillis()));
    }
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
    boolean leads =
        journalLeader == null
            || Outcome.Scored.order(plan.directions()).compare(scored, journalLeader) < 0;
    if (leads) {
      journalLeader = scored;
    }
    return leads;
  }

  /** Returns the trial to be told now, if there is one. */
  private OptionalLong tellable() {
    if (plan.asynchronous()) {
      return done.isEmpty()
          ? OptionalLong.empty()
          : OptionalLong.of(done.keySet().iterator().next());
    }
    return done.containsKey(nextToTell) ? OptionalLong.of(nextToTell) : OptionalLong.empty();
  }

  /** Tells what can be told in order; returns the reason to stop, if there is one. */
  private Optional<String> deliver(Optimizer optimizer) {
    while (true) {
      OptionalLong next = tellable();
      if (next.isEmpty()) {
        return Optional.empty();
      }
      long id = next.getAsLong();
      Done one = done.remove(id);
      Open trial = open.remove(id);
      optimizer.tell(List.of(new Evaluation(id, one.outcome())));
      TrialRecord record =
          new TrialRecord(id, trial.proposal().genome(), withoutItems(one.outcome()));
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
    return new Outcome.Scored(
        scores.fitness().stream().map(Fitness::withoutItems).toList(), scores.violation());
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
    return new EvolutionResult(
        chosen,
        bestOnSearch,
        ParetoFront.among(
            plan.axes(),
            ParetoFront.Data.SEARCH,
            plan.objectives().size() == 1
                ? List.of(bestOnSearch)
                : Final.trialModels(plan, standings.front())),
        ParetoFront.among(plan.axes(), ParetoFront.Data.VALIDATION, finalists),
        finalists,
        standings.trials(),
        chosenBy,
        reason,
        detail,
        standings.failures(),
        cached,
        Duration.ofMillis(elapsedMillis()),
        new Provenance(settings, plan.environment()),
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
        standings.sinceBest(),
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
