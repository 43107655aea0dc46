package io.evomerge.recipe;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.genome.BirthSpace;
import io.evomerge.genome.Genome;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;

/**
 * Turns births into recipes that name parents as models, and remembers them: children are decoded
 * after their parents. Safe for concurrent use.
 *
 * <p>Recipes have operators of their own, which {@code candidate.MemberAssembler} carries out:
 *
 * <ul>
 *   <li>{@value #SOURCE}: one model as it is
 *   <li>{@value #SPLIT_SLERP}: parameters {@code weight}, {@code split}, {@code noise}; the seed is
 *       that of the noise
 *   <li>{@value #TASK_VECTORS}: {@code weight} per model (normalised), {@code mutation} and {@code
 *       expert}, the index of the model whose task vector mutates; the seed is that of the mutation
 * </ul>
 */
public final class BirthDecoder implements RecipeDecoder {

  /** Operator of a recipe for one model as it is. */
  public static final String SOURCE = "passthrough";

  /** Operator of a recipe for a spherical interpolation with a split point. */
  public static final String SPLIT_SLERP = "split_slerp";

  /** Operator of a recipe for a mean of task vectors with a mutation. */
  public static final String TASK_VECTORS = "mutated_task_vectors";

  /** What the recipes of born models are called in those of their children. */
  public static final String NAME = "trial-";

  private final BirthSpace space;
  private final Optional<CheckpointRef> base;
  private final List<CheckpointRef> sources;
  private final Map<Integer, MergeRecipe> recipes = new HashMap<>();
  private final Map<Integer, String> digests = new HashMap<>();
  private final Map<String, MergeRecipe> byDigest = new HashMap<>();

  /**
   * Makes a decoder for one search.
   *
   * @param space of the births
   * @param base of the task vectors; needed for {@link BirthSpace.Form#TASK_VECTORS} with mutation
   * @param sources with digests, as many as the space has
   * @throws IllegalArgumentException if the numbers of sources differ
   */
  public BirthDecoder(BirthSpace space, Optional<CheckpointRef> base, List<CheckpointRef> sources) {
    if (sources.size() != space.sources()) {
      throw new IllegalArgumentException(
          "got " + sources.size() + " sources, the space has " + space.sources());
    }
    this.space = space;
    this.base = base;
    this.sources = List.copyOf(sources);
  }

  @Override
  public synchronized MergeRecipe decode(Genome genome) {
    space.require(genome);
    int child = (int) genome.value(0);
    MergeRecipe recipe = child < space.sources() ? copy(sources.get(child)) : born(genome);
    MergeRecipe known = recipes.putIfAbsent(child, recipe);
    if (known != null && !known.equals(recipe)) {
      throw new IllegalArgumentException(
          "model " + child + " was born before, in another way: one decoder is for one search");
    }
    if (known == null) {
      String digest = recipe.digest();
      digests.put(child, digest);
      if (child >= space.sources()) {
        byDigest.put(digest, recipe);
      }
    }
    return recipe;
  }

  private MergeRecipe born(Genome genome) {
    CheckpointRef first = parent((int) genome.value(1));
    CheckpointRef second = parent((int) genome.value(2));
    boolean one = first.sha256().equals(second.sha256());
    if (space.form() == BirthSpace.Form.SPLIT_SLERP) {
      double noise = genome.value(5);
      if (one && noise == 0) {
        return copy(first);
      }
      MergeRecipe.Builder recipe = MergeRecipe.builder(SPLIT_SLERP).source(first);
      if (!one) {
        recipe.source(second);
        recipe.parameter("weight", genome.value(3)).parameter("split", genome.value(4));
      }
      return recipe.parameter("noise", noise).seed((long) genome.value(6)).build();
    }
    List<CheckpointRef> models = new ArrayList<>(List.of(first));
    List<Double> weights = new ArrayList<>(List.of(genome.value(3)));
    if (one) {
      weights.set(0, genome.value(3) + genome.value(4));
    } else {
      models.add(second);
      weights.add(genome.value(4));
    }
    double mutation = genome.value(5);
    if (one && mutation == 0) {
      return copy(first);
    }
    if (mutation == 0) {
      return mean(models, weights);
    }
    CheckpointRef expert = sources.get((int) genome.value(6));
    int at = models.indexOf(expert);
    if (at < 0) {
      at = models.size();
      models.add(expert);
      weights.add(0.0);
    }
    MergeRecipe.Builder recipe = MergeRecipe.builder(TASK_VECTORS);
    base.ifPresent(recipe::base);
    return recipe
        .sources(models)
        .parameter("weight", ParameterValue.perSource(weights))
        .parameter("mutation", mutation)
        .parameter("expert", at)
        .seed((long) genome.value(7))
        .build();
  }

  private static MergeRecipe copy(CheckpointRef model) {
    return MergeRecipe.builder(SOURCE).source(model).build();
  }

  private static MergeRecipe mean(List<CheckpointRef> models, List<Double> weights) {
    return MergeRecipe.builder(TASK_VECTORS)
        .sources(models)
        .parameter("weight", ParameterValue.perSource(weights))
        .build();
  }

  private CheckpointRef parent(int number) {
    if (number < space.sources()) {
      return sources.get(number);
    }
    MergeRecipe recipe = recipes.get(number);
    if (recipe == null) {
      throw new IllegalArgumentException(
          "model " + number + " is a parent but was not decoded: decode parents before children");
    }
    // A copy is the model that it copies, under one name.
    return recipe.operator().equals(SOURCE)
        ? recipe.sources().get(0)
        : new CheckpointRef(NAME + number, NAME + number, digests.get(number));
  }

  /**
   * Returns the recipe of a mixture: the mean of members with weights.
   *
   * @param weights by number of the member; at least one
   * @throws IllegalArgumentException if a member was not decoded
   */
  public synchronized MergeRecipe mixture(SortedMap<Integer, Double> weights) {
    Map<String, CheckpointRef> models = new HashMap<>();
    Map<String, Double> shares = new LinkedHashMap<>();
    weights.forEach(
        (member, weight) -> {
          CheckpointRef model = parent(member);
          models.put(model.sha256(), model);
          shares.merge(model.sha256(), weight, Double::sum);
        });
    return mean(shares.keySet().stream().map(models::get).toList(), List.copyOf(shares.values()));
  }

  /**
   * Returns the births that lead to a model.
   *
   * @param recipe from this decoder
   */
  public synchronized Lineage lineage(MergeRecipe recipe) {
    return Lineage.of(recipe, digest -> Optional.ofNullable(byDigest.get(digest)));
  }

  /**
   * Returns the recipe of a birth.
   *
   * @param digest of the recipe
   */
  public synchronized Optional<MergeRecipe> birth(String digest) {
    return Optional.ofNullable(byDigest.get(digest));
  }

  /**
   * Returns the digest of the recipe of a model that was decoded.
   *
   * @param number of the model
   */
  public synchronized Optional<String> digest(int number) {
    return Optional.ofNullable(digests.get(number));
  }

  /**
   * Returns the recipe of a model that was decoded.
   *
   * @param number of the model
   */
  public synchronized Optional<MergeRecipe> recipe(int number) {
    return Optional.ofNullable(recipes.get(number));
  }
}
