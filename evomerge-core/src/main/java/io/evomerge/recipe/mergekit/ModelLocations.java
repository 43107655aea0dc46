package io.evomerge.recipe.mergekit;

import io.evomerge.exception.RecipeException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Finds the models of a mergekit configuration on this machine; immutable.
 *
 * <p>A path is looked for, in this order: relative to the configuration's folder, as it is (so
 * relative to the working directory), below the folder of models, in the cache of the Hugging Face
 * hub. Only the cache knows revisions; elsewhere they are not looked at, as in mergekit. Nothing is
 * downloaded and no environment variable is read.
 */
public final class ModelLocations {

  private final Optional<Path> configFolder;
  private final Optional<Path> modelsFolder;
  private final Optional<Path> hubCache;

  /**
   * Where a model is.
   *
   * @param model its folder or file
   * @param adapter the folder of its LoRA adapter, if the reference has one
   */
  public record Location(Path model, Optional<Path> adapter) {}

  private ModelLocations(
      Optional<Path> configFolder, Optional<Path> modelsFolder, Optional<Path> hubCache) {
    this.configFolder = configFolder;
    this.modelsFolder = modelsFolder;
    this.hubCache = hubCache;
  }

  /** Looks for paths as they are written, relative to the working directory, only. */
  public static ModelLocations asWritten() {
    return new ModelLocations(Optional.empty(), Optional.empty(), Optional.empty());
  }

  /**
   * Returns the same that looks beside a configuration first.
   *
   * @param folder in which the configuration stands
   */
  public ModelLocations configFolder(Path folder) {
    return new ModelLocations(Optional.of(folder), modelsFolder, hubCache);
  }

  /**
   * Returns the same that also looks in a folder of models, for {@code organisation/name} or, if
   * that is not there, {@code name}.
   *
   * @param folder of model folders
   */
  public ModelLocations modelsFolder(Path folder) {
    return new ModelLocations(configFolder, Optional.of(folder), hubCache);
  }

  /**
   * Returns the same that also looks in a cache of the Hugging Face hub.
   *
   * @param folder what {@code HF_HUB_CACHE} or {@code HF_HOME} names, by default {@code
   *     ~/.cache/huggingface}
   */
  public ModelLocations hubCache(Path folder) {
    return new ModelLocations(configFolder, modelsFolder, Optional.of(folder));
  }

  /**
   * Finds one model.
   *
   * @param reference of a configuration
   * @throws RecipeException if it or its adapter is nowhere; the message says where was looked
   */
  public Location find(ModelReference reference) {
    return findAll(List.of(reference)).get(reference);
  }

  /**
   * Finds models.
   *
   * @param references of a configuration
   * @return their places, in the same order
   * @throws RecipeException naming all that are nowhere, where was looked, and how to get them
   */
  public Map<ModelReference, Location> findAll(Collection<ModelReference> references) {
    List<String> problems = new ArrayList<>();
    Map<ModelReference, Location> found = new LinkedHashMap<>();
    for (ModelReference reference : references) {
      Optional<Path> model = find(reference.path(), reference.revision(), problems);
      Optional<Path> adapter =
          reference.adapter().flatMap(a -> find(a, reference.adapterRevision(), problems));
      model.ifPresent(m -> found.put(reference, new Location(m, adapter)));
    }
    if (!problems.isEmpty()) {
      throw new RecipeException(String.join(System.lineSeparator(), problems));
    }
    return Collections.unmodifiableMap(found);
  }

  private Optional<Path> find(String path, Optional<String> revision, List<String> problems) {
    Set<Path> tried = new LinkedHashSet<>();
    try {
      configFolder.ifPresent(folder -> tried.add(folder.resolve(path).normalize()));
      tried.add(Path.of(path));
      modelsFolder.ifPresent(
          folder -> {
            tried.add(folder.resolve(path).normalize());
            Path name = Path.of(path).normalize().getFileName();
            tried.add(name == null ? folder : folder.resolve(name));
          });
    } catch (InvalidPathException e) {
      problems.add("model '" + path + "': " + e.getMessage());
      return Optional.empty();
    }
    Optional<Path> found = tried.stream().filter(Files::exists).findFirst();
    if (found.isEmpty() && hubCache.isPresent() && isHubName(path)) {
      found = inCache(hubCache.get(), path, revision, tried);
    }
    if (found.isEmpty()) {
      problems.add(
          "model '"
              + path
              + revision.map(r -> "@" + r).orElse("")
              + "' is not on this machine; looked for "
              + String.join(", ", tried.stream().map(Path::toString).toList())
              + (isHubName(path)
                  ? "; download it: hf download "
                      + path
                      + revision.map(r -> " --revision " + r).orElse("")
                      + " --local-dir "
                      + modelsFolder.map(folder -> folder.resolve(path)).orElse(Path.of(path))
                  : "; correct the path"));
    }
    return found;
  }

  private static boolean isHubName(String path) {
    return path.matches("[A-Za-z0-9][\\w.-]*(/[A-Za-z0-9_][\\w.-]*)?");
  }

  /**
   * The hub's cache holds one folder per repository, in it a file per branch or tag, with the
   * commit, and a folder per commit.
   */
  private static Optional<Path> inCache(
      Path cache, String name, Optional<String> revision, Set<Path> tried) {
    String repository = "models--" + name.replace("/", "--");
    for (Path folder : List.of(cache, cache.resolve("hub"))) {
      Path snapshots = folder.resolve(repository).resolve("snapshots");
      tried.add(revision.map(snapshots::resolve).orElse(snapshots));
      try {
        Path ref = folder.resolve(repository).resolve("refs").resolve(revision.orElse("main"));
        if (Files.isRegularFile(ref)) {
          Path commit = snapshots.resolve(Files.readString(ref).strip());
          if (Files.isDirectory(commit)) {
            return Optional.of(commit);
          }
        }
        if (revision.isPresent() && Files.isDirectory(snapshots.resolve(revision.get()))) {
          return Optional.of(snapshots.resolve(revision.get()));
        }
        if (revision.isEmpty() && Files.isDirectory(snapshots)) {
          try (Stream<Path> all = Files.list(snapshots)) {
            List<Path> commits = all.filter(Files::isDirectory).toList();
            if (commits.size() == 1) {
              return Optional.of(commits.get(0));
            }
          }
        }
      } catch (IOException e) {
        throw new UncheckedIOException("cannot read the cache " + folder, e);
      }
    }
    return Optional.empty();
  }
}
