package io.evomerge.run;

import io.evomerge.candidate.CandidateFactory;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.candidate.WeightStore;
import io.evomerge.fitness.Constraint;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.FitnessFunction;
import io.evomerge.fitness.ItemFitness;
import io.evomerge.fitness.ItemSubset;
import io.evomerge.fitness.Objective;
import io.evomerge.fitness.Outcome;
import io.evomerge.internal.threads.WorkerThreads;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Merges and scores candidates on threads of this process, one weight store per thread.
 *
 * <p>Closing waits for what is under way and closes the stores; the assembler stays open.
 */
final class LocalEvaluator implements TrialEvaluator {

  private static final Logger log = LoggerFactory.getLogger(LocalEvaluator.class);

  private final CandidateFactory assembler;
  private final List<Objective> objectives;
  private final List<Constraint> constraints;
  private final int parallelism;
  private final ExecutorService threads;
  private final Deque<WeightStore> idle = new ArrayDeque<>();

  LocalEvaluator(
      CandidateFactory assembler,
      List<Objective> objectives,
      List<Constraint> constraints,
      int parallelism) {
    this.assembler = assembler;
    this.objectives = List.copyOf(objectives);
    this.constraints = List.copyOf(constraints);
    this.parallelism = parallelism;
    this.threads = WorkerThreads.fixed("worker", parallelism);
  }

  @Override
  public int capacity() {
    return parallelism;
  }

  @Override
  public CompletableFuture<Outcome> submit(TrialTask task) {
    return CompletableFuture.supplyAsync(() -> evaluate(task), threads);
  }

  private Outcome evaluate(TrialTask task) {
    try {
      WeightStore store = takeStore();
      try {
        CandidateModel candidate = assembler.assemble(task.recipe(), store);
        double violation = 0;
        for (Constraint constraint : constraints) {
          double value = constraint.function().score(candidate);
          if (!Double.isFinite(value)) {
            return new Outcome.Failed(
                "constraint '"
                    + constraint.name()
                    + "' returned "
                    + value
                    + ", wanted a finite number");
          }
          violation += constraint.bound().violation(value);
        }
        List<Fitness> scores = new ArrayList<>();
        for (Objective objective : objectives) {
          FitnessFunction function =
              task.data() == TrialTask.Data.VALIDATION
                  ? objective.validation().orElse(objective.function())
                  : objective.function();
          Fitness fitness = evaluate(objective, function, candidate, task.items());
          if (fitness == null || !Double.isFinite(fitness.score())) {
            return new Outcome.Failed(
                "fitness '"
                    + objective.name()
                    + "' returned "
                    + (fitness == null ? "null" : fitness.score())
                    + ", wanted a finite number");
          }
          scores.add(fitness);
        }
        return new Outcome.Scored(scores, Math.min(violation, Double.MAX_VALUE));
      } finally {
        giveBack(store);
      }
    } catch (Exception | OutOfMemoryError | StackOverflowError | AssertionError | LinkageError e) {
      log.debug("trial failed", e);
      String message =
          e.getMessage() == null ? "" : ": " + e.getMessage().lines().findFirst().orElse("");
      return new Outcome.Failed(e.getClass().getName() + message);
    }
  }

  private static Fitness evaluate(
      Objective objective, FitnessFunction function, CandidateModel candidate, ItemSubset items)
      throws Exception {
    if (items.isAll()) {
      return function.evaluate(candidate);
    }
    if (!(function instanceof ItemFitness perItem)) {
      throw new IllegalArgumentException(
          "fitness '"
              + objective.name()
              + "' has no items to choose from; implement ItemFitness, or score all of it");
    }
    Fitness fitness = perItem.evaluate(candidate, items.requireWithin(perItem.itemCount()));
    if (fitness != null) {
      ItemScores.problem(fitness, items)
          .ifPresent(
              problem -> {
                throw new IllegalStateException("fitness '" + objective.name() + "': " + problem);
              });
    }
    return fitness;
  }

  private WeightStore takeStore() {
    synchronized (idle) {
      WeightStore store = idle.poll();
      if (store != null) {
        return store;
      }
    }
    return assembler.newStore();
  }

  private void giveBack(WeightStore store) {
    synchronized (idle) {
      idle.push(store);
    }
  }

  @Override
  public void close() {
    threads.shutdown();
    boolean interrupted = false;
    while (true) {
      try {
        if (threads.awaitTermination(1, TimeUnit.MINUTES)) {
          break;
        }
        log.info("waiting for evaluations that are under way");
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    synchronized (idle) {
      idle.forEach(WeightStore::close);
      idle.clear();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
