package io.evomerge.testing;

import java.io.IOException;
import java.io.StringWriter;
import java.lang.module.Configuration;
import java.lang.module.ModuleFinder;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/** A module of somebody else that requires a module of ours and nothing more. */
public final class ModuleConsumer {

  private ModuleConsumer() {}

  /**
   * Compiles a module that requires the given one and names every public type of it, resolves both
   * with all that they need from the module path alone, and loads those types.
   *
   * @param module what is required
   * @param folder an empty folder to compile in
   * @return the types, as the consumer sees them
   * @throws AssertionError if the consumer does not compile
   * @throws IOException if the folder cannot be written
   * @throws ReflectiveOperationException if a type cannot be loaded
   */
  public static List<Class<?>> typesSeenBy(BuiltModule module, Path folder)
      throws IOException, ReflectiveOperationException {
    List<String> names =
        module.exportedClasses().stream()
            .filter(type -> Modifier.isPublic(type.getModifiers()))
            .map(Class::getCanonicalName)
            .toList();
    compile(module, names, folder);

    List<Path> path = new ArrayList<>(module.modulePath());
    path.add(folder.resolve("classes"));
    Configuration resolved =
        ModuleLayer.boot()
            .configuration()
            .resolveAndBind(
                ModuleFinder.of(path.toArray(Path[]::new)), ModuleFinder.of(), Set.of("consumer"));
    // The platform loader as parent: nothing of the test's class path may help out.
    ModuleLayer layer =
        ModuleLayer.boot()
            .defineModulesWithOneLoader(resolved, ClassLoader.getPlatformClassLoader());
    Class<?> types = layer.findLoader("consumer").loadClass("consumer.Types");
    List<Class<?>> seen = new ArrayList<>();
    for (Object type : (List<?>) types.getMethod("all").invoke(null)) {
      seen.add((Class<?>) type);
    }
    return seen;
  }

  private static void compile(BuiltModule module, List<String> names, Path folder)
      throws IOException {
    Path sources = folder.resolve("sources");
    Files.createDirectories(sources.resolve("consumer"));
    Path info = sources.resolve("module-info.java");
    Files.writeString(
        info,
        "module consumer { requires " + module.descriptor().name() + "; exports consumer; }\n");
    Path types = sources.resolve("consumer/Types.java");
    Files.writeString(
        types,
        names.stream()
            .map(name -> name + ".class")
            .collect(
                Collectors.joining(
                    ",\n    ",
                    "package consumer;\n\npublic final class Types {\n"
                        + "  private Types() {}\n\n"
                        + "  public static java.util.List<Class<?>> all() {\n"
                        + "    return java.util.List.of(\n    ",
                    ");\n  }\n}\n")));
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StringWriter messages = new StringWriter();
    try (StandardJavaFileManager files =
        compiler.getStandardFileManager(null, Locale.ROOT, StandardCharsets.UTF_8)) {
      List<String> options =
          List.of(
              "--release",
              "17",
              "-Xlint:all,-classfile,-path",
              "-Werror",
              "-proc:none",
              "-d",
              folder.resolve("classes").toString(),
              "--module-path",
              module.modulePath().stream()
                  .map(Path::toString)
                  .collect(Collectors.joining(System.getProperty("path.separator"))));
      if (!compiler
          .getTask(messages, files, null, options, null, files.getJavaFileObjects(info, types))
          .call()) {
        throw new AssertionError("a module that requires ours does not compile:\n" + messages);
      }
    }
  }
}
