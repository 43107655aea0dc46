package io.evomerge.genome;

import java.util.ArrayList;
import java.util.List;

/**
 * The genes of a {@link DataFlowSpace} laid over models, and the path that each genome means;
 * immutable and thread-safe.
 *
 * <p>Layers are numbered from 0, repetitions from 1. Genes are named {@code slot.r1.math-en.3}
 * (indicator of layer 3 of {@code math-en} in the first repetition), {@code position.5}, {@code
 * scale.r1.math-en.3} or {@code scale.5} (of a slot or position), {@code scale.math-en.3->ja.4} (of
 * a pair), {@code network.0.from}, {@code .to}, {@code .hop}, {@code .bias}, {@code .output} (of
 * hidden unit 0) and {@code network.output} (the output's bias).
 */
public final class DataFlowSearchSpace implements SearchSpace {

  private final List<LayeredModel> models;
  private final List<Gene> genes;
  private final HopScaling scaling;
  private final HopRoute route;
  private final HopScales scales;
  private final int[] modelOf;
  private final int[] layerOf;

  DataFlowSearchSpace(
      List<LayeredModel> models,
      List<Gene> genes,
      HopScaling scaling,
      HopRoute route,
      HopScales scales,
      int[] modelOf,
      int[] layerOf) {
    this.models = List.copyOf(models);
    this.genes = List.copyOf(genes);
    this.scaling = scaling;
    this.route = route;
    this.scales = scales;
    this.modelOf = modelOf;
    this.layerOf = layerOf;
  }

  /**
   * One hop.
   *
   * @param model its index in {@link #models}
   * @param layer of that model, from 0
   * @param scale what {@link #scaling} says is multiplied by it before the layer
   */
  public record Step(int model, int layer, double scale) {}

  @Override
  public List<Gene> genes() {
    return genes;
  }

  /** Returns what scales multiply. */
  public HopScaling scaling() {
    return scaling;
  }

  /** Returns the path's models, the one with embeddings and head first. */
  public List<LayeredModel> models() {
    return models;
  }

  /**
   * Turns a genome into a path: layers that exist and may be used, ends, limits and ranges of
   * scales as declared.
   *
   * <p>An indicator of exactly 0, of either sign, is off.
   *
   * @param genome one value per gene
   * @return the hops in the order in which a token passes them, at least one
   * @throws IllegalArgumentException if the genome has another length, or a value outside its
   *     gene's range; the message names the gene
   */
  public List<Step> decode(Genome genome) {
    GenomeCheck.require(genome, genes);
    int[] places = route.places(genome);
    List<Step> steps = new ArrayList<>(places.length);
    int from = -1;
    for (int hop = 0; hop < places.length; hop++) {
      int to = route.layer(genome, places[hop]);
      // Adding 0 turns -0 into 0: the same model, so the same recipe.
      double scale = scales.scale(genome, hop, from, to, places[hop]) + 0.0;
      steps.add(new Step(modelOf[to], layerOf[to], scale));
      from = to;
    }
    return List.copyOf(steps);
  }
}
