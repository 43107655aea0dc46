package io.evomerge.run;

import io.evomerge.exception.EvoMergeException;
import io.evomerge.exception.SearchFailedException;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Genome;
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
import java.util.OptionalDouble;
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
 */
final class SearchLoop {

  private static final Logger log = LoggerFactory.getLogger(SearchLoop.class);
  private static final int RECENT = 20;

  /** With their items, scores take kilobytes each: a long search must not fill the heap. */
  private static final int REMEMBERED = 2_048;

  private final SearchPlan plan;
  private final TrialEvaluator evaluator;
  private final Direction direction;
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
  private final List<TrialRecord> trials = new ArrayList<>();
  private final List<Recommendation> recommendations = new ArrayList<>();
  private final List<TrialRecord> leaders = new ArrayList<>();
  private final Deque<Double> recent = new ArrayDeque<>();
  private final Map<String, Integer> failures = new LinkedHashMap<>();
  private int failuresInARow;
  private @Nullable String firstFailure;
  private long failed;
  private long cached;
  private long replayed;
  private int running;
  private long nextToTell;
  private long asked;
  private @Nullable TrialRecord best;
  private long startNanos;
  private @Nullable RunJournal journal;

  private record Open(Proposal proposal, String digest) {}

  private record Done(Outcome outcome, boolean cached, long elapsedMillis) {}

  private record Finished(long id, Outcome outcome) {}

  private record Recommendation(Genome genome, long afterTrial) {}

  SearchLoop(SearchPlan plan, TrialEvaluator evaluator) {
    this.plan = plan;
    this.evaluator = evaluator;
    this.direction = plan.objectives().get(0).direction();
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
    // What is recommended before the first trial is the start, and no finding.
    optimizer.recommendation().ifPresent(start -> recommend(start, -1));
    while (true) {
      Optional<String> stop = deliver(optimizer);
      if (stop.isPresent()) {
        reason = StopReason.CONDITION;
        detail = stop.get();
        break;
      }
      if (cancelled) {
        reason = StopReason.CANCELLED;
        detail = "cancelled after " + trials.size() + " trials";
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
        detail = optimizer.name() + " converged after " + trials.size() + " trials";
        break;
      }
      take(finished.take());
    }
    while (running > 0) {
      take(finished.take());
    }
    EvolutionResult result = conclude(reason, detail);
    tellListeners(listener -> listener.onEnd(result));
    return result;
  }

  private void dispatch(Optimizer optimizer) {
    OptionalLong limit = plan.stopWhen().evaluationLimit();
    while (running < evaluator.capacity() && !cancelled) {
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
      open.put(proposal.id(), new Open(proposal, ""));
      done.put(proposal.id(), new Done(new Outcome.Infeasible(reason), false, elapsedMillis()));
      return;
    }
    String digest = recipe.digest();
    open.put(proposal.id(), new Open(proposal, digest));
    RunJournal.Trial known =
        journal == null ? null : journal.takeTrial(proposal.id(), proposal.genome(), digest);
    if (known != null) {
      replayed++;
      boolean seen = scored.containsKey(digest);
      remember(digest, known.outcome());
      done.put(proposal.id(), new Done(known.outcome(), seen, known.elapsedMillis()));
      return;
    }
    Outcome same = scored.get(digest);
    if (same != null) {
      journal(proposal.id(), same);
      done.put(proposal.id(), new Done(same, true, elapsedMillis()));
      return;
    }
    List<Long> others = waiting.get(digest);
    if (others != null) {
      others.add(proposal.id());
      return;
    }
    waiting.put(digest, new ArrayList<>());
    running++;
    evaluator
        .submit(new TrialTask(recipe, TrialTask.Data.SEARCH))
        .whenComplete((outcome, error) -> finished.add(finish(proposal.id(), outcome, error)));
  }

  private static Finished finish(long id, @Nullable Outcome outcome, @Nullable Throwable error) {
    if (error != null) {
      return new Finished(id, new Outcome.Failed("evaluator: " + error));
    }
    return new Finished(
        id, outcome == null ? new Outcome.Failed("evaluator returned null") : outcome);
  }

  private void take(Finished one) {
    if (one.id() < 0) {
      return;
    }
    running--;
    Outcome outcome = checked(one.outcome());
    Open trial = open.get(one.id());
    remember(trial.digest(), outcome);
    complete(one.id(), outcome, false);
    for (long duplicate : waiting.remove(trial.digest())) {
      complete(duplicate, outcome, true);
    }
  }

  private void complete(long id, Outcome outcome, boolean duplicate) {
    journal(id, outcome);
    done.put(id, new Done(outcome, duplicate, elapsedMillis()));
  }

  /** An evaluator of the host may return anything. */
  private Outcome checked(Outcome outcome) {
    if (outcome instanceof Outcome.Scored scores) {
      int wanted = plan.objectives().size();
      if (scores.fitness().size() != wanted) {
        return new Outcome.Failed(
            "evaluator returned " + scores.fitness().size() + " scores, wanted " + wanted);
      }
      for (Fitness fitness : scores.fitness()) {
        if (!Double.isFinite(fitness.score())) {
          return new Outcome.Failed(
              "evaluator returned " + fitness.score() + ", wanted a finite number");
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
      journal.addTrial(id, trial.proposal().genome(), trial.digest(), outcome, elapsedMillis());
    }
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
      trials.add(record);
      boolean improved = account(record, one.cached());
      optimizer.recommendation().ifPresent(mean -> recommend(mean, record.id()));
      nextToTell++;
      progress = snapshot(one.elapsedMillis());
      tellListeners(listener -> listener.onTrial(record, improved, progress));
      if (failuresInARow >= plan.failureLimit()) {
        throw new SearchFailedException(
            failuresInARow
                + " trials in a row failed; the first of them: "
                + firstFailure
                + ". Mend the cause and resume, or raise failureLimit");
      }
      Optional<String> stop = plan.stopWhen().check(progress);
      if (stop.isPresent()) {
        return stop;
      }
    }
  }

  private boolean account(TrialRecord trial, boolean wasCached) {
    if (wasCached) {
      cached++;
    }
    if (trial.outcome() instanceof Outcome.Failed failure) {
      failed++;
      failures.merge(failure.reason(), 1, Integer::sum);
      if (failuresInARow++ == 0) {
        firstFailure = failure.reason();
      }
      return false;
    }
    failuresInARow = 0;
    OptionalDouble score = score(trial);
    if (score.isEmpty()) {
      return false;
    }
    recent.addLast(score.getAsDouble());
    if (recent.size() > RECENT) {
      recent.removeFirst();
    }
    boolean improved =
        best == null || direction.isBetter(score.getAsDouble(), score(best).getAsDouble());
    if (improved) {
      best = trial;
      leaders.add(trial);
    }
    return improved;
  }

  private void recommend(Genome genome, long afterTrial) {
    if (recommendations.isEmpty()
        || !genome.equals(recommendations.get(recommendations.size() - 1).genome())) {
      recommendations.add(new Recommendation(genome, afterTrial));
    }
  }

  private static OptionalDouble score(TrialRecord trial) {
    return trial.outcome() instanceof Outcome.Scored scores
        ? OptionalDouble.of(scores.fitness().get(0).score())
        : OptionalDouble.empty();
  }

  private static Outcome withoutItems(Outcome outcome) {
    if (!(outcome instanceof Outcome.Scored scores)) {
      return outcome;
    }
    return new Outcome.Scored(
        scores.fitness().stream()
            .map(fitness -> new Fitness(fitness.score(), new double[0], fitness.details()))
            .toList());
  }

  private EvolutionResult conclude(StopReason reason, String detail) throws InterruptedException {
    if (best == null) {
      if (reason == StopReason.CANCELLED) {
        throw new SearchFailedException("cancelled before the first trial was scored");
      }
      throw new SearchFailedException(
          "none of "
              + trials.size()
              + " trials was scored"
              + (firstFailure == null ? "" : "; the last failures began with: " + firstFailure));
    }
    SelectedModel bestOnSearch = selected(best);
    SelectedModel chosen = bestOnSearch;
    List<SelectedModel> finalists = List.of();
    String chosenBy = "the search data";
    if (plan.validated() && reason != StopReason.CANCELLED) {
      finalists = validate();
      if (finalists.isEmpty()) {
        log.warn("no finalist could be validated; the search data chose");
      } else {
        chosen = finalists.get(0);
        chosenBy = "the validation data, among " + finalists.size() + " finalists";
      }
    } else if (plan.validated()) {
      chosenBy = "the search data, because the search was cancelled before validation";
    }
    List<SelectedModel> front = plan.objectives().size() == 1 ? List.of(chosen) : front();
    return new EvolutionResult(
        chosen,
        bestOnSearch,
        front,
        finalists,
        trials,
        chosenBy,
        reason,
        detail,
        failures,
        cached,
        Duration.ofMillis(elapsedMillis()),
        new Provenance(plan.settings(), plan.environment()));
  }

  private SelectedModel selected(TrialRecord trial) {
    return new SelectedModel(
        plan.decoder().decode(trial.genome()),
        trial.genome(),
        "trial " + trial.id(),
        ((Outcome.Scored) trial.outcome()).fitness(),
        List.of());
  }

  private List<TrialRecord> byScore() {
    Comparator<TrialRecord> order =
        Comparator.comparingDouble((TrialRecord trial) -> score(trial).getAsDouble());
    if (direction == Direction.MAXIMIZE) {
      order = order.reversed();
    }
    return trials.stream()
        .filter(trial -> score(trial).isPresent())
        .sorted(order.thenComparingLong(TrialRecord::id))
        .toList();
  }

  /** The field of the final, without doubles: leaders, best trials, recommendations. */
  private List<SelectedModel> field() {
    Map<String, SelectedModel> field = new LinkedHashMap<>();
    int firstLeader = Math.max(0, leaders.size() - plan.selection().leaders());
    for (TrialRecord trial : leaders.subList(firstLeader, leaders.size())) {
      enter(field, selected(trial));
    }
    int taken = 0;
    Set<String> best = new HashSet<>();
    for (TrialRecord trial : byScore()) {
      if (taken == plan.selection().bestTrials()) {
        break;
      }
      SelectedModel model = selected(trial);
      if (best.add(model.recipe().digest())) {
        taken++;
        enter(field, model);
      }
    }
    List<Recommendation> found =
        recommendations.stream().filter(one -> one.afterTrial() >= 0).toList();
    int wanted = Math.min(plan.selection().recommendations(), found.size());
    for (int i = 1; i <= wanted; i++) {
      Recommendation one = found.get((int) ((long) i * found.size() / wanted) - 1);
      enter(
          field,
          new SelectedModel(
              plan.decoder().decode(one.genome()),
              one.genome(),
              "mean after trial " + one.afterTrial(),
              List.of(),
              List.of()));
    }
    return List.copyOf(field.values());
  }

  private static void enter(Map<String, SelectedModel> field, SelectedModel model) {
    field.putIfAbsent(model.recipe().digest(), model);
  }

  /** Scores the finalists on the validation data; best first. */
  private List<SelectedModel> validate() throws InterruptedException {
    List<SelectedModel> field = field();
    Map<String, Outcome> outcomes = evaluateAll(field, TrialTask.Data.VALIDATION, true);
    List<SelectedModel> finalists = new ArrayList<>();
    for (SelectedModel model : field) {
      if (outcomes.get(model.recipe().digest()) instanceof Outcome.Scored scores) {
        finalists.add(withValidation(model, scores));
      }
    }
    Comparator<SelectedModel> byValidation =
        Comparator.comparingDouble(model -> model.validation().get(0).score());
    if (direction == Direction.MAXIMIZE) {
      byValidation = byValidation.reversed();
    }
    // The sort is stable: among equals the order of the field decides.
    finalists.sort(byValidation);
    if (!finalists.isEmpty() && finalists.get(0).fitness().isEmpty()) {
      SelectedModel winner = finalists.get(0);
      Outcome outcome =
          evaluateAll(List.of(winner), TrialTask.Data.SEARCH, false).get(winner.recipe().digest());
      if (outcome instanceof Outcome.Scored scores) {
        finalists.set(
            0,
            new SelectedModel(
                winner.recipe(),
                winner.genome(),
                winner.origin(),
                scores.fitness(),
                winner.validation()));
      }
    }
    return finalists;
  }

  private static SelectedModel withValidation(SelectedModel model, Outcome.Scored scores) {
    return new SelectedModel(
        model.recipe(), model.genome(), model.origin(), model.fitness(), scores.fitness());
  }

  private Map<String, Outcome> evaluateAll(
      List<SelectedModel> models, TrialTask.Data data, boolean announce)
      throws InterruptedException {
    Map<String, Outcome> outcomes = new HashMap<>();
    Map<Long, SelectedModel> submitted = new HashMap<>();
    Deque<SelectedModel> queue = new ArrayDeque<>(models);
    long number = 0;
    while (outcomes.size() < models.size()) {
      while (!queue.isEmpty() && submitted.size() < evaluator.capacity()) {
        SelectedModel model = queue.poll();
        String digest = model.recipe().digest();
        Outcome known = journal == null ? null : journal.finalEvaluation(digest, data);
        if (known != null) {
          record(model, known, outcomes, announce ? models.size() : 0);
          continue;
        }
        long id = number++;
        submitted.put(id, model);
        evaluator
            .submit(new TrialTask(model.recipe(), data))
            .whenComplete((outcome, error) -> finished.add(finish(id, outcome, error)));
      }
      if (submitted.isEmpty()) {
        continue;
      }
      Finished one = finished.take();
      SelectedModel model = one.id() < 0 ? null : submitted.remove(one.id());
      if (model != null) {
        Outcome outcome = checked(one.outcome());
        if (journal != null && outcome instanceof Outcome.Scored) {
          journal.addFinal(model.recipe().digest(), data, outcome, elapsedMillis());
        }
        record(model, outcome, outcomes, announce ? models.size() : 0);
      }
    }
    return outcomes;
  }

  private void record(
      SelectedModel model, Outcome outcome, Map<String, Outcome> outcomes, int announcedOf) {
    outcomes.put(model.recipe().digest(), outcome);
    if (!(outcome instanceof Outcome.Scored scores)) {
      log.warn("finalist {} could not be evaluated: {}", model.origin(), outcome);
    } else if (announcedOf > 0) {
      SelectedModel validated = withValidation(model, scores);
      int done = outcomes.size();
      tellListeners(listener -> listener.onValidation(validated, done, announcedOf));
    }
  }

  private List<SelectedModel> front() {
    List<TrialRecord> candidates = byScore();
    List<SelectedModel> front = new ArrayList<>();
    for (TrialRecord trial : candidates) {
      List<Fitness> mine = ((Outcome.Scored) trial.outcome()).fitness();
      boolean dominated =
          candidates.stream()
              .anyMatch(other -> dominates(((Outcome.Scored) other.outcome()).fitness(), mine));
      if (!dominated) {
        front.add(selected(trial));
      }
    }
    return front;
  }

  private boolean dominates(List<Fitness> a, List<Fitness> b) {
    boolean better = false;
    for (int i = 0; i < a.size(); i++) {
      Direction one = plan.objectives().get(i).direction();
      if (one.isBetter(b.get(i).score(), a.get(i).score())) {
        return false;
      }
      better |= one.isBetter(a.get(i).score(), b.get(i).score());
    }
    return better;
  }

  private long elapsedMillis() {
    long before = journal == null ? 0 : journal.elapsedMillis();
    return before + (System.nanoTime() - startNanos) / 1_000_000;
  }

  private Progress snapshot(long elapsedMillis) {
    double seconds = startNanos == 0 ? 0 : (System.nanoTime() - startNanos) / 1e9;
    long fresh = trials.size() - replayed;
    return new Progress(
        trials.size(),
        failed,
        cached,
        best == null ? OptionalDouble.empty() : score(best),
        best == null ? OptionalLong.empty() : OptionalLong.of(best.id()),
        recent.stream().mapToDouble(Double::doubleValue).average(),
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
