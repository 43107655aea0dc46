package io.evomerge.run;

import com.fasterxml.jackson.databind.JsonNode;
import io.evomerge.exception.JournalException;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Genome;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.RecipeFiles;
import io.evomerge.result.EvolutionResult;
import io.evomerge.result.Provenance;
import io.evomerge.result.SelectedModel;
import io.evomerge.result.StopReason;
import io.evomerge.result.TrialRecord;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What a journal says, line by line. */
final class JournalReading {

  private final Map<String, String> settings = new LinkedHashMap<>();
  private final List<TrialRecord> trials = new ArrayList<>();
  private final Map<String, Integer> failures = new LinkedHashMap<>();
  private final List<SelectedModel> finalists = new ArrayList<>();
  private final List<SelectedModel> confirmed = new ArrayList<>();
  private @Nullable SelectedModel leader;
  private long elapsedMillis;

  void add(JsonNode line) {
    elapsedMillis = Math.max(elapsedMillis, line.path("elapsed_ms").asLong());
    line.path("settings").properties().forEach(e -> settings.put(e.getKey(), text(e.getValue())));
    if (line.has("trial")) {
      addTrial(line);
    } else if (line.has("final") && line.has(RunJournal.MODEL)) {
      boolean validation = text(line.get("data")).equals(TrialTask.Data.VALIDATION.name());
      if (validation && RunJournal.outcome(line) instanceof Outcome.Scored scored) {
        finalists.add(
            new SelectedModel(
                recipe(line),
                Genome.of(),
                text(line.path("origin")),
                List.of(),
                withoutItems(scored)));
      }
      if (!validation && RunJournal.outcome(line) instanceof Outcome.Scored scored) {
        confirmed.add(
            new SelectedModel(
                recipe(line),
                Genome.of(),
                text(line.path("origin")),
                withoutItems(scored),
                List.of()));
      }
    }
  }

  private void addTrial(JsonNode line) {
    long id = line.get("trial").asLong();
    Outcome outcome = RunJournal.outcome(line);
    if (outcome instanceof Outcome.Failed failed) {
      failures.merge(failed.reason(), 1, Integer::sum);
    }
    List<Fitness> scores =
        outcome instanceof Outcome.Scored scored ? withoutItems(scored) : List.of();
    Outcome slim = scores.isEmpty() ? outcome : new Outcome.Scored(scores);
    Genome genome = RunJournal.genome(line);
    trials.add(new TrialRecord(id, genome, slim));
    if (line.has(RunJournal.MODEL) && !scores.isEmpty()) {
      leader = new SelectedModel(recipe(line), genome, "trial " + id, scores, List.of());
    }
  }

  private static List<Fitness> withoutItems(Outcome.Scored scored) {
    return scored.fitness().stream().map(Fitness::withoutItems).toList();
  }

  private static String text(JsonNode node) {
    return node.asText();
  }

  private static MergeRecipe recipe(JsonNode line) {
    return RecipeFiles.fromJson(line.get(RunJournal.MODEL).toString());
  }

  Optional<EvolutionResult> result() {
    boolean maximize =
        settings.entrySet().stream()
            .filter(e -> e.getKey().startsWith("objective."))
            .findFirst()
            .map(e -> e.getValue().startsWith(Direction.MAXIMIZE.name()))
            .orElse(true);
    // A search on subsets of the items has few exact scores before its end, or none.
    for (SelectedModel each : confirmed) {
      Direction direction = maximize ? Direction.MAXIMIZE : Direction.MINIMIZE;
      if (leader == null || direction.isBetter(each.score(), leader.score())) {
        leader = each;
      }
    }
    if (leader == null) {
      return Optional.empty();
    }
    Comparator<SelectedModel> order =
        Comparator.comparingDouble(model -> model.validation().get(0).score());
    finalists.sort(maximize ? order.reversed() : order);
    SelectedModel best = finalists.isEmpty() ? leader : finalists.get(0);
    trials.sort(Comparator.comparingLong(TrialRecord::id));
    return Optional.of(
        new EvolutionResult(
            best,
            leader,
            List.of(best),
            finalists,
            trials,
            finalists.isEmpty()
                ? "the search data so far"
                : "the validation data, among " + finalists.size() + " finalists so far",
            StopReason.UNKNOWN,
            "read from the journal after " + trials.size() + " trials",
            failures,
            0,
            Duration.ofMillis(elapsedMillis),
            new Provenance(settings, Map.of()),
            Map.of()));
  }

  /**
   * Reads what a journal holds by now, of a run that is going on, too; changes nothing.
   *
   * @param folder of the run
   * @throws JournalException if there is none, it is damaged, or no trial was scored yet
   */
  static EvolutionResult read(Path folder) {
    Path file = folder.resolve(RunJournal.FILE);
    byte[] content;
    try {
      content = Files.readAllBytes(file);
    } catch (IOException e) {
      throw new JournalException(
          "cannot read journal " + file + ": " + e + "; give the folder of a run with a journal",
          e);
    }
    JournalReading reading = new JournalReading();
    int start = 0;
    int number = 0;
    for (int end = 0; end < content.length; end++) {
      // What follows the last line end is being written just now.
      if (content[end] != '\n') {
        continue;
      }
      number++;
      @Nullable JsonNode line = RunJournal.parse(content, start, end);
      if (line == null
          || (number == 1 && line.path("evomerge-journal").asInt() != RunJournal.VERSION)) {
        throw new JournalException(
            "journal "
                + file
                + ", line "
                + number
                + ": not a line of a journal of version "
                + RunJournal.VERSION
                + "; the file is damaged, or something else");
      }
      try {
        reading.add(line);
      } catch (RuntimeException e) {
        throw new JournalException(
            "journal " + file + ", line " + number + ": not understood: " + e, e);
      }
      start = end + 1;
    }
    return reading
        .result()
        .orElseThrow(
            () -> new JournalException("journal " + file + ": no trial was scored yet; wait"));
  }
}
