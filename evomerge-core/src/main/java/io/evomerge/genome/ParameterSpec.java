package io.evomerge.genome;

/**
 * Declares one parameter of a merge operator: what it may be, and how evolution searches it.
 *
 * @param name as in recipes, e.g. {@code "weight"}
 * @param scope one value per source, or one for all
 * @param kind what kind of value it is
 * @param min lowest value that the operator accepts
 * @param max highest value that the operator accepts
 * @param searchMin lowest value of a search, unless the user gives another range
 * @param searchMax highest value of a search, unless the user gives another range
 * @param searchStart where a search starts, unless the user says otherwise
 * @param defaultValue the value where a recipe is silent; flags are 0 or 1; {@code NaN} means that
 *     the recipe must give one
 * @param searched whether it becomes a gene unless the user freezes it
 * @param description one sentence
 */
public record ParameterSpec(
    String name,
    Scope scope,
    Kind kind,
    double min,
    double max,
    double searchMin,
    double searchMax,
    double searchStart,
    double defaultValue,
    boolean searched,
    String description) {

  /** Whether a parameter has one value, or one per source. */
  public enum Scope {
    /** One value for the whole merge of a tensor. */
    GLOBAL,
    /** One value per source. */
    PER_SOURCE
  }

  /** What kind of value a parameter has. */
  public enum Kind {
    /** A real number. */
    REAL,
    /** A whole number. */
    INTEGER,
    /** True or false. */
    FLAG
  }

  /**
   * A searched real parameter per source, as published: box [0, 1], start 0.5 (Akiba et al. 2024,
   * arXiv 2403.13187).
   *
   * @param name as in recipes
   * @param min lowest value that the operator accepts
   * @param max highest value that the operator accepts
   * @param defaultValue the value where a recipe is silent, {@code NaN} if it must not be
   * @param description one sentence
   */
  public static ParameterSpec perSource(
      String name, double min, double max, double defaultValue, String description) {
    return new ParameterSpec(
        name, Scope.PER_SOURCE, Kind.REAL, min, max, 0, 1, 0.5, defaultValue, true, description);
  }

  /**
   * A real parameter for the whole merge.
   *
   * @param name as in recipes
   * @param min lowest value that the operator accepts
   * @param max highest value that the operator accepts
   * @param defaultValue the value where a recipe is silent, {@code NaN} if it must not be
   * @param searched whether it becomes a gene (box [0, 1], start 0.5) unless frozen
   * @param description one sentence
   */
  public static ParameterSpec global(
      String name,
      double min,
      double max,
      double defaultValue,
      boolean searched,
      String description) {
    return new ParameterSpec(
        name, Scope.GLOBAL, Kind.REAL, min, max, 0, 1, 0.5, defaultValue, searched, description);
  }

  /**
   * A switch for the whole merge; never searched.
   *
   * @param name as in recipes
   * @param defaultValue the value where a recipe is silent
   * @param description one sentence
   */
  public static ParameterSpec flag(String name, boolean defaultValue, String description) {
    return new ParameterSpec(
        name, Scope.GLOBAL, Kind.FLAG, 0, 1, 0, 1, 0, defaultValue ? 1 : 0, false, description);
  }
}
