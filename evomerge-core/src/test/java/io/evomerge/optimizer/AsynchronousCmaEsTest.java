package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Gene;
import io.evomerge.genome.SearchSpace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;

/** CMA-ES that waits for no generation, with workers that finish in any order. */
class AsynchronousCmaEsTest extends OptimizerContract {

  private static final int WORKERS = 8;

  @Override
  protected OptimizerFactory factory() {
    return Optimizers.cmaEs().asynchronous();
  }

  @Override
  protected boolean waits() {
    return false;
  }

  @Override
  protected boolean orderMatters() {
    return true;
  }

  @Override
  protected OptionalDouble promisedCost() {
    return OptionalDouble.of(1e-10);
  }

  private static SearchSpace box(int n) {
    List<Gene> genes = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      genes.add(new Gene.Real("x" + i, -5, 5, 0));
    }
    return SearchSpace.of(genes);
  }

  private static double sphere(double[] x) {
    return Arrays.stream(x).map(v -> (v - 1.5) * (v - 1.5)).sum();
  }

  private static double ellipsoid(double[] x) {
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      sum += Math.pow(1e6, i / (x.length - 1.0)) * (x[i] - 1.5) * (x[i] - 1.5);
    }
    return sum;
  }

  private static double rosenbrock(double[] x) {
    double sum = 0;
    for (int i = 0; i + 1 < x.length; i++) {
      double d = x[i] * x[i] - x[i + 1];
      sum += 100 * d * d + (x[i] - 1) * (x[i] - 1);
    }
    return sum;
  }

  /** Where a search with so many open trials stands. */
  static final class Search {
    final ToDoubleFunction<double[]> cost;
    final Random pace;
    final List<Proposal> open = new ArrayList<>();
    Optimizer optimizer;
    int workers = WORKERS;
    int trials;
    double best = Double.POSITIVE_INFINITY;

    Search(OptimizerFactory factory, int n, ToDoubleFunction<double[]> cost, long seed) {
      this(factory, box(n), cost, seed);
    }

    Search(
        OptimizerFactory factory, SearchSpace space, ToDoubleFunction<double[]> cost, long seed) {
      optimizer = factory.create(space, List.of(Direction.MINIMIZE), seed);
      this.cost = cost;
      pace = new Random(seed);
    }

    /** A worker finishes, in any order, and gets the next point; returns whether it goes on. */
    boolean step() {
      while (open.size() < workers && !optimizer.isDone()) {
        List<Proposal> next = optimizer.ask(1);
        if (next.isEmpty()) {
          break;
        }
        open.addAll(next);
      }
      if (open.isEmpty()) {
        return false;
      }
      Proposal first = open.remove(pace.nextInt(open.size()));
      double value = cost.applyAsDouble(first.genome().values());
      best = Math.min(best, value);
      trials++;
      optimizer.tell(List.of(new Evaluation(first.id(), Outcome.Scored.of(value))));
      return true;
    }
  }

  /** Returns the median of the searches that reach 1e-8; some of Rosenbrock end elsewhere. */
  private static int trialsTo(OptimizerFactory factory, int n, ToDoubleFunction<double[]> cost) {
    return trialsTo(factory, n, cost, WORKERS);
  }

  private static int trialsTo(
      OptimizerFactory factory, int n, ToDoubleFunction<double[]> cost, int workers) {
    List<Integer> trials = new ArrayList<>();
    for (long seed = 1; seed <= 15; seed++) {
      Search search = new Search(factory, n, cost, seed);
      search.workers = workers;
      while (search.best > 1e-8 && search.trials < 20_000 && search.step()) {}
      if (search.best <= 1e-8) {
        trials.add(search.trials);
      }
    }
    assertThat(trials).hasSizeGreaterThanOrEqualTo(10);
    Collections.sort(trials);
    return trials.get(trials.size() / 2);
  }

  @Test
  void aPointIsThereWheneverAWorkerIsFree() {
    Search search = new Search(factory(), 6, AsynchronousCmaEsTest::ellipsoid, 1);
    while (search.step() && !search.optimizer.isDone()) {
      assertThat(search.open).hasSizeGreaterThanOrEqualTo(WORKERS - 1);
    }
    assertThat(search.optimizer.isDone()).isTrue();
    assertThat(search.best).isLessThan(1e-10);
    assertThat(search.optimizer.ask(3)).isEmpty();
  }

  @Test
  void aSearchTakesFewMoreTrialsThanWithGenerations() {
    CmaEs cmaEs = Optimizers.cmaEs();
    List<ToDoubleFunction<double[]>> functions =
        List.of(
            AsynchronousCmaEsTest::sphere,
            AsynchronousCmaEsTest::ellipsoid,
            AsynchronousCmaEsTest::rosenbrock);
    for (ToDoubleFunction<double[]> function : functions) {
      int waiting = trialsTo(cmaEs, 10, function);
      assertThat(trialsTo(cmaEs.asynchronous(), 10, function)).isLessThan((int) (1.15 * waiting));
    }
  }

  @Test
  void formsThatLearnFromEachTrialTakeFewMoreWithEightWorkersAndNoMoreWithOne() {
    for (CmaEs.Covariance form :
        List.of(CmaEs.Covariance.SEPARABLE, CmaEs.Covariance.LIMITED_MEMORY)) {
      CmaEs cmaEs = Optimizers.cmaEs().covariance(form);
      for (int n : new int[] {10, 40}) {
        List<ToDoubleFunction<double[]>> functions =
            List.of(AsynchronousCmaEsTest::sphere, AsynchronousCmaEsTest::ellipsoid);
        for (ToDoubleFunction<double[]> function : functions) {
          int waiting = trialsTo(cmaEs, n, function);
          assertThat(trialsTo(cmaEs.asynchronous(), n, function, WORKERS))
              .as("%s, %s genes, eight workers", form, n)
              .isLessThan((int) (1.2 * waiting));
          assertThat(trialsTo(cmaEs.asynchronous(), n, function, 1))
              .as("%s, %s genes, one worker", form, n)
              .isLessThan((int) (1.02 * waiting));
        }
      }
    }
  }

  @Test
  void moreTrialsThanTwoGenerationsHaveCanBeOpen() {
    Search search = new Search(factory(), 10, AsynchronousCmaEsTest::ellipsoid, 1);
    search.workers = 25;
    while (search.best > 1e-8 && search.trials < 20_000 && search.step()) {}
    assertThat(search.best).isLessThanOrEqualTo(1e-8);
  }

  @Test
  void theSameOrderGivesTheSameSearchAcrossRestartsAndSnapshots() {
    CmaEs factory =
        Optimizers.cmaEs()
            .asynchronous()
            .restarts(CmaEs.Restarts.BIPOP)
            .maxRestarts(3)
            .tolFun(1e-3)
            .tolX(1e-3);
    Search straight = new Search(factory, 3, AsynchronousCmaEsTest::sphere, 9);
    Search resumed = new Search(factory, 3, AsynchronousCmaEsTest::sphere, 9);
    while (straight.step()) {
      assertThat(resumed.step()).isTrue();
      assertThat(resumed.open).isEqualTo(straight.open);
      String snapshot = resumed.optimizer.snapshot();
      resumed.optimizer = factory.restore(box(3), List.of(Direction.MINIMIZE), snapshot);
    }
    assertThat(resumed.step()).isFalse();
    assertThat(resumed.optimizer.snapshot()).isEqualTo(straight.optimizer.snapshot());
    assertThat(straight.trials).isGreaterThan(400);
  }

  @Test
  void anotherOrderGivesAnotherSearch() {
    Search search = new Search(factory(), 4, AsynchronousCmaEsTest::sphere, 3);
    Search other = new Search(factory(), 4, AsynchronousCmaEsTest::sphere, 3);
    other.pace.nextInt();
    for (int i = 0; i < 60; i++) {
      search.step();
      other.step();
    }
    assertThat(search.optimizer.snapshot()).isNotEqualTo(other.optimizer.snapshot());
  }

  @Test
  void mixedGenesAreSolved() {
    List<Gene> genes = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      genes.add(new Gene.Real("r" + i, -5, 5, 0));
      genes.add(new Gene.Int("i" + i, -10, 10, 0));
    }
    int found = 0;
    for (long seed = 1; seed <= 10; seed++) {
      Search search = new Search(factory(), 1, AsynchronousCmaEsTest::mixed, seed);
      search.optimizer = factory().create(SearchSpace.of(genes), List.of(Direction.MINIMIZE), seed);
      while (search.best > 1e-8 && search.trials < 20_000 && search.step()) {}
      found += search.best <= 1e-8 ? 1 : 0;
    }
    assertThat(found).isGreaterThanOrEqualTo(8);
  }

  private static double mixed(double[] x) {
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      double d = x[i] - (i % 2 == 0 ? 1.5 : 7 - i);
      sum += (i % 2 == 0 ? 1e4 : 1) * d * d;
    }
    return sum;
  }

  @Test
  void theFormIsASettingAndASnapshotOfTheOtherFormIsRefused() {
    CmaEs waiting = Optimizers.cmaEs();
    assertThat(waiting.isAsynchronous()).isFalse();
    assertThat(waiting.asynchronous().isAsynchronous()).isTrue();
    assertThat(waiting.settings()).containsEntry("asynchronous", "false");
    assertThat(factory().settings()).containsEntry("asynchronous", "true");
    String snapshot = waiting.create(space(), directions(), 1).snapshot();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> factory().restore(space(), directions(), snapshot))
        .withMessageContaining("settings");
  }
}
