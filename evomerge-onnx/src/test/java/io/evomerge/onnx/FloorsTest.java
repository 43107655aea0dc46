package io.evomerge.onnx;

import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import io.evomerge.testing.ArchitectureRules;
import io.evomerge.testing.BuiltModule;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Holds the floors of the backend, as CONTRIBUTING.md lists them. */
class FloorsTest {

  /** What the backend may know of the core: not how it searches, runs or is wired. */
  private static final List<String> CORE =
      Stream.of(
              "exception",
              "tensor",
              "checkpoint",
              "genome",
              "recipe",
              "merge",
              "candidate",
              "fitness")
          .map(name -> "io.evomerge." + name + ".")
          .toList();

  private static final String PROTOBUF = "com.google.protobuf.";
  private static final String ONNX_CLASSES = "ai.onnx.proto.";
  private static final String TRIBUO = "org.tribuo.util.onnx.";
  private static final String JACKSON = "com.fasterxml.jackson.";

  private static final BuiltModule MODULE = BuiltModule.current();
  private static final JavaClasses CLASSES = ArchitectureRules.classesOf(MODULE);

  private static final List<Floor> FLOORS =
      List.of(
          floor("internal"),
          floor("graph", "internal"),
          floor("architecture", "internal", "graph"),
          floor("checkpoint", "internal", "graph", "architecture"),
          floor("runtime", "internal", "graph", "architecture", "checkpoint")
              .and("ai.onnxruntime."),
          floor("language", "internal", "graph", "architecture", "checkpoint", "runtime")
              .and("ai.djl."));

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
    unknown.removeIf(
        name -> FLOORS.stream().anyMatch(floor -> (name + ".").startsWith(floor.name() + ".")));
    assertThat(unknown).as("packages without a floor").isEmpty();
  }

  @Test
  void packagesFormNoCycle() {
    slices().matching("io.evomerge.onnx.(*)..").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void threadsAreMadeByTheCoreOnly() {
    ArchitectureRules.makesThreadsOnlyIn("io.evomerge.onnx.internal..").check(CLASSES);
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

  private static Floor floor(String name, String... below) {
    List<String> allowed = new ArrayList<>(CORE);
    allowed.addAll(List.of(PROTOBUF, ONNX_CLASSES, TRIBUO, JACKSON));
    for (String lower : below) {
      allowed.add("io.evomerge.onnx." + lower + ".");
    }
    return new Floor("io.evomerge.onnx." + name, allowed);
  }

  record Floor(String name, List<String> allowed) {
    Floor and(String more) {
      List<String> longer = new ArrayList<>(allowed);
      longer.add(more);
      return new Floor(name, longer);
    }

    @Override
    public String toString() {
      return name;
    }
  }
}
