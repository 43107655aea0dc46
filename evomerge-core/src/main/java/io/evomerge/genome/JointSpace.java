package io.evomerge.genome;

import io.evomerge.exception.ConfigurationException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Declares a search for weights and path at once: the merged model is the first model of the path,
 * and one genome holds both; immutable.
 *
 * <p>The published runs search one after the other (Akiba et al. 2024, arXiv 2403.13187, section
 * 3.3); this is the extension that the paper names.
 *
 * <pre>{@code
 * JointSpace.of(ParameterSpace.perModel(), DataFlowSpace.repeats(1).network(8)).withSources()
 * }</pre>
 */
public final class JointSpace {

  private final ParameterSpace weights;
  private final DataFlowSpace path;
  private final boolean addsSources;

  private JointSpace(ParameterSpace weights, DataFlowSpace path, boolean addsSources) {
    this.weights = weights;
    this.path = path;
    this.addsSources = addsSources;
  }

  /**
   * Joins two declarations.
   *
   * @param weights how the merged model is made
   * @param path through its layers
   */
  public static JointSpace of(ParameterSpace weights, DataFlowSpace path) {
    return new JointSpace(weights, path, false);
  }

  /**
   * Lets the path use the layers of the sources as they are, too; by default it has the merged
   * model alone.
   */
  public JointSpace withSources() {
    return new JointSpace(weights, path, true);
  }

  /** Returns whether the sources follow the merged model in the path's list of models. */
  public boolean addsSources() {
    return addsSources;
  }

  /** Returns how the merged model is made. */
  public ParameterSpace weights() {
    return weights;
  }

  /** Returns the declaration of the path. */
  public DataFlowSpace path() {
    return path;
  }

  /** Returns all settings that influence the search, by name, sorted; equal for equal spaces. */
  public Map<String, String> settings() {
    Map<String, String> map = new TreeMap<>();
    weights.settings().forEach((name, value) -> map.put("weights." + name, value));
    path.settings().forEach((name, value) -> map.put("path." + name, value));
    map.put("path.models", addsSources ? "merged and sources" : "merged");
    return Collections.unmodifiableMap(map);
  }

  /**
   * Puts two bound spaces together.
   *
   * @param weights the genes of {@link #weights}
   * @param path the genes of {@link #path}, over the merged model and, {@link #withSources}, the
   *     sources in their order
   * @return the genes of the weights, then those of the path
   * @throws ConfigurationException listing every mistake: models of the path that are not these, a
   *     gene of the path with the name of one of the weights
   */
  public JointSearchSpace bind(ParameterSearchSpace weights, DataFlowSearchSpace path) {
    List<String> problems = new ArrayList<>();
    List<String> models = path.models().stream().map(LayeredModel::name).toList();
    List<String> others = models.subList(1, models.size());
    List<String> wanted = addsSources ? weights.sourceNames() : List.of();
    if (!others.equals(wanted)) {
      problems.add(
          "the path has the models "
              + models
              + ", wanted the merged one and then "
              + (addsSources ? "the sources " + wanted : "none; withSources() adds the sources"));
    }
    Set<String> names = new HashSet<>();
    weights.genes().forEach(gene -> names.add(gene.name()));
    for (Gene gene : path.genes()) {
      if (!names.add(gene.name())) {
        problems.add("weights and path both have a gene '" + gene.name() + "'; rename a model");
      }
    }
    if (!problems.isEmpty()) {
      throw new ConfigurationException("JointSpace", problems);
    }
    return new JointSearchSpace(weights, path);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof JointSpace that && settings().equals(that.settings());
  }

  @Override
  public int hashCode() {
    return settings().hashCode();
  }

  @Override
  public String toString() {
    return "JointSpace" + new TreeMap<>(settings());
  }
}
