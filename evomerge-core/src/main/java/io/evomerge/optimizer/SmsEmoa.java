package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Hypervolume;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import io.evomerge.internal.RandomStream;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.apache.commons.math3.util.MathArrays;

/**
 * SMS-EMOA, which selects by hypervolume: for several objectives on a small budget and with many
 * workers; immutable and thread-safe.
 *
 * <p><b>Algorithm.</b> Beume, Naujoks, Emmerich, "SMS-EMOA: Multiobjective selection based on
 * dominated hypervolume", 2007, doi 10.1016/j.ejor.2006.08.008. Steady state: each outcome joins
 * the population, which then loses one member: of its worst front the one whom most others
 * dominate, or, where all are on one front, the one that contributes least to the hypervolume.
 * Costs are taken as shares of the population's range for that, so that units do not matter; the
 * ends of a front of two objectives always stay.
 *
 * <p><b>Children</b> are made in three ways. Four of ten are normal around the mean of a parent and
 * the two whose scores are nearest to its own, cut off at the box. Three of ten are a parent moved
 * by the difference between two, and three come from two parents by simulated binary crossover with
 * probability 0.9 and index 15; these six are then mutated, polynomially, with probability 1/n per
 * gene and index 20. Parents are of the first front, if that has more than one; else each is the
 * better of two drawn at random, where one dominates the other. The publication draws one of all,
 * and only crosses; that was slower on small budgets.
 *
 * <p><b>Normal steps</b> begin with the genes' own, and one factor scales them all, from 0.005 to
 * 3: it follows the success rule of Igel, Hansen, Roth 2007, doi 10.1162/evco.2007.15.1.1, without
 * smoothing, with target 0.15 and damping 8. A success is a child that dominates a member and is
 * dominated by none; failed trials count neither way. No covariance is learned: on the budgets that
 * models allow it did not help.
 *
 * <p><b>Start.</b> The first point is the start of the space; of the others of the first
 * population, every second one is normal around it with the genes' own steps (choices uniform), the
 * rest uniform in the box.
 *
 * <p><b>Whole numbers, choices and outcomes</b> as {@link Nsga2}; normal steps round whole numbers,
 * take choices from one of the three, and mutate both with probability 1/n per gene.
 *
 * <p>{@link Optimizer#ask} hands out points while fewer than {@link #mostOpen} trials follow the
 * oldest one that is open: there is no generation to wait for. Never done; recommends nothing: the
 * front is among the trials. Two objectives cost O(N log N) per trial for a population of N beside
 * the O(N<sup>2</sup>) of ranking, three O(N<sup>2</sup> log N), more grow exponentially with their
 * number.
 *
 * @since 0.1
 */
public final class SmsEmoa implements OptimizerFactory {

  static final SmsEmoa DEFAULT = new SmsEmoa(20, 16);

  private static final double CROSSOVER_PROBABILITY = 0.9;
  private static final double CROSSOVER_INDEX = 15;
  private static final double MUTATION_INDEX = 20;

  /** Share of the children that come by normal steps, and of those that come by differences. */
  private static final double STEPS = 0.4;

  private static final double DIFFERENCES = 0.3;

  /** Members whose mean is taken. */
  private static final int AVERAGED = 3;

  /** Share of successes at which normal steps keep their length. */
  private static final double SUCCESSES = 0.15;

  private static final double DAMPING = 8;

  /** Of the length of normal steps, in the genes' own. */
  private static final double LEAST_SCALE = 0.005;

  private static final double MOST_SCALE = 3;

  /** Of the reference point, in shares of the population's range. */
  private static final double MARGIN = 0.2;

  private final int populationSize;
  private final int mostOpen;

  private SmsEmoa(int populationSize, int mostOpen) {
    this.populationSize = populationSize;
    this.mostOpen = mostOpen;
  }

  /**
   * Sets how many points the population has.
   *
   * @param populationSize at least 4; default 20
   * @throws IllegalArgumentException if it is below 4
   */
  public SmsEmoa populationSize(int populationSize) {
    PopulationSearch.requirePopulation(populationSize, 4);
    return new SmsEmoa(populationSize, mostOpen);
  }

  /** Returns how many points the population has. */
  public int populationSize() {
    return populationSize;
  }

  /**
   * Sets how many trials may be open at once: a child is made from the outcomes of all trials but
   * the so many before it, whether more are told or not, so that the number of workers and their
   * pace cannot change the search. Fewer make better use of each outcome, more keep more workers
   * busy; twice the number of workers is a good choice where evaluations take different times.
   *
   * @param mostOpen at least 1; default 16
   * @throws IllegalArgumentException if it is below 1
   */
  public SmsEmoa mostOpen(int mostOpen) {
    if (mostOpen < 1) {
      throw new IllegalArgumentException("mostOpen " + mostOpen + " must be at least 1");
    }
    return new SmsEmoa(populationSize, mostOpen);
  }

  /** Returns how many trials may be open at once. */
  public int mostOpen() {
    return mostOpen;
  }

  @Override
  public String name() {
    return "sms-emoa";
  }

  @Override
  public Map<String, String> settings() {
    return Map.of(
        "populationSize", Integer.toString(populationSize),
        "mostOpen", Integer.toString(mostOpen));
  }

  @Override
  public Optimizer create(SearchSpace space, List<Direction> directions, long seed) {
    return new Search(this, space, directions, seed);
  }

  @Override
  public Optimizer restore(SearchSpace space, List<Direction> directions, String snapshot) {
    Snapshot.Reader from = PopulationSearch.open(this, space, directions, snapshot);
    return new Search(this, space, directions, from.integer64("seed")).restored(from);
  }

  @Override
  public String toString() {
    return name() + new TreeMap<>(settings());
  }

  private static final class Search extends PopulationSearch {

    private final int size;
    private final int mostOpen;
    private final Variation variation;

    /** Length of the normal steps, in the genes' own. */
    private double scale = 1;

    Search(SmsEmoa settings, SearchSpace space, List<Direction> directions, long seed) {
      super(settings, space, directions, seed);
      size = settings.populationSize;
      mostOpen = settings.mostOpen;
      variation = new Variation(space, CROSSOVER_PROBABILITY, CROSSOVER_INDEX, MUTATION_INDEX);
    }

    @Override
    long basis(long id) {
      return Math.max(0, id + 1 - mostOpen);
    }

    @Override
    Genome point(long id) {
      if (id == 0) {
        return space().start();
      }
      List<Member> parents = population().stream().filter(Member::isScored).toList();
      if (id < size || parents.size() < 2) {
        return variation.first(id, RandomStream.of(seed(), "sms-emoa-start", id));
      }
      List<Member> front = Fronts.of(parents).get(0);
      parents = front.size() < 2 ? parents : front;
      RandomStream random = RandomStream.of(seed(), "sms-emoa", id);
      double way = random.nextDouble();
      Member first = winner(parents, random);
      if (way < STEPS) {
        return variation.around(alike(parents, first), scale, random);
      }
      if (way < STEPS + DIFFERENCES) {
        Genome plus = parents.get(random.nextInt(parents.size())).genome();
        Genome minus = parents.get(random.nextInt(parents.size())).genome();
        return variation.mutate(variation.differ(first.genome(), plus, minus, random), random);
      }
      Member second = winner(parents, random);
      double[][] children = variation.cross(first.genome(), second.genome(), random);
      return variation.mutate(children[0], random);
    }

    /** Returns whether a trial's point comes by a normal step; known from its id. */
    private boolean isStep(long id) {
      return id >= size && RandomStream.of(seed(), "sms-emoa", id).nextDouble() < STEPS;
    }

    /** A member and those whose scores are nearest to its own, in shares of all members' range. */
    private static List<Genome> alike(List<Member> members, Member member) {
      double[][] points = Selection.shares(members);
      double[] own = points[members.indexOf(member)];
      double[] distances =
          Arrays.stream(points).mapToDouble(point -> MathArrays.distance(point, own)).toArray();
      return IntStream.range(0, points.length)
          .boxed()
          .sorted(Comparator.comparingDouble(i -> distances[i]))
          .limit(AVERAGED)
          .map(i -> members.get(i).genome())
          .toList();
    }

    /** The better of two drawn at random, if one dominates the other. */
    private static Member winner(List<Member> parents, RandomStream random) {
      Member one = parents.get(random.nextInt(parents.size()));
      Member other = parents.get(random.nextInt(parents.size()));
      return other.dominates(one) ? other : one;
    }

    @Override
    void absorb(Member member) {
      // Failures say nothing of the length: a broken evaluator would let the steps vanish.
      if (member.isScored() && isStep(member.id())) {
        boolean success =
            population().stream().anyMatch(one -> one.isScored() && member.dominates(one))
                && population().stream().noneMatch(one -> one.dominates(member));
        double change = ((success ? 1 : 0) - SUCCESSES) / (1 - SUCCESSES) / DAMPING;
        scale = Math.min(MOST_SCALE, Math.max(LEAST_SCALE, scale * StrictMath.exp(change)));
      }
      population().add(member);
      if (population().size() > size) {
        population().remove(Selection.least(population()));
      }
    }

    @Override
    void save(ObjectNode to) {
      to.put("scale", scale);
    }

    @Override
    void load(Snapshot.Reader from) {
      scale = from.number("scale");
      if (!(scale >= LEAST_SCALE && scale <= MOST_SCALE)) {
        throw new IllegalArgumentException(
            "snapshot: scale " + scale + " is no length of a step; the text was altered");
      }
    }
  }

  /** Who has to go. */
  static final class Selection {
    private Selection() {}

    /** Returns the member that is missed least; the youngest of equals. */
    static Member least(List<Member> population) {
      List<List<Member>> fronts = Fronts.of(population);
      List<Member> worst = fronts.get(fronts.size() - 1);
      double[] worth = new double[worst.size()];
      if (fronts.size() > 1) {
        Arrays.setAll(worth, i -> -above(population, worst.get(i)));
      } else if (worst.get(0).isScored() && worst.get(0).violation() == 0) {
        worth = contributions(worst);
      }
      int least = 0;
      for (int i = 1; i < worth.length; i++) {
        boolean younger = worst.get(i).id() > worst.get(least).id();
        if (worth[i] < worth[least] || (worth[i] == worth[least] && younger)) {
          least = i;
        }
      }
      return worst.get(least);
    }

    private static double above(List<Member> population, Member member) {
      return population.stream().filter(other -> other.dominates(member)).count();
    }

    /** Returns all costs as shares of the members' range. */
    static double[][] shares(List<Member> members) {
      int objectives = members.get(0).costs().length;
      double[][] shares = new double[members.size()][objectives];
      for (int k = 0; k < objectives; k++) {
        int objective = k;
        double low = members.stream().mapToDouble(m -> m.costs()[objective]).min().orElse(0);
        double high = members.stream().mapToDouble(m -> m.costs()[objective]).max().orElse(0);
        double range = high > low ? high - low : 1;
        for (int i = 0; i < shares.length; i++) {
          shares[i][k] = (members.get(i).costs()[k] - low) / range;
        }
      }
      return shares;
    }

    static double[] contributions(List<Member> front) {
      int objectives = front.get(0).costs().length;
      List<double[]> points = List.of(shares(front));
      double[] reference = new double[objectives];
      Arrays.fill(reference, 1 + MARGIN);
      double[] alone =
          Hypervolume.of(Collections.nCopies(objectives, Direction.MINIMIZE), reference)
              .contributions(points);
      if (objectives == 2) {
        // The first of equals, so that doubles of an end go.
        alone[lowest(points, 0)] = Double.POSITIVE_INFINITY;
        alone[lowest(points, 1)] = Double.POSITIVE_INFINITY;
      }
      return alone;
    }

    private static int lowest(List<double[]> points, int objective) {
      int lowest = 0;
      for (int i = 1; i < points.size(); i++) {
        lowest = points.get(i)[objective] < points.get(lowest)[objective] ? i : lowest;
      }
      return lowest;
    }
  }
}
