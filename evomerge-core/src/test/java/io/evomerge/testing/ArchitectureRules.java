package io.evomerge.testing;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.methods;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethod;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.GeneralCodingRules;
import java.util.List;
import java.util.SortedSet;
import java.util.stream.Stream;

/** Rules of architecture that every library module keeps. */
public final class ArchitectureRules {

  /** What every package may use: the JDK, logging, nullness annotations and guava. */
  private static final List<String> EVERYWHERE =
      List.of("java.", "javax.", "org.slf4j.", "org.jspecify.", "com.google.common.");

  private ArchitectureRules() {}

  /**
   * Reads the compiled main classes of a module.
   *
   * @param module that was compiled
   */
  public static JavaClasses classesOf(BuiltModule module) {
    return new ClassFileImporter().importPath(module.classes());
  }

  /**
   * A package and those below it use only themselves, what every package may use, and what is
   * listed.
   *
   * @param floor name of the package
   * @param allowed packages, ending in a dot and meaning those below too, or fully qualified
   *     classes, meaning their nested classes too
   */
  public static ArchRule usesOnly(String floor, List<String> allowed) {
    DescribedPredicate<JavaClass> fine =
        DescribedPredicate.describe(
            "the JDK, slf4j, jspecify, guava, " + allowed,
            target -> {
              JavaClass type = target.getBaseComponentType();
              return type.isPrimitive()
                  || within(type, floor + ".")
                  || Stream.concat(EVERYWHERE.stream(), allowed.stream())
                      .anyMatch(entry -> within(type, entry));
            });
    return classes()
        .that()
        .resideInAPackage(floor + "..")
        .should()
        .onlyDependOnClassesThat(fine)
        .allowEmptyShould(true);
  }

  /** Nothing is printed: a library logs. */
  public static ArchRule printsNothing() {
    return GeneralCodingRules.NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS.allowEmptyShould(true);
  }

  /** State that all users of a JVM share is the state that nobody owns. */
  public static ArchRule hasNoStaticState() {
    return fields()
        .that()
        .areStatic()
        .should()
        .beFinal()
        .because("static state is shared by everybody in the JVM")
        .allowEmptyShould(true);
  }

  /**
   * Threads are made in the named packages only.
   *
   * @param packages that may, in ArchUnit's notation
   */
  public static ArchRule makesThreadsOnlyIn(String... packages) {
    return noClasses()
        .that()
        .resideOutsideOfPackages(packages)
        .should()
        .callConstructorWhere(
            DescribedPredicate.describe(
                "a thread, pool or timer is made",
                call ->
                    Stream.of(
                            Thread.class,
                            java.util.concurrent.ThreadPoolExecutor.class,
                            java.util.concurrent.ForkJoinPool.class,
                            java.util.Timer.class)
                        .anyMatch(call.getTargetOwner()::isAssignableTo)))
        .orShould()
        .callMethodWhere(
            DescribedPredicate.describe(
                "a thread or pool is made",
                call -> {
                  JavaClass owner = call.getTargetOwner();
                  String name = call.getName();
                  return (owner.isEquivalentTo(java.util.concurrent.Executors.class)
                          && name.startsWith("new"))
                      || (owner.isEquivalentTo(java.lang.ref.Cleaner.class)
                          && name.equals("create"))
                      || (owner.isAssignableTo(Thread.class)
                          && Stream.of("start", "startVirtualThread", "ofVirtual", "ofPlatform")
                              .anyMatch(name::equals));
                }))
        .orShould()
        .beAssignableTo(Thread.class)
        .because("whoever makes a thread must name it, bound it and end it")
        .allowEmptyShould(true);
  }

  /**
   * Public types of the exported packages show no fields but constants.
   *
   * @param module whose packages they are
   */
  public static ArchRule showsNoFields(BuiltModule module) {
    return fields()
        .that()
        .arePublic()
        .and()
        .areDeclaredInClassesThat(exportedBy(module))
        .should()
        .beStatic()
        .andShould()
        .beFinal()
        .allowEmptyShould(true);
  }

  /**
   * Accessors are named after what they return: {@code layerCount()}. Only what a foreign type
   * prescribes may be called {@code getX}.
   *
   * @param module whose packages they are
   */
  public static ArchRule namesAccessorsWithoutGet(BuiltModule module) {
    return methods()
        .that()
        .arePublic()
        .and()
        .areDeclaredInClassesThat(exportedBy(module))
        .and(
            DescribedPredicate.<JavaMethod>describe(
                "are not prescribed by a foreign type", method -> !prescribed(method)))
        .should()
        .haveNameNotMatching("get[A-Z].*")
        .allowEmptyShould(true);
  }

  /**
   * In every exported package, what is not marked as nullable is not null.
   *
   * @param module whose packages they are
   */
  public static ArchRule marksNullness(BuiltModule module) {
    return classes()
        .that(exportedBy(module))
        .should()
        .beAnnotatedWith(org.jspecify.annotations.NullMarked.class)
        .orShould(
            com.tngtech.archunit.lang.conditions.ArchConditions.be(
                DescribedPredicate.describe(
                    "in a null-marked package",
                    type ->
                        type.getPackage()
                            .isAnnotatedWith(org.jspecify.annotations.NullMarked.class))))
        .allowEmptyShould(true);
  }

  private static boolean within(JavaClass type, String entry) {
    String name = type.getName();
    return entry.endsWith(".")
        ? (type.getPackageName() + ".").startsWith(entry)
        : name.equals(entry) || name.startsWith(entry + "$");
  }

  private static DescribedPredicate<JavaClass> exportedBy(BuiltModule module) {
    SortedSet<String> exported = module.exportedPackages();
    return DescribedPredicate.describe(
        "are seen by users", type -> exported.contains(type.getPackageName()) && visible(type));
  }

  private static boolean visible(JavaClass type) {
    return (type.getModifiers().contains(JavaModifier.PUBLIC)
            || type.getModifiers().contains(JavaModifier.PROTECTED))
        && type.getEnclosingClass().map(ArchitectureRules::visible).orElse(true);
  }

  private static boolean prescribed(JavaMethod method) {
    JavaClass owner = method.getOwner();
    return Stream.concat(
            owner.getAllRawSuperclasses().stream(), owner.getAllRawInterfaces().stream())
        .filter(type -> !type.getPackageName().startsWith("io.evomerge"))
        .anyMatch(
            type ->
                type.getMethods().stream()
                    .anyMatch(other -> other.getName().equals(method.getName())));
  }
}
