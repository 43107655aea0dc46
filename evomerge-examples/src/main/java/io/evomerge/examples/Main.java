package io.evomerge.examples;

import io.evomerge.EvoMerge;
import io.evomerge.exception.EvoMergeException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;

/** Starts one of the example programs. */
@Command(
    name = "run",
    description = "EvoMerge's example programs.",
    subcommands = {
      Quickstart.class,
      Evaluate.class,
      Merge.class,
      Check.class,
      Export.class,
      Methods.class,
      DataFlowSearch.class,
      HybridSearch.class,
      FrontSearch.class,
      M2n2Search.class,
      CycleQdSearch.class,
      CycleQdDigits.class,
      CheapFitness.class,
      Draw.class,
      HelpCommand.class
    },
    mixinStandardHelpOptions = true)
public final class Main {

  @Option(
      names = "--stacktrace",
      scope = ScopeType.INHERIT,
      description = "On an error, print where in the program it happened.")
  private boolean stacktrace;

  private Main() {}

  /**
   * Runs a program and exits with 0, with 1 after an error, with 2 after a wrong command line, or
   * with 130 when interrupted.
   *
   * @param args see {@code --help}
   */
  public static void main(String[] args) {
    // Answers are Japanese whatever the terminal's locale says.
    PrintWriter out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
    PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
    int code;
    try (Interruption interruption = Interruption.ofThisThread()) {
      code = run(out, err, args);
      if (interruption.happened()) {
        return;
      }
    }
    if (code != 0) {
      System.exit(code);
    }
  }

  /**
   * Runs a program in this process.
   *
   * @param out for results
   * @param err for errors
   * @param args see {@code --help}
   * @return the exit code
   */
  static int run(PrintWriter out, PrintWriter err, String... args) {
    Main main = new Main();
    CommandLine line = new CommandLine(main);
    line.setOut(out);
    line.setErr(err);
    String version = EvoMerge.class.getPackage().getImplementationVersion();
    String known = "EvoMerge " + (version == null ? "development version" : version);
    line.getCommandSpec().version(known);
    line.getSubcommands().values().forEach(sub -> sub.getCommandSpec().version(known));
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setExecutionExceptionHandler(
        (e, command, parsed) -> {
          if (Thread.currentThread().isInterrupted()) {
            command.getErr().println("Interrupted.");
            return 130;
          }
          if (main.stacktrace || !isExpected(e)) {
            e.printStackTrace(command.getErr());
          }
          command.getErr().println("error: " + describe(e));
          return 1;
        });
    try {
      return line.execute(args);
    } catch (OutOfMemoryError e) {
      if (main.stacktrace) {
        e.printStackTrace(err);
      }
      err.println(
          "error: "
              + e.getMessage()
              + ": this takes more than the "
              + (Runtime.getRuntime().maxMemory() >> 20)
              + " MiB that Java may use; give it more, e.g. EVOMERGE_JAVA_OPTS=-Xmx8g");
      return 1;
    }
  }

  /** Refuses a number on the command line, as picocli refuses what is no number. */
  static void requireAtLeastOne(CommandSpec spec, String option, int value) {
    if (value < 1) {
      throw new ParameterException(
          spec.commandLine(), option + ": got " + value + ", wanted at least 1");
    }
  }

  private static boolean isExpected(Exception e) {
    return e instanceof EvoMergeException || e instanceof IOException;
  }

  /** A file system exception's message is often just the path. */
  private static String describe(Exception e) {
    if (e instanceof FileSystemException file && file.getReason() == null) {
      return file.getClass().getSimpleName().replace("Exception", "") + ": " + file.getFile();
    }
    return e.getMessage() == null ? e.toString() : e.getMessage();
  }
}
