package io.evomerge.genome;

import io.evomerge.checkpoint.TensorSelector;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The genes of a {@link ParameterSpace} laid over one model, operator and list of sources, and what
 * each of them sets; immutable.
 *
 * <p>Genes are named {@code group.parameter[source]}, e.g. {@code layers.3.weight[math-en]}; {@code
 * lambda} or {@code density[math-en]} where the value holds for the whole model.
 */
public final class ParameterSearchSpace implements SearchSpace {

  private final ParameterSpace declaration;
  private final List<ParameterSpec> specs;
  private final List<String> sourceNames;
  private final List<Gene> genes;
  private final List<Target> targets;
  private final List<Assignment> assignments;
  private final boolean divideWeights;

  ParameterSearchSpace(
      ParameterSpace declaration,
      List<ParameterSpec> specs,
      List<String> sourceNames,
      List<Gene> genes,
      List<Target> targets,
      List<Assignment> assignments,
      boolean divideWeights) {
    this.declaration = declaration;
    this.specs = List.copyOf(specs);
    this.sourceNames = List.copyOf(sourceNames);
    this.genes = List.copyOf(genes);
    this.targets = List.copyOf(targets);
    this.assignments = List.copyOf(assignments);
    this.divideWeights = divideWeights;
  }

  /**
   * What a gene sets.
   *
   * @param select the tensors, by one or more selectors
   * @param parameter name as in recipes
   * @param source short name of the source, or empty if the parameter has one value for all
   */
  public record Target(List<TensorSelector> select, String parameter, Optional<String> source) {
    /** Copies. */
    public Target {
      select = List.copyOf(select);
    }
  }

  /**
   * Values for a group of tensors.
   *
   * @param select which tensors
   * @param values one number per parameter, or one per source where the operator wants that
   */
  public record GroupValues(TensorSelector select, ParameterValues values) {}

  /** A number that comes from a gene, or is fixed. */
  record Slot(OptionalInt gene, double constant) {
    double value(Genome genome) {
      return gene.isPresent() ? genome.value(gene.getAsInt()) : constant;
    }
  }

  /** Rank 0 for the searched groups; frozen groups follow, each with a rank of its own. */
  record Assignment(List<TensorSelector> select, String parameter, List<Slot> slots, int rank) {}

  private record GroupKey(TensorSelector select, int rank) {}

  @Override
  public List<Gene> genes() {
    return genes;
  }

  /** Returns what each gene sets, in the order of the genes. */
  public List<Target> targets() {
    return targets;
  }

  /** Returns the declaration that this space was made from. */
  public ParameterSpace declaration() {
    return declaration;
  }

  /** Returns the operator's parameters. */
  public List<ParameterSpec> specs() {
    return specs;
  }

  /** Returns the short names of the sources, in the recipe's order. */
  public List<String> sourceNames() {
    return sourceNames;
  }

  /**
   * Turns a genome into values; where several groups hold a tensor, the later one wins.
   *
   * @param genome one value per gene
   * @return in order: the whole model, the groups, the groups that are frozen
   * @throws IllegalArgumentException if the genome has another length, or a value outside its
   *     gene's range; the message names the gene
   */
  public List<GroupValues> decode(Genome genome) {
    GenomeCheck.require(genome, genes);
    Map<GroupKey, Map<String, double[]>> groups = new LinkedHashMap<>();
    for (Assignment assignment : assignments) {
      double[] numbers = assignment.slots().stream().mapToDouble(s -> s.value(genome)).toArray();
      if (divideWeights && assignment.parameter().equals(SpaceBinder.WEIGHT)) {
        divideBySum(numbers);
      }
      for (TensorSelector selector : assignment.select()) {
        groups
            .computeIfAbsent(new GroupKey(selector, assignment.rank()), s -> new LinkedHashMap<>())
            .put(assignment.parameter(), numbers);
      }
    }
    List<GroupValues> result = new ArrayList<>();
    groups.forEach(
        (key, values) -> result.add(new GroupValues(key.select(), ParameterValues.of(values))));
    return result;
  }

  private static void divideBySum(double[] weights) {
    double sum = 0;
    for (double weight : weights) {
      sum += weight;
    }
    for (int i = 0; i < weights.length; i++) {
      // No scale brings weights that cancel to a sum of 1; equal ones are the neutral answer.
      weights[i] = Math.abs(sum) < 1e-12 ? 1.0 / weights.length : weights[i] / sum;
    }
  }
}
