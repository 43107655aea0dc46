package io.evomerge.examples;

import io.evomerge.result.SelectedModel;
import io.evomerge.result.TrialRecord;
import io.evomerge.run.Progress;
import io.evomerge.run.RunListener;
import java.util.Locale;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** A progress bar on standard error: evaluations, time left, best, mean, evaluations per second. */
final class Bar implements RunListener, AutoCloseable {

  private final ProgressBar bar;
  private boolean finished;

  Bar(int evaluations) {
    bar =
        new ProgressBarBuilder()
            .setTaskName("Evolving")
            .setInitialMax(evaluations)
            .setStyle(ProgressBarStyle.ASCII)
            .setUpdateIntervalMillis(System.console() == null ? 5_000 : 250)
            .build();
  }

  @Override
  public void onTrial(TrialRecord trial, boolean improved, Progress progress) {
    bar.stepTo(progress.evaluations());
    bar.setExtraMessage(
        String.format(
            Locale.ROOT,
            " best %.3f mean %.3f %.1f/s",
            progress.best().orElse(Double.NaN),
            progress.recentMean().orElse(Double.NaN),
            progress.evaluationsPerSecond()));
  }

  @Override
  public void onValidation(SelectedModel finalist, int done, int total) {
    bar.setExtraMessage(String.format(Locale.ROOT, " choosing by valid: %d of %d", done, total));
  }

  /** Leaves the bar as it stands and gives the line back; idempotent. */
  void finish() {
    // Closing a ProgressBar draws it once more, each time.
    if (!finished) {
      finished = true;
      bar.close();
    }
  }

  @Override
  public void close() {
    finish();
  }
}
