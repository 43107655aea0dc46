package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.Hypervolume;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** What every strategy for several objectives promises beside {@link OptimizerContract}. */
abstract class MultiObjectiveContract extends OptimizerContract {

  @Override
  protected OptionalDouble promisedCost() {
    return OptionalDouble.of(0.1);
  }

  @Override
  protected List<Direction> directions() {
    return List.of(Direction.MINIMIZE, Direction.MAXIMIZE);
  }

  /** Returns the strategy with a population. */
  protected abstract OptimizerFactory factory(int populationSize);

  private static SearchSpace unitCube(int genes) {
    List<Gene> all = new ArrayList<>();
    for (int i = 0; i < genes; i++) {
      all.add(new Gene.Real("x" + i, 0, 1, 0.5));
    }
    return SearchSpace.of(all);
  }

  private static List<Evaluation> evaluated(
      List<Proposal> proposals, Function<Genome, Outcome> function) {
    return proposals.stream().map(p -> new Evaluation(p.id(), function.apply(p.genome()))).toList();
  }

  private static Outcome.Scored costs(double violation, double... costs) {
    return new Outcome.Scored(Arrays.stream(costs).mapToObj(Fitness::of).toList(), violation);
  }

  /** All outcomes of a search, which is told in portions of eight. */
  private static List<Outcome.Scored> search(
      Optimizer optimizer, int trials, Function<Genome, Outcome> function) {
    List<Outcome.Scored> all = new ArrayList<>();
    while (all.size() < trials) {
      List<Evaluation> evaluations =
          evaluated(optimizer.ask(Math.min(8, trials - all.size())), function);
      evaluations.forEach(e -> all.add((Outcome.Scored) e.outcome()));
      optimizer.tell(evaluations);
    }
    return all;
  }

  private static List<double[]> scores(List<Outcome.Scored> outcomes) {
    return outcomes.stream()
        .map(o -> o.fitness().stream().mapToDouble(Fitness::score).toArray())
        .toList();
  }

  static double g(double[] x) {
    return 1 + 9 * Arrays.stream(x, 1, x.length).sum() / (x.length - 1);
  }

  static Outcome zdt1(Genome point) {
    double[] x = point.values();
    double g = g(x);
    return costs(0, x[0], g * (1 - Math.sqrt(x[0] / g)));
  }

  static Outcome zdt2(Genome point) {
    double[] x = point.values();
    double g = g(x);
    return costs(0, x[0], g * (1 - x[0] / g * (x[0] / g)));
  }

  static Outcome zdt3(Genome point) {
    double[] x = point.values();
    double g = g(x);
    double share = x[0] / g;
    return costs(0, x[0], g * (1 - Math.sqrt(share) - share * Math.sin(10 * Math.PI * x[0])));
  }

  static Outcome dtlz2(Genome point) {
    double[] x = point.values();
    double g = 1 + Arrays.stream(x, 2, x.length).map(v -> (v - 0.5) * (v - 0.5)).sum();
    double a = x[0] * Math.PI / 2;
    double b = x[1] * Math.PI / 2;
    return costs(0, g * Math.cos(a) * Math.cos(b), g * Math.cos(a) * Math.sin(b), g * Math.sin(a));
  }

  /**
   * The hypervolume of all trials as a share of that of the whole front, up to 1.1 on every
   * objective.
   */
  protected final double share(
      int genes,
      int objectives,
      int population,
      int trials,
      Function<Genome, Outcome> function,
      double whole) {
    List<Direction> down = Collections.nCopies(objectives, Direction.MINIMIZE);
    double[] corner = new double[objectives];
    Arrays.fill(corner, 1.1);
    Optimizer optimizer = factory(population).create(unitCube(genes), down, 1);
    double covered =
        Hypervolume.of(down, corner).covered(scores(search(optimizer, trials, function)));
    assertThat(covered).isLessThan(whole);
    return covered / whole;
  }

  @Test
  void theHypervolumeOfZdt1IsReachedToOnePercent() {
    assertThat(share(30, 2, 40, 15_000, MultiObjectiveContract::zdt1, 0.1 + 2.0 / 3 + 0.11))
        .isGreaterThan(0.99);
  }

  @Test
  void theHypervolumeOfZdt2IsReachedToOnePercent() {
    assertThat(share(30, 2, 40, 15_000, MultiObjectiveContract::zdt2, 0.1 + 1.0 / 3 + 0.11))
        .isGreaterThan(0.99);
  }

  @Test
  void theHypervolumeOfZdt3IsReachedToOnePercent() {
    assertThat(share(30, 2, 40, 15_000, MultiObjectiveContract::zdt3, 1.3317629))
        .isGreaterThan(0.99);
  }

  /** Three objectives need more points than these trials for the last percents. */
  @Test
  void theHypervolumeOfDtlz2IsNearlyReached() {
    assertThat(share(12, 3, 20, 3_000, MultiObjectiveContract::dtlz2, 1.331 - Math.PI / 6))
        .isGreaterThan(0.92);
  }

  @Test
  void theFirstPointIsTheStart() {
    assertThat(factory().create(space(), directions(), 5).ask(1).get(0).genome())
        .isEqualTo(space().start());
  }

  @Test
  void noObjectiveAtAllIsRefusedAndOneIsWelcome() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> factory().create(space(), List.of(), 1))
        .withMessageContaining("at least one objective");
    Optimizer one = factory(10).create(unitCube(5), List.of(Direction.MINIMIZE), 1);
    List<Outcome.Scored> all =
        search(one, 1500, x -> costs(0, Arrays.stream(x.values()).map(v -> v * v).sum()));
    assertThat(scores(all).stream().mapToDouble(s -> s[0]).min().orElseThrow()).isLessThan(0.01);
  }

  @Test
  void anotherNumberOfScoresIsRefused() {
    Optimizer optimizer = factory().create(space(), directions(), 1);
    long id = optimizer.ask(1).get(0).id();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> optimizer.tell(List.of(new Evaluation(id, Outcome.Scored.of(1)))))
        .withMessageContaining("1 scores")
        .withMessageContaining("2 objectives");
  }

  @Test
  void aPopulationBelowFourIsRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> factory(3)).withMessageContaining("3");
  }

  /** x0 + x1 >= 1 cuts the front of two parabolas where both are best. */
  private static Outcome constrained(Genome point) {
    double x = point.value(0);
    double y = point.value(1);
    double violation = Math.max(0, 1 - x - y);
    return costs(violation, x * x + y * y, (x - 1) * (x - 1) + y * y);
  }

  @Test
  void constraintsAreMetAndTheFrontIsFoundOnTheirEdge() {
    Optimizer optimizer = factory(20).create(unitCube(2), Collections.nCopies(2, MIN), 3);
    List<Outcome.Scored> all = search(optimizer, 1200, MultiObjectiveContract::constrained);
    List<Outcome.Scored> late = all.subList(1000, 1200);
    assertThat(late.stream().filter(Outcome.Scored::isFeasible).count()).isGreaterThan(80);
    List<Outcome.Scored> feasible = all.stream().filter(Outcome.Scored::isFeasible).toList();
    double lowest = scores(feasible).stream().mapToDouble(s -> s[0]).min().orElseThrow();
    assertThat(lowest).isBetween(0.5, 0.51);
  }

  @Test
  void whereEveryPointViolatesTheViolationIsDriven() {
    Optimizer optimizer = factory(10).create(unitCube(4), Collections.nCopies(2, MIN), 4);
    List<Outcome.Scored> all =
        search(
            optimizer,
            600,
            x -> costs(1 + Arrays.stream(x.values()).sum(), x.value(0), 1 - x.value(1)));
    double late =
        all.subList(500, 600).stream()
            .mapToDouble(Outcome.Scored::violation)
            .average()
            .orElseThrow();
    assertThat(late).isLessThan(1.7);
  }

  @Test
  void aViolationThatIsNoNumberFromZeroCountsAsAFailure() {
    for (double violation : new double[] {-1, Double.NaN, Double.POSITIVE_INFINITY}) {
      Optimizer failed = factory().create(space(), directions(), 6);
      Optimizer bad = factory().create(space(), directions(), 6);
      failed.tell(evaluated(failed.ask(4), x -> new Outcome.Failed("no")));
      bad.tell(evaluated(bad.ask(4), x -> costs(violation, 1, 2)));
      assertThat(bad.snapshot()).isEqualTo(failed.snapshot());
    }
  }

  @Test
  void unitsOfObjectivesDoNotMatter() {
    Optimizer plain = factory(12).create(unitCube(6), Collections.nCopies(2, MIN), 7);
    Optimizer scaled = factory(12).create(unitCube(6), Collections.nCopies(2, MIN), 7);
    for (int round = 0; round < 40; round++) {
      List<Proposal> proposals = plain.ask(6);
      assertThat(scaled.ask(6)).isEqualTo(proposals);
      plain.tell(evaluated(proposals, MultiObjectiveContract::zdt1));
      scaled.tell(
          evaluated(
              proposals,
              x -> {
                double[] s = scores(List.of((Outcome.Scored) zdt1(x))).get(0);
                return costs(0, 1024 * s[0], s[1] / 1024);
              }));
    }
  }

  private static final Direction MIN = Direction.MINIMIZE;
}
