package io.evomerge.examples;

import io.evomerge.result.EvolutionResult;
import io.evomerge.result.SelectedModel;
import io.evomerge.result.TrialRecord;
import io.evomerge.run.Progress;
import io.evomerge.run.RunListener;
import java.util.Locale;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/**
 * A progress bar on standard error, from the start of a run to its end: evaluations, time left,
 * best, mean, evaluations per second.
 */
final class Bar implements RunListener, AutoCloseable {

  private @Nullable ProgressBar bar;

  @Override
  public synchronized void onStart(Progress progress) {
    bar =
        new ProgressBarBuilder()
            .setTaskName("Evolving")
            .setInitialMax(progress.evaluationLimit().orElse(-1))
            .setStyle(ProgressBarStyle.ASCII)
            .setUpdateIntervalMillis(System.console() == null ? 5_000 : 250)
            .build();
  }

  @Override
  public synchronized void onTrial(TrialRecord trial, boolean improved, Progress progress) {
    if (bar != null) {
      bar.stepTo(progress.evaluations());
      bar.setExtraMessage(
          String.format(
              Locale.ROOT,
              " best %.3f mean %.3f %.1f/s",
              progress.best().orElse(Double.NaN),
              progress.recentMean().orElse(Double.NaN),
              progress.evaluationsPerSecond()));
    }
  }

  @Override
  public synchronized void onValidation(SelectedModel finalist, int done, int total) {
    if (bar != null) {
      bar.setExtraMessage(String.format(Locale.ROOT, " choosing by valid: %d of %d", done, total));
    }
  }

  @Override
  public void onEnd(EvolutionResult result) {
    close();
  }

  /** Leaves the bar as it stands and gives the line back; idempotent. */
  @Override
  public synchronized void close() {
    // Closing a ProgressBar draws it once more, each time.
    if (bar != null) {
      bar.close();
      bar = null;
    }
  }
}
