package io.evomerge.examples;

import io.evomerge.candidate.MergeReport;
import io.evomerge.candidate.MergedModelWriter;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.recipe.MergeRecipe;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Tells what a merge would do, without doing it. */
@Command(
    name = "check",
    description = {
      "Says from the models' headers alone what a merge would read and write and how long it would"
          + " take, and lists everything that keeps it from being done.",
      "Ends with 0 if the merge can be done, with 1 if not."
    },
    mixinStandardHelpOptions = true)
final class Check implements Callable<Integer> {

  @Mixin private Configuration configuration = new Configuration();

  @Parameters(
      index = "1",
      arity = "0..1",
      paramLabel = "OUT_FOLDER",
      description = "Where the model would be written.")
  private @Nullable Path out;

  @Option(
      names = "--parallelism",
      description = "Threads. Default: the processors of this machine.")
  private int parallelism = Runtime.getRuntime().availableProcessors();

  @Option(names = "--overwrite", description = "A model in the folder may be replaced.")
  private boolean overwrite;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws Exception {
    Main.requireAtLeastOne(spec, "--parallelism", parallelism);
    PrintWriter print = spec.commandLine().getOut();
    MergeRecipe recipe = configuration.recipe(spec.commandLine().getErr());
    MergeReport report =
        MergedModelWriter.builder()
            .parallelism(parallelism)
            .writeOptions(WriteOptions.defaults().withOverwrite(overwrite))
            .build()
            .check(recipe, Optional.ofNullable(out));
    if (report.tensors() > 0) {
      print.printf(
          Locale.ROOT,
          "%s of %d models: %d tensors, %,d weights%n",
          recipe.operator(),
          recipe.sources().size() + (recipe.base().isPresent() ? 1 : 0),
          report.tensors(),
          report.parameterCount());
      print.printf(
          Locale.ROOT,
          "reads %s, writes %s%s%n",
          size(report.bytesRead()),
          size(report.bytesWritten()),
          report.freeBytes().isPresent()
              ? "; free there: " + size(report.freeBytes().getAsLong())
              : "");
      print.printf(
          Locale.ROOT,
          "needs about %s of heap with %d threads%s%n",
          size(report.heapBytes()),
          parallelism,
          report
              .mergeTime()
              .map(time -> "; computes about " + text(time) + ", besides reading and writing")
              .orElse(""));
    }
    report.notes().forEach(note -> print.println("note: " + note));
    if (report.passes()) {
      print.println("Nothing keeps this merge from being done.");
      return 0;
    }
    print.println(
        report.problems().size() == 1 ? "1 problem:" : report.problems().size() + " problems:");
    report.problems().forEach(problem -> print.println("  - " + problem));
    return 1;
  }

  private static String size(long bytes) {
    if (bytes < 10_000_000) {
      return String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
    }
    return bytes < 10_000_000_000L
        ? String.format(Locale.ROOT, "%.0f MB", bytes / 1e6)
        : String.format(Locale.ROOT, "%.1f GB", bytes / 1e9);
  }

  private static String text(Duration time) {
    double seconds = time.toMillis() / 1e3;
    return seconds < 90
        ? String.format(Locale.ROOT, "%.1f seconds", seconds)
        : String.format(Locale.ROOT, "%.0f minutes", seconds / 60);
  }
}
