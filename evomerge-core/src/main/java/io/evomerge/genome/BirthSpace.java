package io.evomerge.genome;

import java.util.ArrayList;
import java.util.List;

/**
 * The births of models from two earlier ones: the space of population algorithms; immutable.
 *
 * <p>Models are numbered as trials are: the sources have the first numbers, from 0 on, and each
 * later trial is the child of two models with lower numbers. A genome says how its model came to
 * be: {@code child} (its own number), {@code first} and {@code second} (the parents' numbers; a
 * source is its own parent), and what else the {@link Form} needs. So a point of this space means
 * something only together with the births before it.
 */
public final class BirthSpace implements SearchSpace {

  /** How a child is made of its parents. */
  public enum Form {
    /**
     * Spherical interpolation with a split point (M2N2): further genes {@code weight}, the share of
     * the second parent before the split, in [0, 1]; {@code split}, as a fraction of all weights of
     * the model, in [0, 1]; {@code noise}, the standard deviation of normal noise on every weight,
     * in [0, 1]; {@code seed} of that noise.
     */
    SPLIT_SLERP,
    /**
     * A weighted mean of task vectors with a mutation of singular values (CycleQD): further genes
     * {@code weight_first} and {@code weight_second}, in [0, 2]; {@code mutation}, the largest
     * factor on a singular value, in [0, 1]; {@code expert}, the number of the source whose task
     * vector gives the singular vectors; {@code seed} of the factors; {@code task}, the number of
     * the objective for whose archive the child was made.
     */
    TASK_VECTORS
  }

  private static final int MOST = Integer.MAX_VALUE;

  private final Form form;
  private final int sources;
  private final List<Gene> genes;

  private BirthSpace(Form form, int sources, List<Gene> genes) {
    this.form = form;
    this.sources = sources;
    this.genes = List.copyOf(genes);
  }

  /**
   * Creates the space of {@link Form#SPLIT_SLERP}.
   *
   * @param sources number of models to begin with, at least 2
   * @throws IllegalArgumentException if there are fewer
   */
  public static BirthSpace splitSlerp(int sources) {
    List<Gene> genes = parents(sources);
    genes.add(new Gene.Real("weight", 0, 1, 0));
    genes.add(new Gene.Real("split", 0, 1, 1));
    genes.add(new Gene.Real("noise", 0, 1, 0));
    genes.add(new Gene.Int("seed", 0, MOST, 0));
    return new BirthSpace(Form.SPLIT_SLERP, sources, genes);
  }

  /**
   * Creates the space of {@link Form#TASK_VECTORS}.
   *
   * @param sources number of models to begin with, at least 2
   * @param tasks number of objectives, at least 2
   * @throws IllegalArgumentException if there are fewer of either
   */
  public static BirthSpace taskVectors(int sources, int tasks) {
    if (tasks < 2) {
      throw new IllegalArgumentException("tasks: got " + tasks + ", wanted at least 2");
    }
    List<Gene> genes = parents(sources);
    genes.add(new Gene.Real("weight_first", 0, 2, 1));
    genes.add(new Gene.Real("weight_second", 0, 2, 1));
    genes.add(new Gene.Real("mutation", 0, 1, 0));
    genes.add(new Gene.Int("expert", 0, sources - 1, 0));
    genes.add(new Gene.Int("seed", 0, MOST, 0));
    genes.add(new Gene.Int("task", 0, tasks - 1, 0));
    return new BirthSpace(Form.TASK_VECTORS, sources, genes);
  }

  private static List<Gene> parents(int sources) {
    if (sources < 2) {
      throw new IllegalArgumentException(
          "sources: got " + sources + ", wanted at least 2: a population needs someone to mate");
    }
    List<Gene> genes = new ArrayList<>();
    genes.add(new Gene.Int("child", 0, MOST, 0));
    genes.add(new Gene.Int("first", 0, MOST, 0));
    genes.add(new Gene.Int("second", 0, MOST, 0));
    return genes;
  }

  /** Returns how children are made. */
  public Form form() {
    return form;
  }

  /** Returns the number of models to begin with. */
  public int sources() {
    return sources;
  }

  @Override
  public List<Gene> genes() {
    return genes;
  }

  /**
   * Returns the genome of a source.
   *
   * @param number of the source, from 0
   */
  public Genome source(int number) {
    double[] values = start().values();
    for (int i = 0; i < 3; i++) {
      values[i] = number;
    }
    return Genome.of(values);
  }

  /**
   * Checks that a genome is a birth of this space.
   *
   * @param genome to check
   * @throws IllegalArgumentException naming the first gene whose value is not one of its own, or a
   *     parent that does not come before its child
   */
  public void require(Genome genome) {
    GenomeCheck.require(genome, genes);
    double child = genome.value(0);
    boolean source = child < sources;
    for (int i = 1; i <= 2; i++) {
      double parent = genome.value(i);
      if (source ? parent != child : parent >= child) {
        throw new IllegalArgumentException(
            "model "
                + (long) child
                + " has the parent "
                + (long) parent
                + (source
                    ? ", but it is a source, which is its own parent"
                    : ", wanted one with a lower number"));
      }
    }
  }

  @Override
  public String toString() {
    return form + " of " + sources + " sources";
  }
}
