package io.evomerge.recipe;

import com.google.common.hash.Hashing;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.TensorRole;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.ParameterValues;
import io.evomerge.genome.Semantics;
import io.evomerge.internal.text.DidYouMean;
import io.evomerge.tensor.DType;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * What a merged model is, completely and only that: with its sources it fixes every byte.
 *
 * <p>Immutable. The text forms ({@link RecipeFiles}) round-trip.
 *
 * @param operator name of the merge operator, e.g. {@code dare_ties}
 * @param semantics whose definition of the operator
 * @param base the common base of the sources, where the operator uses one; where it does not, only
 *     mergekit's semantics allow one, which then lends configuration and tokenizer
 * @param sources the models to merge, in order, names unique
 * @param parameters values for every tensor, by parameter name
 * @param groups values for groups of tensors; where several match, the last one that gives the
 *     parameter wins
 * @param seed of the operator's random masks
 * @param dtype element type of the written model; empty keeps each tensor's own
 * @param tokenizer name of the source (or base) whose configuration and tokenizer the model takes;
 *     empty for the base if there is one, else the first source
 * @param slices the layers of the model, in order; empty if each layer comes from the layer of the
 *     same number in all models. Embeddings come from the models of the first slice, final norm and
 *     head from those of the last one
 * @param vocabulary how models with different vocabularies come to a common one; empty if they must
 *     have the same
 * @param chatTemplate the chat template that the tokenizer gets, as Jinja text; empty keeps its own
 * @param statistics activation statistics of sources, by their names, for operators that need them
 * @param dataFlow the path through the layers of the merged model and of others; empty if the
 *     layers follow each other as they are
 */
public record MergeRecipe(
    String operator,
    Semantics semantics,
    Optional<CheckpointRef> base,
    List<CheckpointRef> sources,
    Map<String, ParameterValue> parameters,
    List<Group> groups,
    long seed,
    Optional<DType> dtype,
    Optional<String> tokenizer,
    List<LayerSlice> slices,
    Optional<VocabularyChoice> vocabulary,
    Optional<String> chatTemplate,
    Map<String, CheckpointRef> statistics,
    Optional<DataFlow> dataFlow) {

  /**
   * Copies and validates.
   *
   * @throws RecipeException listing every mistake: no operator, names that are not unique (only a
   *     base that is also a source may repeat), a tokenizer that is none of the models, lists that
   *     are not one number per source, slices, token embeddings or statistics that name no model of
   *     the recipe, ranges of different lengths, a path without hops or through unknown models
   */
  public MergeRecipe {
    sources = List.copyOf(sources);
    parameters = Collections.unmodifiableMap(new TreeMap<>(parameters));
    groups = List.copyOf(groups);
    slices = List.copyOf(slices);
    statistics = Collections.unmodifiableMap(new TreeMap<>(statistics));
    List<String> problems = new ArrayList<>();
    if (operator.isBlank()) {
      problems.add("there is no operator");
    }
    checkNames(base, sources, tokenizer, problems);
    checkLengths("parameters", parameters, sources.size(), problems);
    for (Group group : groups) {
      checkLengths("group " + group.select(), group.parameters(), sources.size(), problems);
    }
    if (dtype.isPresent() && !dtype.get().isFloating()) {
      problems.add("dtype " + dtype.get() + " is not floating-point");
    }
    Set<String> names = new LinkedHashSet<>();
    base.ifPresent(ref -> names.add(ref.name()));
    sources.forEach(ref -> names.add(ref.name()));
    RecipeChecks.slices(slices, names, problems);
    vocabulary.ifPresent(choice -> RecipeChecks.vocabulary(choice, names, problems));
    statistics
        .keySet()
        .forEach(name -> RecipeChecks.known("statistics of '" + name + "'", name, names, problems));
    dataFlow.ifPresent(flow -> RecipeChecks.dataFlow(flow, problems));
    if (!problems.isEmpty()) {
      throw new RecipeException("recipe: " + String.join("; ", problems));
    }
  }

  private static void checkNames(
      Optional<CheckpointRef> base,
      List<CheckpointRef> sources,
      Optional<String> tokenizer,
      List<String> problems) {
    Set<String> names = new LinkedHashSet<>();
    for (CheckpointRef ref : sources) {
      boolean differsFromBase =
          base.filter(b -> b.name().equals(ref.name()) && !b.equals(ref)).isPresent();
      if (!names.add(ref.name()) || differsFromBase) {
        problems.add("two models are called '" + ref.name() + "'; give them names of their own");
      }
    }
    base.ifPresent(ref -> names.add(ref.name()));
    tokenizer
        .filter(name -> !names.contains(name))
        .ifPresent(
            name ->
                problems.add(
                    "tokenizer '"
                        + name
                        + "' is none of the models"
                        + DidYouMean.hint(name, names)));
  }

  private static void checkLengths(
      String where, Map<String, ParameterValue> values, int sources, List<String> problems) {
    values.forEach(
        (name, value) -> {
          if (value.perSource() && value.numbers().size() != sources) {
            problems.add(
                where
                    + ": '"
                    + name
                    + "' has "
                    + value.numbers().size()
                    + " numbers for "
                    + sources
                    + " sources");
          }
        });
  }

  /**
   * Starts a recipe: paper semantics, seed 0, no base, and nothing else set.
   *
   * @param operator name of the merge operator
   */
  public static Builder builder(String operator) {
    return new Builder(operator);
  }

  /** Returns a builder that holds everything of this recipe. */
  public Builder toBuilder() {
    Builder builder = new Builder(operator);
    builder.semantics = semantics;
    builder.base = base;
    builder.sources.addAll(sources);
    builder.parameters.putAll(parameters);
    builder.groups.addAll(groups);
    builder.seed = seed;
    builder.dtype = dtype;
    builder.tokenizer = tokenizer;
    builder.slices.addAll(slices);
    builder.vocabulary = vocabulary;
    builder.chatTemplate = chatTemplate;
    builder.statistics.putAll(statistics);
    builder.dataFlow = dataFlow;
    return builder;
  }

  /** Returns the model whose configuration and tokenizer the result takes. */
  public CheckpointRef tokenizerSource() {
    List<CheckpointRef> models = new ArrayList<>();
    base.ifPresent(models::add);
    models.addAll(sources);
    if (models.isEmpty()) {
      throw new RecipeException("recipe: there are no sources");
    }
    return models.stream()
        .filter(ref -> tokenizer.map(ref.name()::equals).orElse(true))
        .findFirst()
        .orElseThrow();
  }

  /**
   * Returns the parameters of one tensor: the last matching group that gives a parameter, else the
   * recipe's own, else the operator's default; a parameter per source always has one number for
   * each.
   *
   * @param name of the tensor in the merged model
   * @param role what the tensor is
   * @param specs the operator's parameters
   * @throws RecipeException listing every mistake: parameters that the operator does not have or
   *     that are missing, numbers that it does not accept, lists where it wants one number
   */
  public ParameterValues parametersFor(String name, TensorRole role, List<ParameterSpec> specs) {
    return RecipeParameters.resolve(this, name, role, specs);
  }

  /**
   * Returns the recipe as JSON without blanks, keys in a fixed order, in which equal models have
   * equal texts on every machine: a location counts only where the digest of the weights is not
   * known.
   */
  public String canonicalJson() {
    return RecipeText.canonicalJson(this);
  }

  /**
   * Returns the SHA-256 of {@link #canonicalJson()} in UTF-8, lower-case hex: the key under which
   * equal models are found again.
   */
  public String digest() {
    return Hashing.sha256().hashString(canonicalJson(), StandardCharsets.UTF_8).toString();
  }

  /**
   * Parameter values for the tensors that a selector picks.
   *
   * @param select which tensors
   * @param parameters by parameter name
   */
  public record Group(TensorSelector select, Map<String, ParameterValue> parameters) {
    /** Copies. */
    public Group {
      parameters = Collections.unmodifiableMap(new TreeMap<>(parameters));
    }
  }

  /** Collects the parts of a recipe; not thread-safe. */
  public static final class Builder {
    private final String operator;
    private Semantics semantics = Semantics.PAPER;
    private Optional<CheckpointRef> base = Optional.empty();
    private final List<CheckpointRef> sources = new ArrayList<>();
    private final Map<String, ParameterValue> parameters = new TreeMap<>();
    private final List<Group> groups = new ArrayList<>();
    private long seed;
    private Optional<DType> dtype = Optional.empty();
    private Optional<String> tokenizer = Optional.empty();
    private final List<LayerSlice> slices = new ArrayList<>();
    private Optional<VocabularyChoice> vocabulary = Optional.empty();
    private Optional<String> chatTemplate = Optional.empty();
    private final Map<String, CheckpointRef> statistics = new TreeMap<>();
    private Optional<DataFlow> dataFlow = Optional.empty();

    private Builder(String operator) {
      this.operator = operator;
    }

    /**
     * Sets whose definition of the operator counts; default {@link Semantics#PAPER}.
     *
     * @param whose the definition
     */
    public Builder semantics(Semantics whose) {
      semantics = whose;
      return this;
    }

    /**
     * Sets the base model; default none.
     *
     * @param model the common base
     */
    public Builder base(CheckpointRef model) {
      base = Optional.of(model);
      return this;
    }

    /**
     * Adds a source.
     *
     * @param model the next model to merge
     */
    public Builder source(CheckpointRef model) {
      sources.add(model);
      return this;
    }

    /**
     * Replaces the sources.
     *
     * @param models in order
     */
    public Builder sources(List<CheckpointRef> models) {
      List<CheckpointRef> copy = List.copyOf(models);
      sources.clear();
      sources.addAll(copy);
      return this;
    }

    /**
     * Sets a parameter for every tensor and source.
     *
     * @param name of the parameter
     * @param value finite
     */
    public Builder parameter(String name, double value) {
      return parameter(name, ParameterValue.of(value));
    }

    /**
     * Sets a parameter for every tensor, one number per source.
     *
     * @param name of the parameter
     * @param values finite, in the order of the sources
     */
    public Builder perSource(String name, double... values) {
      List<Double> boxed = new ArrayList<>();
      for (double value : values) {
        boxed.add(value);
      }
      return parameter(name, ParameterValue.perSource(boxed));
    }

    /**
     * Sets a parameter for every tensor.
     *
     * @param name of the parameter
     * @param value one number, or one per source
     */
    public Builder parameter(String name, ParameterValue value) {
      parameters.put(name, value);
      return this;
    }

    /**
     * Replaces the parameters for every tensor.
     *
     * @param values by parameter name
     */
    public Builder parameters(Map<String, ParameterValue> values) {
      Map<String, ParameterValue> copy = Map.copyOf(values);
      parameters.clear();
      parameters.putAll(copy);
      return this;
    }

    /**
     * Adds values for a group of tensors, above those added before.
     *
     * @param select which tensors
     * @param values by parameter name
     */
    public Builder group(TensorSelector select, Map<String, ParameterValue> values) {
      groups.add(new Group(select, values));
      return this;
    }

    /**
     * Replaces the groups.
     *
     * @param all in order; the last one that gives a parameter wins
     */
    public Builder groups(List<Group> all) {
      List<Group> copy = List.copyOf(all);
      groups.clear();
      groups.addAll(copy);
      return this;
    }

    /**
     * Sets the seed of random masks; default 0.
     *
     * @param value any
     */
    public Builder seed(long value) {
      seed = value;
      return this;
    }

    /**
     * Sets the element type of the result; default each tensor's own.
     *
     * @param type floating-point
     */
    public Builder dtype(DType type) {
      dtype = Optional.of(type);
      return this;
    }

    /**
     * Sets whose configuration and tokenizer the result takes; default the base's, else the first
     * source's.
     *
     * @param name of the base or a source
     */
    public Builder tokenizer(String name) {
      tokenizer = Optional.of(name);
      return this;
    }

    /**
     * Replaces the slices; default none: each layer from the layer of the same number in all
     * models.
     *
     * @param all in the order of the result's layers
     */
    public Builder slices(List<LayerSlice> all) {
      List<LayerSlice> copy = List.copyOf(all);
      slices.clear();
      slices.addAll(copy);
      return this;
    }

    /**
     * Lets the models have different vocabularies; default all must have the same.
     *
     * @param choice how they come to a common one
     */
    public Builder vocabulary(VocabularyChoice choice) {
      vocabulary = Optional.of(choice);
      return this;
    }

    /**
     * Sets the chat template that the written tokenizer gets; default its own.
     *
     * @param jinja the template's text
     */
    public Builder chatTemplate(String jinja) {
      chatTemplate = Optional.of(jinja);
      return this;
    }

    /**
     * Adds the activation statistics of a source, for operators that need them.
     *
     * @param source name of the source
     * @param file the statistics
     */
    public Builder statistics(String source, CheckpointRef file) {
      statistics.put(source, file);
      return this;
    }

    /**
     * Lets a token take a path of its own through layers of the merged model and of others; default
     * none.
     *
     * @param path the hops
     */
    public Builder dataFlow(DataFlow path) {
      dataFlow = Optional.of(path);
      return this;
    }

    /**
     * Makes the recipe.
     *
     * @throws RecipeException listing every mistake
     */
    public MergeRecipe build() {
      return new MergeRecipe(
          operator,
          semantics,
          base,
          sources,
          parameters,
          groups,
          seed,
          dtype,
          tokenizer,
          slices,
          vocabulary,
          chatTemplate,
          statistics,
          dataFlow);
    }
  }
}
