package io.evomerge.onnx.language;

import io.evomerge.candidate.CandidateModel;
import io.evomerge.exception.BackendException;
import io.evomerge.exception.TaskException;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.ItemFitness;
import io.evomerge.fitness.ItemSubset;
import io.evomerge.fitness.MeanEstimate;
import io.evomerge.onnx.runtime.GenerationOptions;
import io.evomerge.onnx.runtime.LanguageModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * A text task bound to a runtime: a fitness function that also writes reports.
 *
 * <p>The prompts are tokenised when the first candidate with a given tokenizer folder comes, and
 * never again. Safe for concurrent evaluations of different candidates; the result is a function of
 * the candidate alone. It holds the tokenizers until it is closed; {@link #close()} is idempotent,
 * and use after it throws {@link IllegalStateException}.
 */
public final class TextEvaluator implements ItemFitness, AutoCloseable {

  private final TextTask task;
  private final Function<CandidateModel, LanguageModel> runtime;
  private final String runtimeName;
  private final Map<Path, TokenizedTask> tokenized = new HashMap<>();
  private boolean closed;

  TextEvaluator(
      TextTask task, Function<CandidateModel, LanguageModel> runtime, String runtimeName) {
    this.task = task;
    this.runtime = runtime;
    this.runtimeName = runtimeName;
  }

  /** Returns the task. */
  public TextTask task() {
    return task;
  }

  @Override
  public String description() {
    return task.description();
  }

  @Override
  public String runtime() {
    return runtimeName;
  }

  @Override
  public double score(CandidateModel candidate) throws IOException {
    return report(candidate).score();
  }

  @Override
  public Fitness evaluate(CandidateModel candidate) throws IOException {
    return evaluate(candidate, ItemSubset.all());
  }

  @Override
  public int itemCount() {
    return task.items().size();
  }

  /** Returns the geometric mean for perplexities, which tokens weigh; else the arithmetic one. */
  @Override
  public Mean itemMean() {
    return task.scoring() instanceof Scoring.Likelihood likelihood
            && likelihood.measure() == Scoring.Measure.PERPLEXITY
        ? Mean.GEOMETRIC
        : Mean.ARITHMETIC;
  }

  /**
   * Scores a candidate on some items, as {@link #evaluate(CandidateModel)} does on all of them: the
   * score is that of a task with these items only, and tokens are the weights where likelihoods are
   * measured per token.
   *
   * <p>An item's score is the same in any subset, up to the rounding of the runtime, whose batches
   * then differ.
   */
  @Override
  public Fitness evaluate(CandidateModel candidate, ItemSubset items) throws IOException {
    TokenizedTask tokens = tokenized(candidate).on(items.requireWithin(itemCount()));
    Fitness fitness = report(tokens, candidate).fitness();
    return new Fitness(fitness.score(), fitness.items(), fitness.details(), weights(tokens), items);
  }

  /** What items weigh in the score: their tokens, where these are counted and differ. */
  private double[] weights(TokenizedTask tokens) {
    if (!(task.scoring() instanceof Scoring.Likelihood likelihood)
        || likelihood.measure() == Scoring.Measure.PROBABILITY) {
      return new double[0];
    }
    return tokens.continuations.stream().mapToDouble(ids -> ids.length).toArray();
  }

  /**
   * Evaluates a model and keeps what it wrote.
   *
   * @param candidate valid during the call
   * @throws IOException if its tokenizer cannot be read
   * @throws TaskException if it has no tokenizer, or an item is too long for the model; the message
   *     names the item
   * @throws io.evomerge.exception.UnsupportedModelException if the tokenizer has tokens that the
   *     model has not
   * @throws BackendException if the model cannot be run
   * @throws IllegalStateException if this evaluator is closed
   */
  public EvaluationReport report(CandidateModel candidate) throws IOException {
    return report(tokenized(candidate), candidate);
  }

  private EvaluationReport report(TokenizedTask tokens, CandidateModel candidate) {
    LanguageModel model = runtime.apply(candidate);
    tokens.requireFits(model.config());
    Map<String, Double> details = new TreeMap<>();
    details.put("items", (double) tokens.items().size());
    Scoring scoring = task.scoring();
    List<ItemOutcome> outcomes;
    double score;
    if (scoring instanceof Scoring.Generation generation) {
      outcomes = generate(tokens, model, generation);
      score = addAccuracy(details, outcomes);
      if (generation.likelihoodWeight() != 0) {
        double likelihood =
            outcomes.stream().mapToDouble(o -> o.logLikelihood().orElseThrow()).sum()
                / outcomes.size();
        details.put("log_likelihood", likelihood);
        score += generation.likelihoodWeight() * likelihood;
      }
    } else if (scoring instanceof Scoring.MultipleChoice) {
      outcomes = choose(tokens, model);
      score = addAccuracy(details, outcomes);
    } else {
      Scoring.Measure measure = ((Scoring.Likelihood) scoring).measure();
      double[] sums = rate(tokens, model);
      outcomes = likelihoods(tokens, sums, measure);
      double total = 0;
      long count = 0;
      for (int i = 0; i < sums.length; i++) {
        total += sums[i];
        count += tokens.continuations.get(i).length;
      }
      double perToken = total / count;
      details.put("log_likelihood", perToken);
      details.put("perplexity", Math.exp(-perToken));
      details.put("tokens", (double) count);
      score =
          switch (measure) {
            case LOG_LIKELIHOOD -> perToken;
            case PERPLEXITY -> Math.exp(-perToken);
            case PROBABILITY ->
                MeanEstimate.of(Arrays.stream(sums).map(Math::exp).toArray()).mean();
          };
    }
    return new EvaluationReport(
        task.name(), scoring.toString(), scoring.direction(), score, outcomes, details);
  }

  private List<ItemOutcome> generate(
      TokenizedTask tokens, LanguageModel model, Scoring.Generation generation) {
    int vocabSize = model.config().vocabSize();
    Set<Integer> stopTokens =
        tokens.tokenizer().eosTokenIds().stream()
            .filter(id -> id < vocabSize)
            .collect(Collectors.toSet());
    List<int[]> written =
        model.generate(
            tokens.prompts,
            new GenerationOptions(task.maxNewTokens(), stopTokens, task.batchSize()));
    requireCount(written.size(), tokens.prompts.size(), "answers");
    List<String> texts = tokens.tokenizer().decodeAll(written, true);
    double weight = generation.likelihoodWeight();
    double[] sums = weight == 0 ? new double[0] : rate(tokens, model);
    List<ItemOutcome> outcomes = new ArrayList<>();
    for (int i = 0; i < texts.size(); i++) {
      TextItem item = tokens.items().get(i);
      boolean right = generation.check().isRight(texts.get(i), item);
      boolean formed = generation.check().hasForm(texts.get(i));
      double itemScore = right && formed ? 1 : 0;
      OptionalDouble likelihood = OptionalDouble.empty();
      if (weight != 0) {
        likelihood = OptionalDouble.of(sums[i] / tokens.continuations.get(i).length);
        itemScore += weight * likelihood.getAsDouble();
      }
      outcomes.add(
          new ItemOutcome(item, Optional.of(texts.get(i)), right, formed, itemScore, likelihood));
    }
    return outcomes;
  }

  private List<ItemOutcome> choose(TokenizedTask tokens, LanguageModel model) {
    double[] sums = rate(tokens, model);
    List<ItemOutcome> outcomes = new ArrayList<>();
    int next = 0;
    for (TextItem item : tokens.items()) {
      List<String> choices = Scoring.choices(item);
      int first = next;
      int best = 0;
      for (int c = 1; c < choices.size(); c++) {
        if (sums[first + c] / tokens.lengths.get(first + c)
            > sums[first + best] / tokens.lengths.get(first + best)) {
          best = c;
        }
      }
      next += choices.size();
      int wanted = Scoring.rightChoice(item, choices);
      double likelihood = sums[first + wanted] / tokens.continuations.get(first + wanted).length;
      outcomes.add(
          new ItemOutcome(
              item,
              Optional.of(choices.get(best)),
              best == wanted,
              true,
              best == wanted ? 1 : 0,
              OptionalDouble.of(likelihood)));
    }
    return outcomes;
  }

  private List<ItemOutcome> likelihoods(
      TokenizedTask tokens, double[] sums, Scoring.Measure measure) {
    List<ItemOutcome> outcomes = new ArrayList<>();
    for (int i = 0; i < sums.length; i++) {
      double perToken = sums[i] / tokens.continuations.get(i).length;
      outcomes.add(
          new ItemOutcome(
              tokens.items().get(i),
              Optional.empty(),
              false,
              true,
              switch (measure) {
                case LOG_LIKELIHOOD -> perToken;
                case PERPLEXITY -> Math.exp(-perToken);
                case PROBABILITY -> Math.exp(sums[i]);
              },
              OptionalDouble.of(perToken)));
    }
    return outcomes;
  }

  private static double[] rate(TokenizedTask tokens, LanguageModel model) {
    double[] sums = model.logLikelihoods(tokens.contexts, tokens.continuations);
    requireCount(sums.length, tokens.contexts.size(), "log-likelihoods");
    return sums;
  }

  private static void requireCount(int got, int wanted, String what) {
    if (got != wanted) {
      throw new BackendException(
          "the language model gave " + got + " " + what + " for " + wanted + " prompts");
    }
  }

  private static double addAccuracy(Map<String, Double> details, List<ItemOutcome> outcomes) {
    double[] accepted = outcomes.stream().mapToDouble(o -> o.accepted() ? 1 : 0).toArray();
    MeanEstimate accuracy = MeanEstimate.of(accepted);
    double count = outcomes.size();
    details.put("accuracy", accuracy.mean());
    details.put("standard_error", accuracy.standardError());
    details.put("answer_only", outcomes.stream().filter(ItemOutcome::right).count() / count);
    details.put("form_only", outcomes.stream().filter(ItemOutcome::formed).count() / count);
    return accuracy.mean();
  }

  private TokenizedTask tokenized(CandidateModel candidate) throws IOException {
    Path folder =
        task.tokenizerFolder()
            .or(candidate::tokenizerFolder)
            .orElseThrow(
                () ->
                    new TaskException(
                        "task "
                            + task.name()
                            + ": the candidate has no tokenizer folder; name one with"
                            + " TextTask.tokenizer(folder)"));
    synchronized (tokenized) {
      if (closed) {
        throw new IllegalStateException("the evaluator of task " + task.name() + " is closed");
      }
      TokenizedTask known = tokenized.get(folder);
      if (known == null) {
        Tokenizer tokenizer = Tokenizer.open(folder);
        try {
          known = new TokenizedTask(task, tokenizer);
        } catch (RuntimeException e) {
          tokenizer.close();
          throw e;
        }
        tokenized.put(folder, known);
      }
      return known;
    }
  }

  /** Frees the tokenizers; idempotent. */
  @Override
  public void close() {
    synchronized (tokenized) {
      closed = true;
      tokenized.values().forEach(TokenizedTask::close);
      tokenized.clear();
    }
  }

  @Override
  public String toString() {
    return task.toString();
  }
}
