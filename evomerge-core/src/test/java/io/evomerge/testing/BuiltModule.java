package io.evomerge.testing;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The module that the running build compiled, seen as a user of it sees it.
 *
 * @param root folder of the Maven module
 */
public record BuiltModule(Path root) {

  /** Returns the Maven module whose tests are running. */
  public static BuiltModule current() {
    return new BuiltModule(Path.of(System.getProperty("basedir", "")).toAbsolutePath());
  }

  /** Returns the folder of the compiled main classes. */
  public Path classes() {
    return root.resolve("target/classes");
  }

  /**
   * Returns the module descriptor.
   *
   * @throws IllegalStateException if there is no compiled module-info
   */
  public ModuleDescriptor descriptor() {
    if (!Files.exists(classes().resolve("module-info.class"))) {
      throw new IllegalStateException(classes() + " has no module-info.class: compile it first");
    }
    return ModuleFinder.of(classes()).findAll().iterator().next().descriptor();
  }

  /** Returns the packages that everybody may use. */
  public SortedSet<String> exportedPackages() {
    return descriptor().exports().stream()
        .filter(export -> !export.isQualified())
        .map(ModuleDescriptor.Exports::source)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** Returns the top-level classes of the exported packages, public or not; not initialised. */
  public List<Class<?>> exportedClasses() {
    List<Class<?>> found = new ArrayList<>();
    for (String exported : exportedPackages()) {
      for (String name : topLevelNames(classes().resolve(exported.replace('.', '/')))) {
        try {
          found.add(
              Class.forName(exported + "." + name, false, BuiltModule.class.getClassLoader()));
        } catch (ClassNotFoundException e) {
          throw new IllegalStateException(e);
        }
      }
    }
    return found;
  }

  /** Returns the compiled classes and all they need at run time: a consumer's module path. */
  public List<Path> modulePath() {
    Path file = root.resolve("target/runtime-path.txt");
    try {
      return Stream.concat(
              Stream.of(classes()),
              Stream.of(Files.readString(file).trim().split(File.pathSeparator)).map(Path::of))
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(file + " is written by mvn process-test-classes", e);
    }
  }

  private static List<String> topLevelNames(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(".class") && !name.contains("$"))
          .map(name -> name.substring(0, name.length() - ".class".length()))
          .filter(name -> !name.equals("package-info"))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
