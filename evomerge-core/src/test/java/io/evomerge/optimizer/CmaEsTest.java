package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import io.evomerge.internal.RandomStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;

class CmaEsTest extends OptimizerContract {

  @Override
  protected OptimizerFactory factory() {
    return Optimizers.cmaEs();
  }

  @Override
  protected boolean waits() {
    return true;
  }

  @Override
  protected OptionalDouble promisedCost() {
    return OptionalDouble.of(1e-10);
  }

  /** Where a search ended. */
  private record Run(int trials, double best, Genome bestGenome, Optimizer optimizer) {}

  private static SearchSpace box(int n, double min, double max) {
    List<Gene> genes = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      genes.add(new Gene.Real("x" + i, min, max, (min + max) / 2));
    }
    return SearchSpace.of(genes);
  }

  private static Run search(
      OptimizerFactory factory,
      SearchSpace space,
      ToDoubleFunction<double[]> cost,
      long seed,
      int maxTrials,
      double target) {
    Optimizer optimizer = factory.create(space, List.of(Direction.MINIMIZE), seed);
    double best = Double.POSITIVE_INFINITY;
    Genome bestGenome = space.start();
    int trials = 0;
    while (!optimizer.isDone() && trials < maxTrials && best > target) {
      List<Evaluation> evaluations = new ArrayList<>();
      for (Proposal p : optimizer.ask(Integer.MAX_VALUE)) {
        double value = cost.applyAsDouble(p.genome().values());
        trials++;
        if (value < best) {
          best = value;
          bestGenome = p.genome();
        }
        evaluations.add(new Evaluation(p.id(), Outcome.Scored.of(value)));
      }
      optimizer.tell(evaluations);
    }
    return new Run(trials, best, bestGenome, optimizer);
  }

  /** Returns the median over five seeds of the trials to reach 1e-8. */
  private static int trialsTo(
      OptimizerFactory factory, SearchSpace space, ToDoubleFunction<double[]> cost) {
    int[] trials = new int[5];
    for (int s = 0; s < trials.length; s++) {
      Run run = search(factory, space, cost, 1 + s, 100_000, 1e-8);
      trials[s] = run.best <= 1e-8 ? run.trials : Integer.MAX_VALUE;
    }
    Arrays.sort(trials);
    return trials[trials.length / 2];
  }

  private static double sphere(double[] x) {
    double sum = 0;
    for (double v : x) {
      sum += (v - 1.5) * (v - 1.5);
    }
    return sum;
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
      sum += 100 * Math.pow(x[i + 1] - x[i] * x[i], 2) + Math.pow(1 - x[i], 2);
    }
    return sum;
  }

  private static double ackley(double[] x) {
    double squares = 0;
    double cosines = 0;
    for (double v : x) {
      squares += (v - 1.5) * (v - 1.5);
      cosines += Math.cos(2 * Math.PI * (v - 1.5));
    }
    return 20
        - 20 * Math.exp(-0.2 * Math.sqrt(squares / x.length))
        + Math.E
        - Math.exp(cosines / x.length);
  }

  @Test
  void theClassicFunctionsAreSolvedWithinTheKnownNumberOfTrials() {
    SearchSpace ten = box(10, -5, 5);
    assertThat(trialsTo(Optimizers.cmaEs(), ten, CmaEsTest::sphere)).isLessThan(1460);
    assertThat(trialsTo(Optimizers.cmaEs(), ten, CmaEsTest::ellipsoid)).isLessThan(4104);
    assertThat(trialsTo(Optimizers.cmaEs(), ten, CmaEsTest::rosenbrock)).isLessThan(5121);
    assertThat(trialsTo(Optimizers.cmaEs(), ten, CmaEsTest::ackley)).isLessThan(2964);
    assertThat(trialsTo(Optimizers.cmaEs(), box(40, -5, 5), CmaEsTest::sphere)).isLessThan(5220);
  }

  @Test
  void theActiveUpdateSavesTrialsOnAnEllipsoid() {
    SearchSpace ten = box(10, -5, 5);
    int active = trialsTo(Optimizers.cmaEs(), ten, CmaEsTest::ellipsoid);
    int passive = trialsTo(Optimizers.cmaEs().active(false), ten, CmaEsTest::ellipsoid);
    assertThat(active).isLessThan((int) (0.9 * passive));
  }

  @Test
  void orthogonalStepsSaveTrialsOnASphere() {
    SearchSpace ten = box(10, -5, 5);
    int orthogonal = trialsTo(Optimizers.cmaEs(), ten, CmaEsTest::sphere);
    int independent = trialsTo(Optimizers.cmaEs().orthogonal(false), ten, CmaEsTest::sphere);
    assertThat(orthogonal).isLessThan((int) (0.95 * independent));
  }

  @Test
  void aRotationDoesNotChangeTheEffort() {
    int n = 10;
    double[][] basis = rotation(n);
    // Far bounds: a long valley at an angle that meets them is another function.
    List<Gene> genes = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      genes.add(new Gene.Real("x" + i, -50, 50, 0, 10.0 / 6));
    }
    SearchSpace space = SearchSpace.of(genes);
    int straight = trialsTo(Optimizers.cmaEs(), space, CmaEsTest::ellipsoid);
    int rotated =
        trialsTo(
            Optimizers.cmaEs(),
            space,
            x -> {
              double sum = 0;
              for (int i = 0; i < n; i++) {
                double v = 0;
                for (int j = 0; j < n; j++) {
                  v += basis[i][j] * (x[j] - 1.5);
                }
                sum += Math.pow(1e6, i / (n - 1.0)) * v * v;
              }
              return sum;
            });
    assertThat((double) rotated / straight).isBetween(0.85, 1.15);
  }

  private static double[][] rotation(int n) {
    RandomStream random = RandomStream.of(5, "rotation");
    double[][] basis = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        basis[i][j] = random.nextGaussian();
      }
      for (int k = 0; k < i; k++) {
        double dot = 0;
        for (int j = 0; j < n; j++) {
          dot += basis[i][j] * basis[k][j];
        }
        for (int j = 0; j < n; j++) {
          basis[i][j] -= dot * basis[k][j];
        }
      }
      double norm = Math.sqrt(Arrays.stream(basis[i]).map(v -> v * v).sum());
      for (int j = 0; j < n; j++) {
        basis[i][j] /= norm;
      }
    }
    return basis;
  }

  @Test
  void unitsOfGenesDoNotMatter() {
    List<Gene> genes = new ArrayList<>();
    double[] unit = new double[10];
    for (int i = 0; i < 10; i++) {
      unit[i] = Math.pow(10, i - 5);
      genes.add(new Gene.Real("x" + i, -5 * unit[i], 5 * unit[i], 0));
    }
    int scaled =
        trialsTo(
            Optimizers.cmaEs(),
            SearchSpace.of(genes),
            x -> {
              double[] y = x.clone();
              Arrays.setAll(y, i -> x[i] / unit[i]);
              return sphere(y);
            });
    int plain = trialsTo(Optimizers.cmaEs(), box(10, -5, 5), CmaEsTest::sphere);
    assertThat((double) scaled / plain).isBetween(0.95, 1.05);
  }

  @Test
  void anOptimumOnTheBorderIsFoundAboutAsFastAsOneInside() {
    SearchSpace space = box(10, 0, 1);
    int inside = trialsTo(Optimizers.cmaEs(), space, x -> distance(x, 0.6));
    int corner = trialsTo(Optimizers.cmaEs(), space, x -> Arrays.stream(x).sum());
    int outside = trialsTo(Optimizers.cmaEs(), space, x -> distance(x, -0.3) - 10 * 0.3 * 0.3);
    assertThat(corner).isLessThan(2 * inside);
    assertThat(outside).isLessThan(2 * inside);
  }

  @Test
  void anOptimumWhoseSlopeVanishesOnTheBorderIsFound() {
    Run run = search(Optimizers.cmaEs(), box(6, 0, 1), x -> distance(x, 1), 3, 20_000, 1e-8);
    assertThat(run.best).isLessThanOrEqualTo(1e-8);
  }

  @Test
  void aStartOnTheBorderSpreadsAndFindsTheOtherEnd() {
    List<Gene> genes = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      genes.add(new Gene.Real("x" + i, 0, 1, i % 2));
    }
    Run run =
        search(Optimizers.cmaEs(), SearchSpace.of(genes), x -> distance(x, 0.5), 4, 5000, 1e-8);
    assertThat(run.best).isLessThanOrEqualTo(1e-8);
  }

  private static double distance(double[] x, double optimum) {
    return Arrays.stream(x).map(v -> (v - optimum) * (v - optimum)).sum();
  }

  @Test
  void commonsMathNeedsAboutAsManyTrialsOnASphereAndFindsTheSameOptimum() {
    SearchSpace space = box(6, -5, 5);
    int ours = 0;
    int theirs = 0;
    for (long seed = 1; seed <= 3; seed++) {
      Run own = search(Optimizers.cmaEs(), space, CmaEsTest::sphere, seed, 5000, 1e-8);
      Run oracle =
          search(Optimizers.commonsMathCmaEs(), space, CmaEsTest::sphere, seed, 5000, 1e-8);
      ours += own.trials;
      theirs += oracle.trials;
      for (int i = 0; i < 6; i++) {
        assertThat(own.bestGenome.value(i) - oracle.bestGenome.value(i)).isBetween(-2e-4, 2e-4);
      }
    }
    assertThat((double) ours / theirs).isBetween(0.6, 1.2);
  }

  @Test
  void theFirstGenerationHasTheStartAsMeanAndTheStepsAsDeviation() {
    SearchSpace space =
        SearchSpace.of(
            new Gene.Real("narrow", 0, 1, 0.5, 0.02), new Gene.Real("wide", -100, 100, 10, 5));
    List<Proposal> sample =
        Optimizers.cmaEs()
            .populationSize(20_000)
            .sigma(2)
            .create(space, directions(), 5)
            .ask(20_000);
    double[] center = {0.5, 10};
    double[] step = {0.04, 10};
    for (int gene = 0; gene < 2; gene++) {
      int at = gene;
      double mean = sample.stream().mapToDouble(p -> p.genome().value(at)).average().orElseThrow();
      double variance =
          sample.stream()
              .mapToDouble(p -> Math.pow(p.genome().value(at) - mean, 2))
              .average()
              .orElseThrow();
      assertThat(mean).isBetween(center[at] - 0.05 * step[at], center[at] + 0.05 * step[at]);
      assertThat(Math.sqrt(variance)).isBetween(0.97 * step[at], 1.03 * step[at]);
    }
  }

  @Test
  void theCovarianceLearnsTheShapeAndTheRecommendationIsTheOptimum() {
    Run run = search(Optimizers.cmaEs(), box(5, -5, 5), CmaEsTest::ellipsoid, 6, 20_000, -1);
    assertThat(run.optimizer.isDone()).isTrue();
    assertThat(run.optimizer.ask(4)).isEmpty();
    for (double x : run.optimizer.recommendation().orElseThrow().values()) {
      assertThat(x).isBetween(1.5 - 1e-4, 1.5 + 1e-4);
    }
  }

  @Test
  void wholeGenesNeverFreezeAndAMixedOptimumIsFound() {
    List<Gene> genes = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      genes.add(new Gene.Real("r" + i, -5, 5, 0));
      genes.add(new Gene.Int("i" + i, -10, 10, 0));
    }
    int found = 0;
    for (long seed = 1; seed <= 10; seed++) {
      Run run =
          search(
              Optimizers.cmaEs(),
              SearchSpace.of(genes),
              x -> {
                double sum = 0;
                for (int i = 0; i < x.length; i++) {
                  double d = x[i] - (i % 2 == 0 ? 1.5 : 7 - i);
                  sum += (i % 2 == 0 ? 1e4 : 1) * d * d;
                }
                return sum;
              },
              seed,
              20_000,
              1e-8);
      found += run.best <= 1e-8 ? 1 : 0;
    }
    assertThat(found).isGreaterThanOrEqualTo(9);
  }

  @Test
  void anIllConditionedFunctionOfRealAndWholeGenesIsSolved() {
    int n = 40;
    List<Gene> genes = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      genes.add(i % 2 == 0 ? new Gene.Real("r" + i, -5, 5, 0) : new Gene.Int("i" + i, -5, 5, 0));
    }
    for (long seed = 1; seed <= 3; seed++) {
      Run run =
          search(
              Optimizers.cmaEs(),
              SearchSpace.of(genes),
              x -> {
                double sum = 0;
                for (int i = 0; i < n; i++) {
                  double d = x[i] - (i % 2 == 0 ? 1.5 : 1);
                  sum += Math.pow(1e6, i / (n - 1.0)) * d * d;
                }
                return sum;
              },
              seed,
              35_000,
              1e-8);
      assertThat(run.best).as("seed %s", seed).isLessThanOrEqualTo(1e-8);
    }
  }

  @Test
  void binaryGenesAreSolved() {
    List<Gene> genes = new ArrayList<>();
    for (int i = 0; i < 24; i++) {
      genes.add(new Gene.Choice("slot" + i, List.of("skip", "take"), i % 2));
    }
    int found = 0;
    for (long seed = 1; seed <= 10; seed++) {
      Run run =
          search(
              Optimizers.cmaEs(),
              SearchSpace.of(genes),
              x -> {
                double wrong = 0;
                for (int i = 0; i < x.length; i++) {
                  wrong += Math.abs(x[i] - (i % 3 == 0 ? 1 : 0));
                }
                return wrong;
              },
              seed,
              6000,
              0);
      found += run.best == 0 ? 1 : 0;
    }
    assertThat(found).isGreaterThanOrEqualTo(9);
  }

  @Test
  void theMeanIsNotDrawnToFailures() {
    Run run =
        search(
            Optimizers.cmaEs(),
            box(6, -5, 5),
            x -> x[0] + x[1] > 1.9 ? Double.NaN : sphere(x),
            7,
            20_000,
            -1);
    // the optimum of the feasible half space: the foot of the perpendicular from (1.5, 1.5)
    assertThat(run.best).isBetween(2 * 0.55 * 0.55 - 1e-9, 2 * 0.55 * 0.55 + 1e-3);
  }

  @Test
  void aFlatFitnessEndsTheSearchInsteadOfRunningForEver() {
    Run run = search(Optimizers.cmaEs(), box(8, 0, 1), x -> 0.25, 8, 50_000, -1);
    assertThat(run.optimizer.isDone()).isTrue();
    assertThat(run.trials).isLessThan(2000);
  }

  @Test
  void restartsEscapeALocalOptimum() {
    ToDoubleFunction<double[]> rastrigin =
        x -> {
          double sum = 0;
          for (double v : x) {
            double d = v - 1.7;
            sum += 10 + d * d - 10 * Math.cos(2 * Math.PI * d);
          }
          return sum;
        };
    SearchSpace space = box(3, -5, 5);
    for (CmaEs.Restarts restarts : List.of(CmaEs.Restarts.IPOP, CmaEs.Restarts.BIPOP)) {
      int foundOnce = 0;
      int found = 0;
      for (long seed = 1; seed <= 5; seed++) {
        CmaEs once = Optimizers.cmaEs();
        foundOnce += search(once, space, rastrigin, seed, 100_000, 1e-8).best <= 1e-8 ? 1 : 0;
        CmaEs again = once.restarts(restarts);
        found += search(again, space, rastrigin, seed, 100_000, 1e-8).best <= 1e-8 ? 1 : 0;
      }
      assertThat(foundOnce).as("without restarts").isLessThan(3);
      assertThat(found).as("%s", restarts).isEqualTo(5);
    }
  }

  @Test
  void aSearchWithRestartsEndsAndContinuesFromASnapshot() {
    CmaEs factory =
        Optimizers.cmaEs().restarts(CmaEs.Restarts.BIPOP).maxRestarts(3).tolFun(1e-3).tolX(1e-3);
    SearchSpace space = box(3, -5, 5);
    Optimizer straight = factory.create(space, directions(), 9);
    Optimizer resumed = factory.create(space, directions(), 9);
    int trials = 0;
    while (!straight.isDone()) {
      List<Proposal> proposals = straight.ask(50);
      assertThat(resumed.ask(50)).isEqualTo(proposals);
      List<Evaluation> evaluations =
          proposals.stream()
              .map(p -> new Evaluation(p.id(), Outcome.Scored.of(sphere(p.genome().values()))))
              .toList();
      trials += evaluations.size();
      straight.tell(evaluations);
      resumed.tell(evaluations);
      resumed = factory.restore(space, directions(), resumed.snapshot());
    }
    assertThat(resumed.isDone()).isTrue();
    assertThat(resumed.snapshot()).isEqualTo(straight.snapshot());
    assertThat(trials).isGreaterThan(400);
  }

  @Test
  void equalScoresRankById() {
    SearchSpace space = box(4, 0, 1);
    Optimizer equal = Optimizers.cmaEs().populationSize(6).create(space, directions(), 10);
    Optimizer ascending = Optimizers.cmaEs().populationSize(6).create(space, directions(), 10);
    equal.tell(
        equal.ask(6).stream()
            .map(p -> new Evaluation(p.id(), Outcome.Scored.of(p.id() % 2 == 0 ? 0.0 : -0.0)))
            .toList());
    ascending.tell(
        ascending.ask(6).stream()
            .map(p -> new Evaluation(p.id(), Outcome.Scored.of(p.id())))
            .toList());
    assertThat(equal.ask(6)).isEqualTo(ascending.ask(6));
  }

  @Test
  void oneGeneIsEnough() {
    Run run = search(Optimizers.cmaEs(), box(1, -5, 5), CmaEsTest::sphere, 11, 2000, 1e-8);
    assertThat(run.best).isLessThanOrEqualTo(1e-8);
  }

  @Test
  void theSmallestPopulationsWork() {
    for (int lambda : new int[] {2, 3, 4, 5}) {
      Run run =
          search(
              Optimizers.cmaEs().populationSize(lambda),
              box(3, -5, 5),
              CmaEsTest::sphere,
              12,
              20_000,
              1e-6);
      assertThat(run.best).as("population %s", lambda).isLessThanOrEqualTo(1e-6);
    }
  }

  @Test
  void badSettingsAreRefused() {
    CmaEs cmaEs = Optimizers.cmaEs();
    assertThatIllegalArgumentException().isThrownBy(() -> cmaEs.populationSize(1));
    assertThatIllegalArgumentException().isThrownBy(() -> cmaEs.sigma(0));
    assertThatIllegalArgumentException().isThrownBy(() -> cmaEs.sigma(Double.NaN));
    assertThatIllegalArgumentException().isThrownBy(() -> cmaEs.tolX(-1));
    assertThatIllegalArgumentException().isThrownBy(() -> cmaEs.tolFun(Double.NaN));
    assertThatIllegalArgumentException().isThrownBy(() -> cmaEs.maxRestarts(17));
    assertThatIllegalArgumentException().isThrownBy(() -> cmaEs.maxCondition(1));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> cmaEs.create(space(), List.of(Direction.MINIMIZE, Direction.MINIMIZE), 1))
        .withMessageContaining("one objective");
  }

  @Test
  void aSnapshotOfOtherSettingsIsRefused() {
    String snapshot = Optimizers.cmaEs().create(space(), directions(), 1).snapshot();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Optimizers.cmaEs().sigma(0.5).restore(space(), directions(), snapshot))
        .withMessageContaining("settings");
  }
}
