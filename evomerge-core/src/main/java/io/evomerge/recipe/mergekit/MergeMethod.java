package io.evomerge.recipe.mergekit;

import io.evomerge.genome.ParameterSpec.Kind;
import io.evomerge.genome.ParameterSpec.Scope;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What mergekit's merge methods take; their names are those of this library's operators.
 *
 * @param name as in configurations
 * @param base whether one of the models is the base
 * @param minSources fewest models beside the base
 * @param maxSources most models beside the base
 * @param parameters what may be set
 * @param random whether masks are drawn, which no configuration can fix
 * @param paperDiffers whether the paper's definition gives other results than mergekit's
 */
record MergeMethod(
    String name,
    Base base,
    int minSources,
    int maxSources,
    List<Parameter> parameters,
    boolean random,
    boolean paperDiffers) {

  /** Whether a method has a base. */
  enum Base {
    /** A base model is a source like the others. */
    NONE,
    /** With or without. */
    OPTIONAL,
    /** There must be one. */
    REQUIRED
  }

  /**
   * One parameter.
   *
   * @param name as in configurations
   * @param scope one value, or one per source
   * @param kind of value
   * @param defaultValue where the configuration is silent, NaN if it must not be
   * @param ofTheResult whether it changes the result; else only mergekit's use of memory
   */
  record Parameter(String name, Scope scope, Kind kind, double defaultValue, boolean ofTheResult) {}

  private static final int MANY = Integer.MAX_VALUE;

  private static final Set<String> RANDOM =
      Set.of("dare_linear", "dare_ties", "della", "della_linear");
  private static final Set<String> PAPER_DIFFERS =
      Set.of(
          "dare_linear",
          "dare_ties",
          "della",
          "della_linear",
          "breadcrumbs",
          "breadcrumbs_ties",
          "sce",
          "model_stock",
          "ramplus_tl");
  private static final Map<String, MergeMethod> ALL = all();

  static Optional<MergeMethod> byName(String name) {
    return Optional.ofNullable(ALL.get(name));
  }

  static Set<String> names() {
    return ALL.keySet();
  }

  static Collection<MergeMethod> methods() {
    return ALL.values();
  }

  /** The parameters of any method. */
  static Set<String> parameterNames() {
    Set<String> names = new LinkedHashSet<>();
    ALL.values().forEach(method -> method.parameters.forEach(p -> names.add(p.name())));
    // Of older versions, which took them everywhere.
    names.add("embed_slerp");
    return names;
  }

  Optional<Parameter> parameter(String parameter) {
    return parameters.stream().filter(p -> p.name().equals(parameter)).findFirst();
  }

  private static Map<String, MergeMethod> all() {
    Map<String, MergeMethod> all = new LinkedHashMap<>();
    Parameter weight = perSource("weight", Double.NaN);
    Parameter density = perSource("density", 1);
    Parameter lambda = number("lambda", 1);
    Parameter int8Mask = new Parameter("int8_mask", Scope.GLOBAL, Kind.FLAG, 0, false);
    Parameter t = number("t", Double.NaN);
    add(all, "linear", Base.NONE, 1, MANY, weight, flag("normalize", true));
    add(all, "slerp", Base.REQUIRED, 1, 1, t);
    add(
        all,
        "nuslerp",
        Base.OPTIONAL,
        2,
        2,
        weight,
        flag("nuslerp_flatten", true),
        flag("nuslerp_row_wise", false));
    add(
        all,
        "multislerp",
        Base.OPTIONAL,
        1,
        MANY,
        weight,
        flag("normalize_weights", true),
        number("eps", 1e-8));
    add(
        all,
        "karcher",
        Base.NONE,
        1,
        MANY,
        new Parameter("max_iter", Scope.GLOBAL, Kind.INTEGER, 10, true),
        number("tol", 1e-5));
    Parameter normalize = flag("normalize", false);
    Parameter rescale = flag("rescale", true);
    // Density and rescale are taken, as mergekit takes them, but there is nothing to drop.
    Parameter noDensity = new Parameter("density", Scope.PER_SOURCE, Kind.REAL, 1, false);
    Parameter noRescale = new Parameter("rescale", Scope.GLOBAL, Kind.FLAG, 0, false);
    tasks(all, "task_arithmetic", weight, noDensity, normalize, noRescale, lambda, int8Mask);
    tasks(
        all,
        "ties",
        weight,
        density,
        flag("normalize", true),
        flag("rescale", false),
        lambda,
        int8Mask);
    tasks(all, "dare_linear", weight, density, normalize, rescale, lambda, int8Mask);
    tasks(all, "dare_ties", weight, density, normalize, rescale, lambda, int8Mask);
    Parameter epsilon = perSource("epsilon", 0.15);
    tasks(
        all, "della", weight, density, epsilon, flag("normalize", true), rescale, lambda, int8Mask);
    tasks(all, "della_linear", weight, density, epsilon, normalize, rescale, lambda, int8Mask);
    Parameter gamma = perSource("gamma", 0.01);
    Parameter keepScale = flag("rescale", false);
    tasks(all, "breadcrumbs", weight, density, gamma, normalize, keepScale, lambda, int8Mask);
    tasks(all, "breadcrumbs_ties", weight, density, gamma, normalize, keepScale, lambda, int8Mask);
    tasks(all, "sce", number("select_topk", 1), int8Mask);
    add(all, "model_stock", Base.REQUIRED, 2, MANY, flag("filter_wise", false));
    add(all, "nearswap", Base.REQUIRED, 1, 1, t);
    add(all, "arcee_fusion", Base.REQUIRED, 1, 1);
    Parameter threshold = number("epsilon", 1e-5);
    tasks(all, "ram", threshold);
    tasks(all, "ramplus_tl", number("r", 0.1), number("alpha", 0.2), threshold);
    add(all, "passthrough", Base.NONE, 1, 1, perSource("scale", 1));
    return Collections.unmodifiableMap(all);
  }

  private static void tasks(Map<String, MergeMethod> all, String name, Parameter... parameters) {
    add(all, name, Base.REQUIRED, 1, MANY, parameters);
  }

  private static void add(
      Map<String, MergeMethod> all,
      String name,
      Base base,
      int min,
      int max,
      Parameter... parameters) {
    all.put(
        name,
        new MergeMethod(
            name,
            base,
            min,
            max,
            List.of(parameters),
            RANDOM.contains(name),
            PAPER_DIFFERS.contains(name)));
  }

  private static Parameter perSource(String name, double otherwise) {
    return new Parameter(name, Scope.PER_SOURCE, Kind.REAL, otherwise, true);
  }

  private static Parameter number(String name, double otherwise) {
    return new Parameter(name, Scope.GLOBAL, Kind.REAL, otherwise, true);
  }

  private static Parameter flag(String name, boolean otherwise) {
    return new Parameter(name, Scope.GLOBAL, Kind.FLAG, otherwise ? 1 : 0, true);
  }
}
