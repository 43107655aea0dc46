package io.evomerge.optimizer;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.fitness.Direction;
import io.evomerge.genome.Genome;
import io.evomerge.genome.SearchSpace;
import io.evomerge.internal.RandomStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * NSGA-II, the usual strategy for several objectives; immutable and thread-safe.
 *
 * <p><b>Algorithm.</b> Deb, Pratap, Agarwal, Meyarivan, "A fast and elitist multiobjective genetic
 * algorithm: NSGA-II", 2002, doi 10.1109/4235.996017: parents and children compete by rank of
 * constrained domination, then by crowding distance; parents are drawn by binary tournaments.
 * Simulated binary crossover with probability 0.9 and index 15, polynomial mutation with
 * probability 1/n per gene and index 20, both within the box.
 *
 * <p><b>Start.</b> The first point is the start of the space; of the others of the first
 * generation, every second one is normal around it with the genes' own steps (choices uniform), the
 * rest uniform in the box.
 *
 * <p><b>Whole numbers and choices.</b> Whole numbers are varied as reals and rounded, and a
 * mutation always changes them. Choices have no order: crossover exchanges them, mutation draws
 * another option.
 *
 * <p><b>Outcomes.</b> Points that violate no constraint come first, then the others by their
 * violation, then failed, infeasible and not finite ones, which survive only while there are not
 * enough others.
 *
 * <p>{@link Optimizer#ask} hands out the generation, in as many portions as wanted, then nothing
 * until all of it is told: workers that are faster wait. Never done; recommends nothing: the front
 * is among the trials. One objective works, too. Costs O(objectives N<sup>2</sup>) per generation
 * of N.
 *
 * @since 0.1
 */
public final class Nsga2 implements OptimizerFactory {

  static final Nsga2 DEFAULT = new Nsga2(40);

  private static final double CROSSOVER_PROBABILITY = 0.9;
  private static final double CROSSOVER_INDEX = 15;
  private static final double MUTATION_INDEX = 20;

  private final int populationSize;

  private Nsga2(int populationSize) {
    this.populationSize = populationSize;
  }

  /**
   * Sets how many points a generation has.
   *
   * @param populationSize at least 4; default 40
   * @throws IllegalArgumentException if it is below 4
   */
  public Nsga2 populationSize(int populationSize) {
    PopulationSearch.requirePopulation(populationSize, 4);
    return new Nsga2(populationSize);
  }

  /** Returns how many points a generation has. */
  public int populationSize() {
    return populationSize;
  }

  @Override
  public String name() {
    return "nsga2";
  }

  @Override
  public Map<String, String> settings() {
    return Map.of("populationSize", Integer.toString(populationSize));
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
    return name() + settings();
  }

  private static final class Search extends PopulationSearch {

    private final int size;
    private final Variation variation;
    private final List<Member> children = new ArrayList<>();
    private List<Genome> points;
    private long generation;

    Search(Nsga2 settings, SearchSpace space, List<Direction> directions, long seed) {
      super(settings, space, directions, seed);
      size = settings.populationSize;
      variation = new Variation(space, CROSSOVER_PROBABILITY, CROSSOVER_INDEX, MUTATION_INDEX);
      points = firstPoints();
    }

    @Override
    long basis(long id) {
      return id / size * size;
    }

    @Override
    Genome point(long id) {
      return points.get((int) (id - generation * size));
    }

    @Override
    void absorb(Member member) {
      children.add(member);
      if (children.size() == size) {
        List<Member> both = new ArrayList<>(population());
        both.addAll(children);
        children.clear();
        population().clear();
        population().addAll(survivors(both));
        generation++;
        points = nextPoints();
      }
    }

    private List<Genome> firstPoints() {
      List<Genome> first = new ArrayList<>(List.of(space().start()));
      while (first.size() < size) {
        first.add(
            variation.first(first.size(), RandomStream.of(seed(), "nsga2-start", first.size())));
      }
      return List.copyOf(first);
    }

    private List<Member> survivors(List<Member> both) {
      List<Member> chosen = new ArrayList<>();
      for (List<Member> front : Fronts.of(both)) {
        int room = size - chosen.size();
        if (front.size() <= room) {
          chosen.addAll(front);
        } else {
          double[] crowding = Fronts.crowding(front);
          Integer[] order = new Integer[crowding.length];
          Arrays.setAll(order, i -> i);
          Arrays.sort(order, (a, b) -> Double.compare(crowding[b], crowding[a]));
          for (int i = 0; i < room; i++) {
            chosen.add(front.get(order[i]));
          }
        }
        if (chosen.size() == size) {
          break;
        }
      }
      return chosen;
    }

    private List<Genome> nextPoints() {
      Map<Member, Integer> rank = new HashMap<>();
      Map<Member, Double> crowding = new HashMap<>();
      List<List<Member>> fronts = Fronts.of(population());
      for (int i = 0; i < fronts.size(); i++) {
        double[] distance = Fronts.crowding(fronts.get(i));
        for (int j = 0; j < distance.length; j++) {
          rank.put(fronts.get(i).get(j), i);
          crowding.put(fronts.get(i).get(j), distance[j]);
        }
      }
      List<Genome> next = new ArrayList<>();
      while (next.size() < size) {
        RandomStream random = RandomStream.of(seed(), "nsga2", generation, next.size());
        Member first = winner(rank, crowding, random);
        Member second = winner(rank, crowding, random);
        for (double[] child : variation.cross(first.genome(), second.genome(), random)) {
          if (next.size() < size) {
            next.add(variation.mutate(child, random));
          }
        }
      }
      return List.copyOf(next);
    }

    /** A binary tournament; equals are decided by the draw. */
    private Member winner(
        Map<Member, Integer> rank, Map<Member, Double> crowding, RandomStream random) {
      Member one = population().get(random.nextInt(size));
      Member other = population().get(random.nextInt(size));
      int byRank = Integer.compare(rank.get(one), rank.get(other));
      if (byRank != 0) {
        return byRank < 0 ? one : other;
      }
      return crowding.get(other) > crowding.get(one) ? other : one;
    }

    @Override
    void save(ObjectNode to) {
      to.put("generation", generation);
      putMembers(to, "children", children);
    }

    @Override
    void load(Snapshot.Reader from) {
      generation = from.integer64("generation");
      children.addAll(members(from, "children"));
      if (generation > 0 && population().size() != size) {
        throw new IllegalArgumentException(
            "snapshot: a population of " + population().size() + ", wanted " + size);
      }
      points = generation == 0 ? firstPoints() : nextPoints();
    }
  }
}
