package io.evomerge.architecture;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import io.evomerge.testing.ArchitectureRules;
import io.evomerge.testing.BuiltModule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Holds the floors: a package uses only what stands below it, as CONTRIBUTING.md lists. */
class FloorsTest {

  private static final String JACKSON = "com.fasterxml.jackson.";
  private static final String MATH = "org.apache.commons.math3.";
  private static final String EJML = "org.ejml.";
  private static final String VECTORS = "jdk.incubator.vector.";

  private static final List<String> LIBRARIES = List.of(JACKSON, MATH, EJML, VECTORS);

  private static final BuiltModule MODULE = BuiltModule.current();
  private static final JavaClasses CLASSES = ArchitectureRules.classesOf(MODULE);

  /** Packages end in a dot; everything else is a single type. Exceptions are always allowed. */
  private static final List<Floor> FLOORS =
      List.of(
          floor("exception"),
          // The vector module: by the one class that is loaded where that module is there.
          floor("internal", JACKSON, MATH, EJML, VECTORS),
          floor("tensor", "internal."),
          floor("checkpoint", "tensor.", "internal.", JACKSON),
          floor(
              "genome",
              // What a search space must know of a model: which layers and components there are.
              "checkpoint.ModelLayout",
              "checkpoint.TensorRole",
              "checkpoint.TensorSelector",
              "internal.",
              JACKSON,
              MATH),
          floor(
              "recipe",
              "genome.",
              // References to checkpoints, never open ones.
              "checkpoint.CheckpointRef",
              "checkpoint.ModelLayout",
              "checkpoint.TensorRole",
              "checkpoint.TensorSelector",
              "tensor.DType",
              "internal.",
              JACKSON),
          floor(
              "recipe.mergekit",
              "recipe.",
              "genome.",
              "checkpoint.CheckpointRef",
              "checkpoint.ModelLayout",
              "checkpoint.TensorRole",
              "checkpoint.TensorSelector",
              "tensor.DType",
              "internal.",
              JACKSON),
          floor(
              "merge",
              "genome.ParameterSpec",
              "genome.ParameterValues",
              "genome.Semantics",
              "tensor.",
              "internal.",
              MATH),
          floor(
              "candidate",
              "merge.",
              "recipe.",
              // What recipes and operators speak of when they name parameters.
              "genome.ParameterSpec",
              "genome.ParameterValues",
              "genome.Semantics",
              "genome.HopScaling",
              "checkpoint.",
              "tensor.",
              "internal.",
              JACKSON),
          floor("fitness", "candidate.", "internal.", MATH),
          floor(
              "optimizer",
              "genome.",
              // Values only: a fitness function or an objective knows candidates.
              "fitness.Direction",
              "fitness.Fitness",
              "fitness.ItemSubset",
              "fitness.Outcome",
              "internal.",
              JACKSON,
              MATH),
          floor(
              "allocation",
              "genome.",
              "optimizer.",
              "fitness.Direction",
              "fitness.Fitness",
              "fitness.ItemFitness",
              "fitness.ItemSubset",
              "fitness.Outcome",
              "internal.",
              JACKSON,
              MATH),
          floor(
              "result",
              "recipe.",
              "genome.",
              "fitness.",
              // What pictures must know of a recipe's groups.
              "checkpoint.CheckpointRef",
              "checkpoint.TensorRole",
              "checkpoint.TensorSelector",
              "internal.",
              JACKSON,
              MATH),
          floor(
              "result.picture",
              "recipe.",
              "genome.HopScaling",
              "checkpoint.CheckpointRef",
              "checkpoint.TensorRole",
              "checkpoint.TensorSelector",
              "internal.files."),
          floor(
              "run",
              "genome.",
              "recipe.",
              "candidate.",
              "fitness.",
              "optimizer.",
              "allocation.",
              "result.",
              "internal.",
              JACKSON,
              MATH));

  static Stream<Floor> floors() {
    return FLOORS.stream();
  }

  @ParameterizedTest
  @MethodSource("floors")
  void aPackageUsesOnlyTheFloorsBelow(Floor floor) {
    ArchitectureRules.usesOnly(floor.name(), floor.allowed()).check(CLASSES);
  }

  @Test
  void everyPackageHasItsFloor() {
    TreeSet<String> unknown = new TreeSet<>();
    CLASSES.forEach(type -> unknown.add(type.getPackageName()));
    unknown.remove("");
    unknown.remove("io.evomerge");
    unknown.removeIf(
        name -> FLOORS.stream().anyMatch(floor -> (name + ".").startsWith(floor.name() + ".")));
    assertThat(unknown).as("packages without a floor").isEmpty();
  }

  @Test
  void packagesFormNoCycle() {
    slices().matching("io.evomerge.(*)..").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void recipesDoNotKnowOtherToolsConfigurations() {
    noClasses()
        .that()
        .resideInAPackage("io.evomerge.recipe")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("io.evomerge.recipe.mergekit")
        .check(CLASSES);
  }

  @Test
  void nothingUsesTheFacade() {
    classes()
        .that()
        .resideInAPackage("io.evomerge")
        .should()
        .onlyHaveDependentClassesThat()
        .resideInAPackage("io.evomerge")
        .allowEmptyShould(true)
        .check(CLASSES);
  }

  @Test
  void theCoreNeverNamesABackend() throws IOException {
    List<Path> sources;
    try (Stream<Path> files = Files.walk(MODULE.root().resolve("src/main"))) {
      sources = files.filter(Files::isRegularFile).toList();
    }
    assertThat(sources).isNotEmpty();
    for (Path source : sources) {
      assertThat(Files.readString(source))
          .as("%s", source)
          .doesNotContain("io.evomerge.onnx", "ai.onnxruntime");
    }
  }

  @Test
  void threadsAreMadeByTheRunOnly() {
    ArchitectureRules.makesThreadsOnlyIn("io.evomerge.run..", "io.evomerge.internal..")
        .check(CLASSES);
  }

  @Test
  void nothingIsPrinted() {
    ArchitectureRules.printsNothing().check(CLASSES);
  }

  @Test
  void thereIsNoStaticState() {
    ArchitectureRules.hasNoStaticState().check(CLASSES);
  }

  @Test
  void publicTypesShowNoFields() {
    ArchitectureRules.showsNoFields(MODULE).check(CLASSES);
  }

  @Test
  void accessorsAreNamedWithoutGet() {
    ArchitectureRules.namesAccessorsWithoutGet(MODULE).check(CLASSES);
  }

  @Test
  void exportedPackagesAreNullMarked() {
    ArchitectureRules.marksNullness(MODULE).check(CLASSES);
  }

  @Test
  void internalPackagesAreNotExported() {
    assertThat(MODULE.exportedPackages()).isNotEmpty().noneMatch(name -> name.contains("internal"));
  }

  private static Floor floor(String name, String... allowed) {
    List<String> full = new ArrayList<>(List.of("io.evomerge.exception."));
    for (String entry : allowed) {
      full.add(LIBRARIES.contains(entry) ? entry : "io.evomerge." + entry);
    }
    return new Floor("io.evomerge." + name, full);
  }

  record Floor(String name, List<String> allowed) {
    @Override
    public String toString() {
      return name;
    }
  }
}
