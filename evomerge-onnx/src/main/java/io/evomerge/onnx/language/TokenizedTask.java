package io.evomerge.onnx.language;

import io.evomerge.exception.TaskException;
import io.evomerge.exception.UnsupportedModelException;
import io.evomerge.fitness.ItemSubset;
import io.evomerge.onnx.architecture.DecoderConfig;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A task in the tokens of one tokenizer, made once and used for every candidate. */
final class TokenizedTask implements AutoCloseable {

  private final TextTask task;
  private final Tokenizer tokenizer;
  private final List<TextItem> items;

  /** The first continuation of each item, and where the last one's end. */
  private final List<Integer> firstRated = new ArrayList<>();

  /** What is continued; empty unless answers are generated. */
  final List<int[]> prompts = new ArrayList<>();

  /** What stands before each continuation; one entry per reference or choice. */
  final List<int[]> contexts = new ArrayList<>();

  /** What is rated; one entry per reference or choice. */
  final List<int[]> continuations = new ArrayList<>();

  /** What the log-likelihood of each continuation is divided by before choices are compared. */
  final List<Integer> lengths = new ArrayList<>();

  private int largestId;
  private int longest;
  private String longestOrigin = "";

  TokenizedTask(TextTask task, Tokenizer tokenizer) {
    this.task = task;
    this.tokenizer = tokenizer;
    this.items = task.items();
    for (TextItem item : items) {
      firstRated.add(continuations.size());
      Scoring scoring = task.scoring();
      if (scoring instanceof Scoring.Generation generation) {
        int[] prompt = tokenizer.encode(item.prompt());
        requireTokens(prompt.length, item);
        prompts.add(prompt);
        note(prompt, prompt.length + task.maxNewTokens(), item);
        if (generation.likelihoodWeight() != 0) {
          rate(item, Scoring.reference(item), LengthNormalization.TOKENS);
        }
      } else if (scoring instanceof Scoring.MultipleChoice choice) {
        Scoring.choices(item).forEach(text -> rate(item, text, choice.normalization()));
      } else {
        rate(item, Scoring.reference(item), LengthNormalization.TOKENS);
      }
    }
    firstRated.add(continuations.size());
  }

  private TokenizedTask(TokenizedTask whole, int[] indices) {
    task = whole.task;
    tokenizer = whole.tokenizer;
    items = Arrays.stream(indices).mapToObj(whole.items::get).toList();
    for (int index : indices) {
      int from = whole.firstRated.get(index);
      int to = whole.firstRated.get(index + 1);
      firstRated.add(continuations.size());
      if (!whole.prompts.isEmpty()) {
        prompts.add(whole.prompts.get(index));
      }
      contexts.addAll(whole.contexts.subList(from, to));
      continuations.addAll(whole.continuations.subList(from, to));
      lengths.addAll(whole.lengths.subList(from, to));
    }
    firstRated.add(continuations.size());
    // What does not fit the whole is refused for a part, too: else it depends on the draw.
    largestId = whole.largestId;
    longest = whole.longest;
    longestOrigin = whole.longestOrigin;
  }

  /** Returns the tokens of some items, which the whole goes on to own. */
  TokenizedTask on(ItemSubset subset) {
    return subset.isAll() ? this : new TokenizedTask(this, subset.indices());
  }

  List<TextItem> items() {
    return items;
  }

  Tokenizer tokenizer() {
    return tokenizer;
  }

  private void rate(TextItem item, String text, LengthNormalization normalization) {
    String prompt = item.prompt();
    boolean spaced =
        prompt.isEmpty() || Character.isWhitespace(prompt.codePointBefore(prompt.length()));
    int[] alone = tokenizer.encode(prompt);
    int[] whole = tokenizer.encode(prompt + (spaced ? "" : task.separator()) + text);
    int common = Arrays.mismatch(alone, whole);
    if (common < 0 || common == whole.length) {
      throw new TaskException(
          item.origin() + ": the tokenizer makes no tokens of '" + text + "' after the prompt");
    }
    requireTokens(common, item);
    contexts.add(Arrays.copyOf(whole, common));
    continuations.add(Arrays.copyOfRange(whole, common, whole.length));
    lengths.add(
        switch (normalization) {
          case NONE -> 1;
          case TOKENS -> whole.length - common;
          case BYTES -> text.getBytes(StandardCharsets.UTF_8).length;
        });
    note(whole, whole.length, item);
  }

  private static void requireTokens(int count, TextItem item) {
    if (count == 0) {
      throw new TaskException(
          item.origin()
              + ": the prompt has no tokens and the tokenizer adds none; a model needs at least one"
              + " to go on from");
    }
  }

  private void note(int[] ids, int length, TextItem item) {
    for (int id : ids) {
      largestId = Math.max(largestId, id);
    }
    if (length > longest) {
      longest = length;
      longestOrigin = item.origin();
    }
  }

  /** Refuses a model that cannot take these tokens. */
  void requireFits(DecoderConfig config) {
    if (largestId >= config.vocabSize()) {
      throw new UnsupportedModelException(
          tokenizer
              + " gives token "
              + largestId
              + " for task "
              + task.name()
              + ", but the model's vocabulary has "
              + config.vocabSize()
              + " tokens; take the tokenizer that belongs to the model");
    }
    if (longest > config.maxPositions()) {
      throw new TaskException(
          longestOrigin
              + " needs "
              + longest
              + " positions"
              + (prompts.isEmpty() ? "" : " with " + task.maxNewTokens() + " new tokens")
              + ", but the model has "
              + config.maxPositions()
              + "; shorten the item"
              + (prompts.isEmpty() ? "" : " or lower maxNewTokens"));
    }
  }

  @Override
  public void close() {
    tokenizer.close();
  }
}
