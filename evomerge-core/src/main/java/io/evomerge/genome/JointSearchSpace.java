package io.evomerge.genome;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The genes of weights and, after them, those of a path through layers; immutable. */
public final class JointSearchSpace implements SearchSpace {

  private final ParameterSearchSpace weights;
  private final DataFlowSearchSpace path;
  private final List<Gene> genes;

  JointSearchSpace(ParameterSearchSpace weights, DataFlowSearchSpace path) {
    this.weights = weights;
    this.path = path;
    List<Gene> all = new ArrayList<>(weights.genes());
    all.addAll(path.genes());
    this.genes = List.copyOf(all);
  }

  @Override
  public List<Gene> genes() {
    return genes;
  }

  /** Returns the space of the weights. */
  public ParameterSearchSpace weights() {
    return weights;
  }

  /** Returns the space of the path. */
  public DataFlowSearchSpace path() {
    return path;
  }

  /**
   * Returns the part of a genome that {@link #weights} decodes.
   *
   * @param genome of this space
   * @throws IllegalArgumentException if it has another length
   */
  public Genome weightsOf(Genome genome) {
    return part(genome, 0, weights.dimension());
  }

  /**
   * Returns the part of a genome that {@link #path} decodes.
   *
   * @param genome of this space
   * @throws IllegalArgumentException if it has another length
   */
  public Genome pathOf(Genome genome) {
    return part(genome, weights.dimension(), genes.size());
  }

  private Genome part(Genome genome, int from, int to) {
    GenomeCheck.requireLength(genome, genes.size());
    return Genome.of(Arrays.copyOfRange(genome.values(), from, to));
  }
}
