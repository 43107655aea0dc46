package io.evomerge.onnx.language;

import io.evomerge.candidate.CandidateModel;
import io.evomerge.exception.TaskException;
import io.evomerge.fitness.Direction;
import io.evomerge.onnx.runtime.GenerationOptions;
import io.evomerge.onnx.runtime.LanguageModel;
import io.evomerge.onnx.runtime.OnnxBackend;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Questions for a language model and the way in which its answers are scored; immutable.
 *
 * <p>Every method that changes something returns a changed copy. {@link #on(OnnxBackend)} turns the
 * task into a fitness function. The ways of scoring:
 *
 * <table>
 * <caption>Ways of scoring</caption>
 * <tr><th>method</th><th>the model</th><th>score</th><th>item score</th></tr>
 * <tr><td>{@link #scoredBy}</td><td>continues the prompt greedily</td>
 * <td>accuracy, 0 to 1</td><td>0 or 1</td></tr>
 * <tr><td>{@link #scoredBy} and {@link #plusLogLikelihood}</td><td>the same, and rates the
 * reference</td><td>accuracy + weight × mean of the items' log-likelihoods per token</td>
 * <td>(0 or 1) + weight × log-likelihood per token</td></tr>
 * <tr><td>{@link #scoredByChoice}</td><td>rates the choices</td><td>accuracy, 0 to 1</td>
 * <td>0 or 1</td></tr>
 * <tr><td>{@link #scoredByLogLikelihood}</td><td>rates the reference</td>
 * <td>log-likelihood per token over all items, at most 0</td><td>log-likelihood per token</td></tr>
 * <tr><td>{@link #scoredByProbability}</td><td>rates the reference</td>
 * <td>mean of the references' probabilities, 0 to 1</td><td>probability</td></tr>
 * <tr><td>{@link #scoredByPerplexity}</td><td>rates the reference</td>
 * <td>perplexity over all tokens, at least 1, <b>to be minimised</b></td><td>perplexity</td></tr>
 * </table>
 *
 * <p>Logarithms are natural. The reference is the item's field {@code reference}, or else its
 * answer. A text that is rated is set behind the prompt and the {@link #separator}; the tokens that
 * follow those which the prompt alone has in common with the whole are the ones rated, so a
 * tokenizer that merges characters across the border is treated rightly.
 */
public final class TextTask {

  /** Most tokens written per answer unless said otherwise: {@value}. */
  public static final int DEFAULT_MAX_NEW_TOKENS = 64;

  private final String name;
  private final List<TextItem> items;
  private final Scoring scoring;
  private final int maxNewTokens;
  private final int batchSize;
  private final String separator;
  private final Optional<Path> tokenizerFolder;

  private TextTask(
      String name,
      List<TextItem> items,
      Scoring scoring,
      int maxNewTokens,
      int batchSize,
      String separator,
      Optional<Path> tokenizerFolder) {
    this.name = name;
    this.items = List.copyOf(items);
    this.scoring = scoring;
    this.maxNewTokens = maxNewTokens;
    this.batchSize = batchSize;
    this.separator = separator;
    this.tokenizerFolder = tokenizerFolder;
  }

  /**
   * Reads a task from a file with one JSON object per line.
   *
   * <p>Each object has {@code prompt}, a text, and {@code answer}, a text or a number; other fields
   * are kept. UTF-8; empty lines are skipped. The task is named after the file, and scored by
   * {@link AnswerCheck#normalizedText()} until another way is chosen.
   *
   * @param file in JSON lines
   * @throws IOException if the file cannot be read
   * @throws TaskException if it is empty or lines are broken; the message names file, line and what
   *     is wrong, for up to ten lines
   */
  public static TextTask read(Path file) throws IOException {
    String name = file.getFileName().toString().replaceFirst("\\.jsonl?$", "");
    return of(name, JsonLines.read(file));
  }

  /**
   * Returns a task of given items, scored by {@link AnswerCheck#normalizedText()} until another way
   * is chosen.
   *
   * @param name for reports
   * @param items at least one
   * @throws TaskException if there are none
   */
  public static TextTask of(String name, List<TextItem> items) {
    if (items.isEmpty()) {
      throw new TaskException("task " + name + " has no items, wanted at least one");
    }
    return new TextTask(
        name,
        items,
        new Scoring.Generation(AnswerCheck.normalizedText(), 0),
        DEFAULT_MAX_NEW_TOKENS,
        GenerationOptions.DEFAULT_BATCH_SIZE,
        " ",
        Optional.empty());
  }

  /**
   * Returns the task under another name.
   *
   * @param newName for reports
   */
  public TextTask named(String newName) {
    return new TextTask(
        newName, items, scoring, maxNewTokens, batchSize, separator, tokenizerFolder);
  }

  /**
   * Returns the items of one split: those whose field {@code split} has the value.
   *
   * @param value e.g. {@code "train"}
   * @throws TaskException if no item has it; the message lists the values there are
   */
  public TextTask split(String value) {
    return where("split", value);
  }

  /**
   * Returns the items of which a field has a value.
   *
   * @param field its name
   * @param value numbers are compared as numbers, all else by equality
   * @throws TaskException if no item has it; the message lists the values there are
   */
  public TextTask where(String field, Object value) {
    List<TextItem> kept =
        items.stream().filter(item -> same(item.fields().get(field), value)).toList();
    if (kept.isEmpty()) {
      Map<String, Long> counts =
          items.stream()
              .map(item -> String.valueOf(item.fields().get(field)))
              .collect(
                  Collectors.groupingBy(
                      Function.identity(), LinkedHashMap::new, Collectors.counting()));
      throw new TaskException(
          "task "
              + name
              + " has no item whose '"
              + field
              + "' is "
              + value
              + "; there are "
              + counts.entrySet().stream()
                  .limit(10)
                  .map(entry -> entry.getKey() + " (" + entry.getValue() + " items)")
                  .collect(Collectors.joining(", ")));
    }
    return withItems(name + "[" + field + "=" + value + "]", kept);
  }

  private static boolean same(Object actual, Object wanted) {
    if (actual instanceof Number && wanted instanceof Number) {
      return new BigDecimal(actual.toString()).compareTo(new BigDecimal(wanted.toString())) == 0;
    }
    return Objects.equals(actual, wanted);
  }

  /**
   * Returns the first items.
   *
   * @param count at least 1; if there are fewer items, all are kept
   * @throws IllegalArgumentException if it is below 1
   */
  public TextTask limit(int count) {
    positive("count", count);
    return withItems(name, items.subList(0, Math.min(count, items.size())));
  }

  /**
   * Returns the task with generated answers checked, so that the score is the share of answers that
   * are right and in the form asked for.
   *
   * @param check tells right from wrong
   * @throws TaskException if the check could never accept an answer to some item, e.g. because it
   *     looks for a number and the item's answer has none
   */
  public TextTask scoredBy(AnswerCheck check) {
    double weight = scoring instanceof Scoring.Generation now ? now.likelihoodWeight() : 0;
    return withScoring(new Scoring.Generation(check, weight));
  }

  /**
   * Returns the task with a second term in the score: a weight times the mean of the items'
   * log-likelihoods of the reference per token.
   *
   * <p>Accuracy on a small search set moves in steps; this term tells candidates apart between the
   * steps. Log-likelihoods per token lie around -0.1 to -5, so a weight of 0.01 to 0.1 leaves the
   * accuracy in charge. The report keeps both parts.
   *
   * @param weight finite and not negative; 0 leaves the term out
   * @throws IllegalArgumentException if the weight is out of range
   * @throws IllegalStateException if the task does not check generated answers
   * @throws TaskException if an item's reference is empty
   */
  public TextTask plusLogLikelihood(double weight) {
    if (!(weight >= 0 && weight < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("weight is " + weight + ", wanted a number from 0");
    }
    if (!(scoring instanceof Scoring.Generation now)) {
      throw new IllegalStateException(
          "task " + name + " is scored by " + scoring + "; choose scoredBy(...) first");
    }
    return withScoring(new Scoring.Generation(now.check(), weight));
  }

  /**
   * Returns the task as multiple choice: the model takes the choice to which it gives the highest
   * log-likelihood after the prompt, the first among equals, and the score is the share of items
   * where that is the right one.
   *
   * <p>Items have {@code choices}, a list of at least two texts, and {@code answer}: a number is
   * the position of the right one, counted from 0; a text is its text.
   *
   * @param normalization how choices of different length are made comparable
   * @throws TaskException if an item lacks choices or its answer is none of them
   */
  public TextTask scoredByChoice(LengthNormalization normalization) {
    return withScoring(new Scoring.MultipleChoice(normalization));
  }

  /**
   * Returns the task scored by the log-likelihood of the reference per token: the sum over the
   * tokens of all items divided by their number, at most 0, to be maximised.
   *
   * @throws TaskException if an item's reference is empty
   */
  public TextTask scoredByLogLikelihood() {
    return withScoring(new Scoring.Likelihood(Scoring.Measure.LOG_LIKELIHOOD));
  }

  /**
   * Returns the task scored by the mean probability of the references, from 0 to 1, to be
   * maximised: the accuracy to be expected if the model drew its answers by chance.
   *
   * <p>It tells candidates apart as finely as a likelihood, and an item counts at most 1, however
   * sure the model is of a wrong answer. A log-likelihood can be raised by making the model less
   * sure of everything, which answers nothing more rightly.
   *
   * @throws TaskException if an item's reference is empty
   */
  public TextTask scoredByProbability() {
    return withScoring(new Scoring.Likelihood(Scoring.Measure.PROBABILITY));
  }

  /**
   * Returns the task scored by the perplexity of the references: {@code exp} of minus the
   * log-likelihood per token, at least 1, <b>to be minimised</b>.
   *
   * @throws TaskException if an item's reference is empty
   */
  public TextTask scoredByPerplexity() {
    return withScoring(new Scoring.Likelihood(Scoring.Measure.PERPLEXITY));
  }

  /**
   * Returns the task with another limit on the length of answers.
   *
   * @param count tokens, at least 1; default {@link #DEFAULT_MAX_NEW_TOKENS}
   * @throws IllegalArgumentException if it is below 1
   */
  public TextTask maxNewTokens(int count) {
    positive("maxNewTokens", count);
    return new TextTask(name, items, scoring, count, batchSize, separator, tokenizerFolder);
  }

  /**
   * Returns the task with another number of prompts per run of the model; answers do not depend on
   * it, but for rounding.
   *
   * @param count at least 1; default {@link GenerationOptions#DEFAULT_BATCH_SIZE}
   * @throws IllegalArgumentException if it is below 1
   */
  public TextTask batchSize(int count) {
    positive("batchSize", count);
    return new TextTask(name, items, scoring, maxNewTokens, count, separator, tokenizerFolder);
  }

  /**
   * Returns the task with another text between the prompt and a text that is rated.
   *
   * @param text default one space, which Japanese would not have; left out after an empty prompt
   *     and after one that ends in white space
   */
  public TextTask separator(String text) {
    return new TextTask(name, items, scoring, maxNewTokens, batchSize, text, tokenizerFolder);
  }

  /**
   * Returns the task with a tokenizer of its own, for candidates that bring none.
   *
   * @param folder holds {@code tokenizer.json}; by default the candidate's own folder is used
   */
  public TextTask tokenizer(Path folder) {
    return new TextTask(
        name, items, scoring, maxNewTokens, batchSize, separator, Optional.of(folder));
  }

  /** Returns the name, with the selections made. */
  public String name() {
    return name;
  }

  /** Returns the items, at least one. */
  public List<TextItem> items() {
    return items;
  }

  /** Returns whether a higher or a lower score is better. */
  public Direction direction() {
    return scoring.direction();
  }

  /**
   * Returns this task as a fitness function.
   *
   * @param backend runs the candidates; stays the caller's and must be open as long as the function
   *     is used
   */
  public TextEvaluator on(OnnxBackend backend) {
    return new TextEvaluator(this, backend::languageModel, backend.description());
  }

  /**
   * Returns this task as a fitness function on a runtime of the host's own.
   *
   * @param runtime gives the language model of a candidate; called once per evaluation, by several
   *     threads at once if evaluations are
   */
  public TextEvaluator on(Function<? super CandidateModel, ? extends LanguageModel> runtime) {
    return new TextEvaluator(this, runtime::apply, "");
  }

  /**
   * Evaluates one model. For several, {@link #on(OnnxBackend)} is faster: it tokenises the prompts
   * once.
   *
   * @param backend runs the candidate
   * @param candidate to be evaluated
   * @throws IOException if its tokenizer cannot be read
   * @throws io.evomerge.exception.EvoMergeException as {@link TextEvaluator#report}
   */
  public EvaluationReport evaluate(OnnxBackend backend, CandidateModel candidate)
      throws IOException {
    try (TextEvaluator evaluator = on(backend)) {
      return evaluator.report(candidate);
    }
  }

  Scoring scoring() {
    return scoring;
  }

  String separator() {
    return separator;
  }

  int maxNewTokens() {
    return maxNewTokens;
  }

  int batchSize() {
    return batchSize;
  }

  Optional<Path> tokenizerFolder() {
    return tokenizerFolder;
  }

  private TextTask withItems(String newName, List<TextItem> kept) {
    return new TextTask(
        newName, kept, scoring, maxNewTokens, batchSize, separator, tokenizerFolder);
  }

  private TextTask withScoring(Scoring other) {
    List<String> problems = new ArrayList<>();
    for (TextItem item : items) {
      other.problem(item).ifPresent(problem -> problems.add(item.origin() + ": " + problem));
    }
    if (!problems.isEmpty()) {
      throw new TaskException(
          "task "
              + name
              + " cannot be scored by "
              + other
              + System.lineSeparator()
              + JsonLines.join(problems));
    }
    return new TextTask(name, items, other, maxNewTokens, batchSize, separator, tokenizerFolder);
  }

  private static void positive(String what, int count) {
    if (count < 1) {
      throw new IllegalArgumentException(what + " is " + count + ", wanted at least 1");
    }
  }

  /**
   * Returns {@link #toString} and a digest of the items: equal tasks have equal descriptions, and
   * other items give another one.
   */
  public String description() {
    StringBuilder content = new StringBuilder();
    items.forEach(item -> content.append(item.fields()).append('\n'));
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256")
              .digest(content.toString().getBytes(StandardCharsets.UTF_8));
      return this + ", sha256:" + HexFormat.of().formatHex(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /** Returns one line with everything that a score depends on but the items themselves. */
  @Override
  public String toString() {
    String text = name + ": " + items.size() + " items, " + scoring;
    return scoring instanceof Scoring.Generation
        ? text + ", at most " + maxNewTokens + " new tokens"
        : text;
  }
}
