package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Gene;
import io.evomerge.genome.SearchSpace;
import io.evomerge.internal.RandomStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;

/** What every form of the distribution of CMA-ES promises beyond {@link OptimizerContract}. */
abstract class CmaEsFormContract extends OptimizerContract {

  /** Returns the settings of the form. */
  abstract CmaEs cmaEs();

  /** Returns the smallest population that solves a sphere in up to three genes. */
  int leastPopulation() {
    return 3;
  }

  @Override
  protected OptimizerFactory factory() {
    return cmaEs();
  }

  @Override
  protected boolean waits() {
    return true;
  }

  static SearchSpace box(int n, double halfWidth) {
    List<Gene> genes = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      genes.add(new Gene.Real("x" + i, -halfWidth, halfWidth, 0, 10.0 / 6));
    }
    return SearchSpace.of(genes);
  }

  /** Returns the trials until a cost is reached, or {@code max}. */
  static int trials(
      CmaEs cmaEs,
      SearchSpace space,
      ToDoubleFunction<double[]> cost,
      double target,
      int max,
      long seed) {
    Optimizer optimizer = cmaEs.create(space, List.of(Direction.MINIMIZE), seed);
    int trials = 0;
    while (!optimizer.isDone() && trials < max) {
      List<Evaluation> evaluations = new ArrayList<>();
      for (Proposal proposal : optimizer.ask(64)) {
        double value = cost.applyAsDouble(proposal.genome().values());
        trials++;
        if (value <= target) {
          return trials;
        }
        evaluations.add(new Evaluation(proposal.id(), Outcome.Scored.of(value)));
      }
      optimizer.tell(evaluations);
    }
    return max;
  }

  /** Returns the median trials over three seeds. */
  static int median(
      CmaEs cmaEs, SearchSpace space, ToDoubleFunction<double[]> cost, double target, int max) {
    int[] trials = new int[3];
    for (int seed = 0; seed < 3; seed++) {
      trials[seed] = trials(cmaEs, space, cost, target, max, seed + 1);
    }
    Arrays.sort(trials);
    return trials[1];
  }

  static double sphere(double[] x) {
    return Arrays.stream(x).map(v -> (v - 1.5) * (v - 1.5)).sum();
  }

  static double ellipsoid(double[] x) {
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      sum += Math.pow(1e6, i / (x.length - 1.0)) * (x[i] - 1.5) * (x[i] - 1.5);
    }
    return sum;
  }

  /** Two kinds of genes, one a thousand times as steep. */
  static double twoKinds(double[] x) {
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      sum += (i % 2 == 0 ? 1e6 : 1) * (x[i] - 1.5) * (x[i] - 1.5);
    }
    return sum;
  }

  /** A valley at an angle to all genes: along it the cost is a hundredth of what it is across. */
  static double slantedValley(double[] x) {
    double along = 0;
    double all = 0;
    for (double v : x) {
      along += (v - 1.5) / Math.sqrt(x.length);
      all += (v - 1.5) * (v - 1.5);
    }
    return 100 * (all - along * along) + along * along;
  }

  private SearchDistribution distribution(int n, int lambda) {
    return SearchDistributions.create(cmaEs(), new double[n], lambda, 1);
  }

  private static void fill(int member, double[] to, int from, int count, long generation) {
    RandomStream stream = RandomStream.of(3, "test", generation, member);
    for (int i = 0; i < count; i++) {
      to[from + i] = stream.nextGaussian();
    }
  }

  private static SearchSpace mixed() {
    List<Gene> genes = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      genes.add(
          i % 3 == 0 ? new Gene.Int("i" + i, 0, 9, 4) : new Gene.Real("r" + i, 0, 1 + i, 0.5));
    }
    return SearchSpace.of(genes);
  }

  private static int[] ranked(double[] points, int n, int lambda) {
    double[] costs = new double[lambda];
    for (int k = 0; k < lambda; k++) {
      for (int i = 0; i < n; i++) {
        costs[k] += (i + 1) * Math.pow(points[k * n + i] - 0.7, 2);
      }
    }
    return OpenGeneration.rank(costs);
  }

  @Test
  void pointsPlacedTeachWhatPointsDrawnTeach() {
    GeneCoordinates coordinates = new GeneCoordinates(mixed());
    int n = 12;
    int lambda = 10;
    SearchDistribution drawing = distribution(n, lambda);
    SearchDistribution placing = distribution(n, lambda);
    for (int g = 0; g < 40; g++) {
      int generation = g;
      double[] points =
          drawing
              .sample(
                  coordinates, lambda, (k, to, from, count) -> fill(k, to, from, count, generation))
              .clone();
      for (int k = 0; k < lambda; k++) {
        placing.place(coordinates, k, points, k * n);
      }
      int[] ranked = ranked(points, n, lambda);
      drawing.update(coordinates, ranked, lambda, 0);
      placing.update(coordinates, ranked, lambda, 0);
      for (int i = 0; i < n; i++) {
        assertThat(placing.mean()[i]).isCloseTo(drawing.mean()[i], within(1e-6));
        assertThat(placing.deviation(i) / drawing.deviation(i)).isCloseTo(1, within(1e-6));
      }
    }
  }

  @Test
  void deviationsAreThoseOfWhatIsDrawn() {
    GeneCoordinates coordinates = new GeneCoordinates(box(8, 50));
    int n = 8;
    int lambda = 400;
    SearchDistribution distribution = distribution(n, lambda);
    for (int g = 0; g < 12; g++) {
      int generation = g;
      double[] points =
          distribution.sample(
              coordinates, lambda, (k, to, from, count) -> fill(k, to, from, count, generation));
      double[] costs = new double[lambda];
      for (int k = 0; k < lambda; k++) {
        costs[k] = slantedValley(Arrays.copyOfRange(points, k * n, k * n + n));
      }
      distribution.update(coordinates, OpenGeneration.rank(costs), lambda, 0);
    }
    double[] square = new double[n];
    int draws = 50;
    for (int g = 0; g < draws; g++) {
      int generation = 1000 + g;
      double[] points =
          distribution.sample(
              coordinates, lambda, (k, to, from, count) -> fill(k, to, from, count, generation));
      for (int at = 0; at < points.length; at++) {
        square[at % n] += Math.pow(points[at] - distribution.mean()[at % n], 2);
      }
    }
    for (int i = 0; i < n; i++) {
      double deviation = Math.sqrt(square[i] / (draws * lambda));
      assertThat(deviation / distribution.deviation(i)).isCloseTo(1, within(0.03));
    }
  }

  @Test
  void aPointFarAwayIsTakenAsTheNearestLikelyOne() {
    GeneCoordinates coordinates = new GeneCoordinates(box(5, 50));
    SearchDistribution distribution = distribution(5, 4);
    double[] far = {1e6, 0, 0, 0, 0};
    for (int k = 0; k < 4; k++) {
      distribution.place(coordinates, k, far, 0);
    }
    distribution.update(coordinates, new int[] {0, 1, 2, 3}, 4, 0);
    assertThat(distribution.mean()[0]).isBetween(0.01, 6.0);
  }

  @Test
  void wholeGenesNeverFreezeAndAMixedOptimumIsFound() {
    List<Gene> genes = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      genes.add(new Gene.Real("r" + i, -5, 5, 0));
      genes.add(new Gene.Int("i" + i, -10, 10, 0));
    }
    ToDoubleFunction<double[]> cost =
        x -> {
          double sum = 0;
          for (int i = 0; i < x.length; i++) {
            double d = x[i] - (i % 2 == 0 ? 1.5 : 7 - i);
            sum += (i % 2 == 0 ? 1e4 : 1) * d * d;
          }
          return sum;
        };
    for (long seed = 1; seed <= 3; seed++) {
      assertThat(trials(cmaEs(), SearchSpace.of(genes), cost, 1e-6, 40_000, seed))
          .as("seed %s", seed)
          .isLessThan(40_000);
    }
  }

  @Test
  void settledWholeGenesAreVariedInAFifthOfTheSamples() {
    int n = 20;
    List<Gene> genes = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      genes.add(i % 2 == 0 ? new Gene.Real("r" + i, -5, 5, 0) : new Gene.Int("i" + i, -5, 5, 0));
    }
    Optimizer optimizer = cmaEs().create(SearchSpace.of(genes), List.of(Direction.MINIMIZE), 1);
    boolean settled = false;
    int trials = 0;
    int varied = 0;
    while (trials < 600) {
      double[] mean = optimizer.recommendation().orElseThrow().values();
      List<Evaluation> evaluations = new ArrayList<>();
      for (Proposal proposal : optimizer.ask(64)) {
        double[] x = proposal.genome().values();
        double cost = 0;
        boolean differs = false;
        for (int i = 0; i < n; i++) {
          double d = x[i] - (i % 2 == 0 ? 1.5 : 1);
          cost += d * d;
          differs |= i % 2 == 1 && x[i] != mean[i];
        }
        trials += settled ? 1 : 0;
        varied += settled && differs ? 1 : 0;
        settled |= cost < 0.01;
        evaluations.add(new Evaluation(proposal.id(), Outcome.Scored.of(cost)));
      }
      optimizer.tell(evaluations);
    }
    assertThat(varied / (double) trials).isBetween(0.1, 0.3);
  }

  @Test
  void theMeanIsNotDrawnToFailures() {
    ToDoubleFunction<double[]> half = x -> x[0] + x[1] > 1.9 ? Double.NaN : sphere(x);
    // The optimum of the feasible half space: the foot of the perpendicular from (1.5, 1.5).
    double optimum = 2 * 0.55 * 0.55;
    assertThat(trials(cmaEs(), box(6, 5), half, optimum + 0.2, 20_000, 7)).isLessThan(20_000);
  }

  @Test
  void oneGeneAndTheSmallestPopulationsAreEnough() {
    for (int lambda : new int[] {leastPopulation(), 40}) {
      for (int n : new int[] {1, 2, 3}) {
        assertThat(
                trials(
                    cmaEs().populationSize(lambda),
                    box(n, 5),
                    CmaEsFormContract::sphere,
                    1e-4,
                    20_000,
                    1))
            .as("population %s, genes %s", lambda, n)
            .isLessThan(20_000);
      }
    }
  }

  @Test
  void aFlatFitnessEndsTheSearch() {
    Optimizer optimizer = cmaEs().create(box(8, 5), directions(), 8);
    for (int round = 0; round < 1000 && !optimizer.isDone(); round++) {
      optimizer.tell(
          optimizer.ask(64).stream()
              .map(proposal -> new Evaluation(proposal.id(), Outcome.Scored.of(0.25)))
              .toList());
    }
    assertThat(optimizer.isDone()).isTrue();
  }

  @Test
  void aFlatFitnessEndsAnAsynchronousSearch() {
    AsynchronousCmaEsTest.Search search =
        new AsynchronousCmaEsTest.Search(cmaEs().asynchronous(), box(12, 5), x -> 0.25, 8);
    while (search.trials < 20_000 && search.step()) {}
    assertThat(search.optimizer.isDone()).isTrue();
  }

  @Test
  void anAsynchronousSearchWithTiesAndFailuresGoesOnFromASnapshotTakenAnywhere() {
    CmaEs factory =
        cmaEs()
            .asynchronous()
            .restarts(CmaEs.Restarts.BIPOP)
            .maxRestarts(1)
            .tolFun(1e-1)
            .tolX(1e-1);
    ToDoubleFunction<double[]> cost =
        x -> x[1] + x[2] > 3 ? Double.NaN : Math.rint(10 * sphere(x)) / 10;
    AsynchronousCmaEsTest.Search straight =
        new AsynchronousCmaEsTest.Search(factory, mixed(), cost, 9);
    AsynchronousCmaEsTest.Search resumed =
        new AsynchronousCmaEsTest.Search(factory, mixed(), cost, 9);
    while (straight.trials < 2000 && straight.step()) {
      assertThat(resumed.step()).isTrue();
      assertThat(resumed.open).isEqualTo(straight.open);
      String snapshot = resumed.optimizer.snapshot();
      resumed.optimizer = factory.restore(mixed(), List.of(Direction.MINIMIZE), snapshot);
    }
    assertThat(resumed.optimizer.snapshot()).isEqualTo(straight.optimizer.snapshot());
    assertThat(straight.trials).isGreaterThan(400);
  }

  @Test
  void aWarmStartFromANearbyTaskSavesTrialsAndContinuesFromASnapshot() {
    SearchSpace space = box(10, 5);
    int cold = 0;
    int warm = 0;
    for (long seed = 1; seed <= 5; seed++) {
      CmaEs started = cmaEs().warmStart(earlierTrials(space, 500, seed));
      cold += trials(cmaEs(), space, CmaEsFormContract::sphere, 0.5, 10_000, seed);
      warm += trials(started, space, CmaEsFormContract::sphere, 0.5, 10_000, seed);
    }
    assertThat(warm).isLessThan((int) (0.85 * cold));

    CmaEs started = cmaEs().warmStart(earlierTrials(space, 500, 1));
    Optimizer original = started.create(space, directions(), 4);
    Optimizer restored = original;
    for (int round = 0; round < 30; round++) {
      List<Proposal> proposals = original.ask(3);
      if (restored != original) {
        assertThat(restored.ask(3)).isEqualTo(proposals);
      }
      restored = started.restore(space, directions(), original.snapshot());
      List<Evaluation> evaluations =
          proposals.stream()
              .map(p -> new Evaluation(p.id(), Outcome.Scored.of(sphere(p.genome().values()))))
              .toList();
      original.tell(evaluations);
      restored.tell(evaluations);
      assertThat(restored.snapshot()).isEqualTo(original.snapshot());
    }
  }

  /** A search whose optimum lies a little beside that of the sphere. */
  private List<EarlierTrial> earlierTrials(SearchSpace space, int count, long seed) {
    Optimizer optimizer = cmaEs().create(space, List.of(Direction.MINIMIZE), 100 + seed);
    List<EarlierTrial> trials = new ArrayList<>();
    while (trials.size() < count) {
      List<Evaluation> evaluations = new ArrayList<>();
      for (Proposal proposal : optimizer.ask(64)) {
        double cost =
            Arrays.stream(proposal.genome().values()).map(v -> (v - 1.3) * (v - 1.3)).sum();
        evaluations.add(new Evaluation(proposal.id(), Outcome.Scored.of(cost)));
        trials.add(new EarlierTrial(proposal.genome(), Outcome.Scored.of(cost)));
      }
      optimizer.tell(evaluations);
    }
    return trials;
  }
}
