package io.evomerge.testing;

import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The public API of a module as text: one line per public or protected type and member, sorted.
 * Checked in as {@code api.txt}, so that a change of it is seen in review.
 */
public final class PublicApi {

  /** The system property that writes {@code api.txt} anew instead of comparing. */
  public static final String UPDATE = "evomerge.api.update";

  /** Noise: a user can call these on anything. */
  private static final Set<String> EVERY_OBJECT =
      Set.of("equals(java.lang.Object)", "hashCode()", "toString()");

  private PublicApi() {}

  /**
   * Compares a module's API with its {@code api.txt}, or writes that file if {@link #UPDATE} is
   * set.
   *
   * @param module whose API it is
   * @throws AssertionError if they differ; it lists the lines and says what to do
   * @throws IOException if the file cannot be read or written
   */
  public static void checkOrUpdate(BuiltModule module) throws IOException {
    Path file = module.root().resolve("api.txt");
    SortedSet<String> now = new TreeSet<>(lines(module.exportedClasses()));
    if (Boolean.getBoolean(UPDATE)) {
      Files.writeString(file, String.join("\n", now) + "\n");
      return;
    }
    SortedSet<String> before =
        Files.exists(file) ? new TreeSet<>(Files.readAllLines(file)) : new TreeSet<>();
    if (!now.equals(before)) {
      String added = difference("+ ", now, before);
      String removed = difference("- ", before, now);
      throw new AssertionError(
          "the public API is not the one in "
              + file.getFileName()
              + " of "
              + module.root().getFileName()
              + ":\n"
              + removed
              + added
              + "If this is intended, run `mvn test -Dtest=PublicApiTest"
              + " -Dsurefire.failIfNoSpecifiedTests=false -D"
              + UPDATE
              + "=true`, commit the file and tell users in CHANGELOG.md.");
    }
  }

  /**
   * Returns the API of some types and of the types nested in them.
   *
   * @param types those that are neither public nor protected are left out
   */
  public static List<String> lines(List<Class<?>> types) {
    List<String> lines = new ArrayList<>();
    types.forEach(type -> describe(type, lines));
    return lines;
  }

  private static String difference(String mark, SortedSet<String> of, SortedSet<String> without) {
    return of.stream()
        .filter(line -> !without.contains(line))
        .map(line -> mark + line + "\n")
        .collect(Collectors.joining());
  }

  private static void describe(Class<?> type, List<String> lines) {
    if (!visible(type.getModifiers()) || type.isSynthetic()) {
      return;
    }
    String name = type.getName();
    lines.add(name + " : " + declaration(type));
    for (Field field : type.getDeclaredFields()) {
      if (visible(field.getModifiers()) && !field.isSynthetic()) {
        lines.add(
            name
                + "#"
                + field.getName()
                + ": "
                + modifiers(field.getModifiers())
                + field.getGenericType().getTypeName());
      }
    }
    for (Constructor<?> constructor : type.getDeclaredConstructors()) {
      if (visible(constructor.getModifiers()) && !constructor.isSynthetic()) {
        lines.add(
            name
                + "#"
                + signature("<init>", constructor)
                + ": "
                + modifiers(constructor.getModifiers())
                + "constructor"
                + thrown(constructor));
      }
    }
    for (Method method : type.getDeclaredMethods()) {
      if (visible(method.getModifiers())
          && !method.isSynthetic()
          && !EVERY_OBJECT.contains(signature(method.getName(), method))) {
        lines.add(
            name
                + "#"
                + signature(method.getName(), method)
                + ": "
                + modifiers(method.getModifiers() & Modifier.methodModifiers())
                + (method.isDefault() ? "default " : "")
                + typeParameters(method.getTypeParameters())
                + method.getGenericReturnType().getTypeName()
                + thrown(method));
      }
    }
    for (Class<?> nested : type.getDeclaredClasses()) {
      describe(nested, lines);
    }
  }

  private static String declaration(Class<?> type) {
    String kind =
        type.isAnnotation()
            ? "@interface"
            : type.isInterface()
                ? "interface"
                : type.isRecord() ? "record" : type.isEnum() ? "enum" : "class";
    int shown = type.getModifiers() & ~Modifier.INTERFACE;
    if (type.isInterface()) {
      shown &= ~Modifier.ABSTRACT;
    }
    StringBuilder text = new StringBuilder(modifiers(shown));
    text.append(type.isSealed() ? "sealed " : "").append(kind);
    if (type.getTypeParameters().length > 0) {
      text.append(' ').append(typeParameters(type.getTypeParameters()).trim());
    }
    Type parent = type.getGenericSuperclass();
    if (parent != null && parent != Object.class && parent != Record.class && !type.isEnum()) {
      text.append(" extends ").append(parent.getTypeName());
    }
    if (type.getInterfaces().length > 0) {
      text.append(type.isInterface() ? " extends " : " implements ")
          .append(names(Arrays.stream(type.getGenericInterfaces())));
    }
    return text.toString();
  }

  private static boolean visible(int modifiers) {
    return Modifier.isPublic(modifiers) || Modifier.isProtected(modifiers);
  }

  private static String modifiers(int modifiers) {
    // Users cannot tell whether a method is synchronised or a field transient.
    int shown =
        modifiers
            & (Modifier.PUBLIC
                | Modifier.PROTECTED
                | Modifier.STATIC
                | Modifier.ABSTRACT
                | Modifier.FINAL);
    return shown == 0 ? "" : Modifier.toString(shown) + " ";
  }

  private static String signature(String name, Executable executable) {
    return name + "(" + names(Arrays.stream(executable.getGenericParameterTypes())) + ")";
  }

  private static String thrown(Executable executable) {
    List<Type> checked =
        Arrays.stream(executable.getGenericExceptionTypes())
            .filter(
                type ->
                    !(type instanceof Class<?> thrown
                        && RuntimeException.class.isAssignableFrom(thrown)))
            .toList();
    return checked.isEmpty() ? "" : " throws " + names(checked.stream());
  }

  private static String typeParameters(TypeVariable<?>[] parameters) {
    if (parameters.length == 0) {
      return "";
    }
    return Arrays.stream(parameters)
        .map(PublicApi::typeParameter)
        .collect(Collectors.joining(", ", "<", "> "));
  }

  private static String typeParameter(TypeVariable<?> parameter) {
    Type[] bounds = parameter.getBounds();
    if (bounds.length == 1 && bounds[0] == Object.class) {
      return parameter.getName();
    }
    return Arrays.stream(bounds)
        .map(Type::getTypeName)
        .collect(Collectors.joining(" & ", parameter.getName() + " extends ", ""));
  }

  private static String names(Stream<? extends Type> types) {
    return types.map(Type::getTypeName).collect(Collectors.joining(", "));
  }
}
