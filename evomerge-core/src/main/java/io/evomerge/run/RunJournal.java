package io.evomerge.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.exception.JournalException;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.ItemSubset;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Genome;
import io.evomerge.optimizer.Proposal;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.RecipeFiles;
import io.evomerge.result.SelectedModel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a run has learned, in an append-only file of JSON lines: a header with the settings, then a
 * line per evaluation, each on disk before the optimiser hears of it.
 *
 * <p>A resume replays the search and takes outcomes from here. A torn last line, as a crash leaves
 * it, is cut off with a warning; anything else that does not parse is refused.
 */
final class RunJournal implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(RunJournal.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  static final int VERSION = 1;
  static final String FILE = "journal.jsonl";

  /** The key of a recipe in full; {@code recipe} is its digest. */
  static final String MODEL = "model";

  /** The key of the items that a trial was scored on; absent where these are all. */
  private static final String ITEMS = "on_items";

  private final Path file;
  private final FileChannel channel;
  private final Map<Long, Trial> trials = new HashMap<>();
  private final Map<String, Outcome> finals = new HashMap<>();
  private long elapsedMillis;

  /** A trial as it was journalled. */
  record Trial(
      Genome genome, String digest, ItemSubset items, Outcome outcome, long elapsedMillis) {}

  private RunJournal(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /**
   * Opens the journal of a folder, and makes both where they are missing.
   *
   * @param folder of the run
   * @param settings everything that fixes the search, by name
   * @throws JournalException if it is in use, damaged, or of a search with other settings
   */
  static RunJournal open(Path folder, Map<String, String> settings) {
    Path file = folder.resolve(FILE);
    try {
      Files.createDirectories(folder);
      boolean isNew = !Files.exists(file);
      FileChannel channel =
          FileChannel.open(
              file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
      try {
        lock(file, channel);
        RunJournal journal = new RunJournal(file, channel);
        journal.load(settings, isNew);
        return journal;
      } catch (IOException | RuntimeException e) {
        channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw new JournalException(
          "cannot open journal " + file + ": " + e + "; choose a folder that can be written", e);
    }
  }

  private static void lock(Path file, FileChannel channel) throws IOException {
    @Nullable FileLock lock;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      lock = null;
    }
    if (lock == null) {
      throw new JournalException(
          "journal " + file + " is in use by another run; wait for it or choose another folder");
    }
  }

  private void load(Map<String, String> settings, boolean isNew) throws IOException {
    byte[] content = Files.readAllBytes(file);
    int start = 0;
    int number = 0;
    boolean header = false;
    while (start < content.length) {
      int end = start;
      while (end < content.length && content[end] != '\n') {
        end++;
      }
      number++;
      @Nullable JsonNode line = end < content.length ? parse(content, start, end) : null;
      if (line == null) {
        if (end < content.length && end != content.length - 1) {
          throw new JournalException(
              "journal "
                  + file
                  + ", line "
                  + number
                  + ": not a line of this journal, and not the last one; the file is damaged. Move it"
                  + " away to start anew");
        }
        log.warn("journal {}: dropped the torn last line {}", file, number);
        channel.truncate(start);
        channel.force(true);
        break;
      }
      if (header) {
        read(line, number);
      } else {
        checkHeader(line, settings);
        header = true;
      }
      start = end + 1;
    }
    channel.position(channel.size());
    if (!header) {
      ObjectNode line = JSON.createObjectNode().put("evomerge-journal", VERSION);
      ObjectNode config = line.putObject("settings");
      settings.forEach(config::put);
      try {
        append(line);
      } catch (JournalException e) {
        if (isNew) {
          // Nothing was learned yet, so nothing is left behind.
          Files.deleteIfExists(file);
        }
        throw e;
      }
    }
  }

  static @Nullable JsonNode parse(byte[] content, int start, int end) {
    try {
      JsonNode node =
          JSON.readTree(new String(content, start, end - start, StandardCharsets.UTF_8));
      return node != null && node.isObject() ? node : null;
    } catch (JsonProcessingException e) {
      return null;
    }
  }

  private void checkHeader(JsonNode line, Map<String, String> settings) {
    if (line.path("evomerge-journal").asInt() != VERSION || !line.path("settings").isObject()) {
      throw new JournalException(
          file + " is no journal of version " + VERSION + "; choose another folder");
    }
    Map<String, String> there = new LinkedHashMap<>();
    line.get("settings").properties().forEach(e -> there.put(e.getKey(), e.getValue().asText()));
    List<String> differences = new ArrayList<>();
    TreeSet<String> names = new TreeSet<>(there.keySet());
    names.addAll(settings.keySet());
    for (String name : names) {
      String old = there.getOrDefault(name, "(absent)");
      String now = settings.getOrDefault(name, "(absent)");
      if (!old.equals(now)) {
        differences.add(name + ": journal has '" + old + "', this search has '" + now + "'");
      }
    }
    if (!differences.isEmpty()) {
      throw new JournalException(
          "journal "
              + file
              + " belongs to another search; use its settings or choose another folder. Differences:"
              + System.lineSeparator()
              + "  "
              + String.join(System.lineSeparator() + "  ", differences));
    }
  }

  private void read(JsonNode line, int number) {
    try {
      elapsedMillis = Math.max(elapsedMillis, line.path("elapsed_ms").asLong());
      if (line.has("trial")) {
        trials.put(
            line.get("trial").asLong(),
            new Trial(
                genome(line),
                line.get("recipe").asText(),
                items(line),
                outcome(line),
                line.path("elapsed_ms").asLong()));
      } else if (line.has("final")) {
        finals.put(key(line.get("final").asText(), line.get("data").asText()), outcome(line));
      }
    } catch (RuntimeException e) {
      throw new JournalException(
          "journal " + file + ", line " + number + ": not understood: " + e, e);
    }
  }

  static Genome genome(JsonNode line) {
    JsonNode genes = line.get("genome");
    double[] values = new double[genes.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = genes.get(i).doubleValue();
    }
    return Genome.of(values);
  }

  private static ItemSubset items(JsonNode line) {
    return line.has(ITEMS) ? ItemSubset.parse(line.get(ITEMS).asText()) : ItemSubset.all();
  }

  static Outcome outcome(JsonNode line) {
    if (line.has("failed")) {
      return new Outcome.Failed(line.get("failed").asText());
    }
    if (line.has("infeasible")) {
      return new Outcome.Infeasible(line.get("infeasible").asText());
    }
    List<Fitness> scores = new ArrayList<>();
    for (JsonNode one : line.get("fitness")) {
      Map<String, Double> details = new HashMap<>();
      one.path("details")
          .properties()
          .forEach(e -> details.put(e.getKey(), e.getValue().asDouble()));
      scores.add(
          new Fitness(
              one.get("score").doubleValue(),
              numbers(one.path("items")),
              details,
              numbers(one.path("weights")),
              items(line)));
    }
    return new Outcome.Scored(scores);
  }

  /** Items that are all 0 or 1, the common case, are a string of digits. */
  private static double[] numbers(JsonNode node) {
    if (node.isTextual()) {
      return node.asText().chars().mapToDouble(c -> c - '0').toArray();
    }
    double[] items = new double[node.size()];
    for (int i = 0; i < items.length; i++) {
      items[i] = node.get(i).doubleValue();
    }
    return items;
  }

  private static void putOutcome(ObjectNode line, Outcome outcome) {
    if (outcome instanceof Outcome.Failed failed) {
      line.put("failed", failed.reason());
    } else if (outcome instanceof Outcome.Infeasible infeasible) {
      line.put("infeasible", infeasible.reason());
    } else if (outcome instanceof Outcome.Scored scored) {
      ArrayNode list = line.putArray("fitness");
      for (Fitness fitness : scored.fitness()) {
        ObjectNode one = list.addObject().put("score", fitness.score());
        double[] items = fitness.items();
        if (items.length > 0) {
          putItems(one, items);
        }
        if (items.length > 0 && fitness.weights().length > 0) {
          ArrayNode weights = one.putArray("weights");
          for (double weight : fitness.weights()) {
            weights.add(weight);
          }
        }
        if (!fitness.details().isEmpty()) {
          ObjectNode details = one.putObject("details");
          fitness
              .details()
              .forEach(
                  (name, value) -> {
                    if (Double.isFinite(value)) {
                      details.put(name, value);
                    }
                  });
        }
      }
    }
  }

  private static void putItems(ObjectNode one, double[] items) {
    StringBuilder digits = new StringBuilder(items.length);
    for (double item : items) {
      if (item != 0 && item != 1) {
        ArrayNode numbers = one.putArray("items");
        for (double each : items) {
          numbers.add(each);
        }
        return;
      }
      digits.append(item == 1 ? '1' : '0');
    }
    one.put("items", digits.toString());
  }

  /** Takes a trial out, if it is here: the search asks for each once, and scores may be large. */
  @Nullable Trial takeTrial(Proposal proposal, String digest) {
    long id = proposal.id();
    Trial trial = trials.remove(id);
    if (trial == null) {
      return null;
    }
    if (!trial.genome().equals(proposal.genome())
        || !trial.digest().equals(digest)
        || !trial.items().equals(proposal.items())) {
      throw new JournalException(
          "journal "
              + file
              + ": trial "
              + id
              + " was another point when it was written, so this version of the library searches"
              + " differently; finish the run with the version that began it, or choose another"
              + " folder");
    }
    return trial;
  }

  /** Returns the outcome of a final evaluation, if it is here. */
  @Nullable Outcome finalEvaluation(String digest, TrialTask.Data data) {
    return finals.get(key(digest, data.name()));
  }

  /** Returns the time that earlier parts of the run have spent. */
  long elapsedMillis() {
    return elapsedMillis;
  }

  /** Returns the number of trials that are here and were not taken. */
  int size() {
    return trials.size();
  }

  /**
   * Adds a trial.
   *
   * @param leader its recipe, if it is the best so far: for those who look at a run under way
   */
  void addTrial(
      Proposal proposal,
      String digest,
      Outcome outcome,
      Optional<MergeRecipe> leader,
      long elapsedMillis) {
    ObjectNode line = JSON.createObjectNode().put("trial", proposal.id()).put("recipe", digest);
    if (!proposal.items().isAll()) {
      line.put(ITEMS, proposal.items().toString());
    }
    leader.ifPresent(recipe -> line.set(MODEL, tree(recipe)));
    putOutcome(line, outcome);
    ArrayNode genes = line.putArray("genome");
    for (double value : proposal.genome().values()) {
      genes.add(value);
    }
    append(line.put("elapsed_ms", elapsedMillis));
  }

  void addFinal(SelectedModel model, TrialTask.Data data, Outcome outcome, long elapsedMillis) {
    ObjectNode line =
        JSON.createObjectNode()
            .put("final", model.recipe().digest())
            .put("data", data.name())
            .put("origin", model.origin());
    line.set(MODEL, tree(model.recipe()));
    putOutcome(line, outcome);
    append(line.put("elapsed_ms", elapsedMillis));
  }

  private static JsonNode tree(MergeRecipe recipe) {
    try {
      return JSON.readTree(RecipeFiles.toJson(recipe));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a recipe's JSON is not JSON", e);
    }
  }

  private static String key(String digest, String data) {
    return data + ' ' + digest;
  }

  private void append(ObjectNode line) {
    try {
      ByteBuffer bytes =
          ByteBuffer.wrap((JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8));
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(false);
    } catch (IOException e) {
      throw new JournalException(
          "cannot write journal " + file + ": " + e + "; free space and resume", e);
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      log.warn("journal {}: {}", file, e.toString());
    }
  }
}
