package io.evomerge.onnx.runtime;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.exception.BackendException;
import io.evomerge.onnx.architecture.DecoderConfig;
import io.evomerge.onnx.architecture.DecoderGraphs;
import io.evomerge.onnx.runtime.BatchPlan.Limits;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** A candidate over the sessions of its weight store. */
final class OnnxLanguageModel implements LanguageModel {

  /** Most tokens per run, padding included: enough for full speed, little enough for caches. */
  private static final long TOKENS_PER_RUN = 4096;

  /** Most bytes of keys and values per run. */
  private static final long CACHE_BYTES_PER_RUN = 1L << 31;

  /** Most logits per run. */
  private static final long LOGITS_PER_RUN = 1L << 24;

  /**
   * Packing takes as long as packed weights save in about 30 steps, whatever the model's size
   * (measured at 84 M weights with 4 to 16 rows); twice that, as answers often end early.
   */
  private static final long STEPS_THAT_PAY_FOR_PACKING = 64;

  private final CandidateSessions sessions;
  private final CandidateModel candidate;
  private final SessionMode mode;

  OnnxLanguageModel(CandidateSessions sessions, CandidateModel candidate, SessionMode mode) {
    this.sessions = sessions;
    this.candidate = candidate;
    this.mode = mode;
  }

  @Override
  public DecoderConfig config() {
    return sessions.config();
  }

  @Override
  public List<int[]> generate(List<int[]> prompts, GenerationOptions options) {
    Objects.requireNonNull(options, "options");
    check("prompt", prompts, options.maxNewTokens() - 1);
    int[] lengths = prompts.stream().mapToInt(prompt -> prompt.length).toArray();
    List<int[]> batches =
        BatchPlan.of(
            lengths, ones(lengths.length), limits(options.batchSize(), options.maxNewTokens() - 1));
    if (batches.isEmpty()) {
      return List.of();
    }
    long steps = (long) batches.size() * (options.maxNewTokens() - 1);
    Session session = session(Purpose.GENERATION, steps);
    long[] stops = options.stopTokens().stream().mapToLong(Integer::longValue).sorted().toArray();
    int[][] answers = new int[prompts.size()][];
    for (int[] batch : batches) {
      try (Inputs inputs = new Inputs(prompts, batch, options.maxNewTokens() - 1)) {
        inputs.putLongs(DecoderGraphs.POSITIONS, inputs.lastPositions(), batch.length);
        inputs.putLongs(DecoderGraphs.STEPS, new long[] {options.maxNewTokens() - 1});
        long[] orNone = stops.length == 0 ? new long[] {-1} : stops;
        inputs.putLongs(DecoderGraphs.STOP_TOKENS, orNone, orNone.length);
        int[][] written =
            session.run(inputs.tensors, result -> readTokens(result, batch.length, stops));
        for (int row = 0; row < batch.length; row++) {
          answers[batch[row]] = written[row];
        }
      }
    }
    return List.of(answers);
  }

  private static int[][] readTokens(OrtSession.Result result, int rows, long[] stops)
      throws OrtException {
    long[] first = longs(result, DecoderGraphs.FIRST_TOKENS);
    long[] next = longs(result, DecoderGraphs.NEXT_TOKENS);
    int steps = next.length / rows;
    int[][] answers = new int[rows][];
    for (int row = 0; row < rows; row++) {
      int[] answer = new int[1 + steps];
      int length = 0;
      for (int step = 0; step <= steps; step++) {
        long token = step == 0 ? first[row] : next[(step - 1) * rows + row];
        if (Arrays.binarySearch(stops, token) >= 0) {
          break;
        }
        answer[length++] = (int) token;
      }
      answers[row] = Arrays.copyOf(answer, length);
    }
    return answers;
  }

  @Override
  public double[] logLikelihoods(List<int[]> contexts, List<int[]> continuations) {
    if (contexts.size() != continuations.size()) {
      throw new IllegalArgumentException(
          contexts.size() + " contexts and " + continuations.size() + " continuations");
    }
    check("context", contexts, 0);
    check("continuation", continuations, 0);
    // A piece is a sequence with its last targets; long continuations come in several pieces.
    int most = (int) Math.max(1, LOGITS_PER_RUN / config().vocabSize());
    List<int[]> sequences = new ArrayList<>();
    List<int[]> targets = new ArrayList<>();
    List<Integer> items = new ArrayList<>();
    for (int item = 0; item < contexts.size(); item++) {
      int[] context = contexts.get(item);
      int[] continuation = continuations.get(item);
      int[] whole = Arrays.copyOf(context, context.length + continuation.length);
      System.arraycopy(continuation, 0, whole, context.length, continuation.length);
      for (int from = 0; from < continuation.length; from += most) {
        int to = Math.min(continuation.length, from + most);
        sequences.add(Arrays.copyOf(whole, context.length + to - 1));
        targets.add(Arrays.copyOfRange(continuation, from, to));
        items.add(item);
      }
    }
    check("context with continuation", sequences, 0);
    double[] sums = new double[contexts.size()];
    int[] lengths = sequences.stream().mapToInt(sequence -> sequence.length).toArray();
    int[] targetCounts = targets.stream().mapToInt(target -> target.length).toArray();
    Session session = session(Purpose.LOG_PROBABILITIES, 0);
    for (int[] batch :
        BatchPlan.of(lengths, targetCounts, limits(GenerationOptions.DEFAULT_BATCH_SIZE, 0))) {
      int count = Arrays.stream(batch).map(piece -> targetCounts[piece]).sum();
      long[] wanted = new long[count];
      long[] positions = new long[count];
      try (Inputs inputs = new Inputs(sequences, batch, 0)) {
        int i = 0;
        for (int row = 0; row < batch.length; row++) {
          int[] target = targets.get(batch[row]);
          for (int k = 0; k < target.length; k++) {
            positions[i] = (long) row * inputs.padded + lengths[batch[row]] - target.length + k;
            wanted[i++] = target[k];
          }
        }
        inputs.putLongs(DecoderGraphs.POSITIONS, positions, count);
        inputs.putLongs(DecoderGraphs.TARGETS, wanted, count);
        float[] logs =
            session.run(inputs.tensors, result -> floats(result, DecoderGraphs.LOG_PROBABILITIES));
        i = 0;
        for (int piece : batch) {
          for (int k = 0; k < targetCounts[piece]; k++) {
            sums[items.get(piece)] += logs[i++];
          }
        }
      }
    }
    return sums;
  }

  @Override
  public float[][] lastLogits(List<int[]> prompts) {
    check("prompt", prompts, 0);
    int[] lengths = prompts.stream().mapToInt(prompt -> prompt.length).toArray();
    int vocabulary = config().vocabSize();
    float[][] logits = new float[prompts.size()][];
    Session session = session(Purpose.LOGITS, 0);
    for (int[] batch :
        BatchPlan.of(
            lengths, ones(lengths.length), limits(GenerationOptions.DEFAULT_BATCH_SIZE, 0))) {
      try (Inputs inputs = new Inputs(prompts, batch, 0)) {
        inputs.putLongs(DecoderGraphs.POSITIONS, inputs.lastPositions(), batch.length);
        float[] all = session.run(inputs.tensors, result -> floats(result, DecoderGraphs.LOGITS));
        for (int row = 0; row < batch.length; row++) {
          logits[batch[row]] = Arrays.copyOfRange(all, row * vocabulary, (row + 1) * vocabulary);
        }
      }
    }
    return logits;
  }

  /**
   * Gives the sums of products of what linear layers are fed, batch by batch, in a fixed order.
   *
   * @param texts token ids, each with at least one
   * @param weights some keys of {@link DecoderConfig#linearInputs}
   * @param taker takes, per batch, the sums of each weight
   */
  void inputProducts(List<int[]> texts, Set<String> weights, ProductTaker taker) {
    check("text", texts, 0);
    int[] lengths = texts.stream().mapToInt(text -> text.length).toArray();
    try (NativeSession session = sessions.inputProducts(weights)) {
      Limits limits =
          new Limits(
              GenerationOptions.DEFAULT_BATCH_SIZE,
              TOKENS_PER_RUN,
              0,
              Long.MAX_VALUE,
              Long.MAX_VALUE);
      for (int[] batch : BatchPlan.of(lengths, ones(lengths.length), limits)) {
        try (Inputs inputs = new Inputs(texts, batch, 0)) {
          long[] positions = inputs.allPositions();
          inputs.putLongs(DecoderGraphs.POSITIONS, positions, positions.length);
          session.run(
              inputs.tensors,
              result -> {
                for (String weight : weights) {
                  OnnxTensor tensor =
                      (OnnxTensor) result.get(DecoderGraphs.productsOf(weight)).orElseThrow();
                  taker.take(weight, tensor.getFloatBuffer());
                }
                return positions.length;
              });
        }
      }
    }
  }

  /** Takes the sums of products of one batch. */
  @FunctionalInterface
  interface ProductTaker {
    void take(String weight, FloatBuffer sums);
  }

  private Session session(Purpose purpose, long decodeSteps) {
    boolean copy =
        switch (mode) {
          case LIVE -> false;
          case PACKED -> true;
          case AUTO -> purpose == Purpose.GENERATION && decodeSteps >= STEPS_THAT_PAY_FOR_PACKING;
        };
    return sessions.session(purpose, candidate, copy);
  }

  private Limits limits(int rows, int newTokens) {
    DecoderConfig config = config();
    long cachePerToken = 8L * config.layerCount() * config.keyValueHeads() * config.headDim();
    return new Limits(
        rows,
        TOKENS_PER_RUN,
        newTokens,
        CACHE_BYTES_PER_RUN / cachePerToken,
        LOGITS_PER_RUN / config.vocabSize());
  }

  private static int[] ones(int count) {
    int[] ones = new int[count];
    Arrays.fill(ones, 1);
    return ones;
  }

  void check(String what, List<int[]> sequences, int newTokens) {
    DecoderConfig config = config();
    for (int i = 0; i < sequences.size(); i++) {
      int[] sequence = sequences.get(i);
      if (sequence.length == 0) {
        throw new IllegalArgumentException(what + " " + i + " is empty, wanted a token at least");
      }
      if ((long) sequence.length + newTokens > config.maxPositions()) {
        throw new IllegalArgumentException(
            what
                + " "
                + i
                + " has "
                + sequence.length
                + " tokens"
                + (newTokens > 0 ? " and may grow by " + newTokens : "")
                + "; the model takes "
                + config.maxPositions());
      }
      for (int token : sequence) {
        if (token < 0 || token >= config.vocabSize()) {
          throw new IllegalArgumentException(
              what
                  + " "
                  + i
                  + " has token "
                  + token
                  + "; the vocabulary is 0 to "
                  + (config.vocabSize() - 1));
        }
      }
    }
  }

  private static long[] longs(OrtSession.Result result, String output) throws OrtException {
    LongBuffer buffer = ((OnnxTensor) result.get(output).orElseThrow()).getLongBuffer();
    long[] values = new long[buffer.remaining()];
    buffer.get(values);
    return values;
  }

  private static float[] floats(OrtSession.Result result, String output) throws OrtException {
    FloatBuffer buffer = ((OnnxTensor) result.get(output).orElseThrow()).getFloatBuffer();
    float[] values = new float[buffer.remaining()];
    buffer.get(values);
    return values;
  }

  /** The tensors of one run. */
  private final class Inputs implements AutoCloseable {

    private final OrtEnvironment environment = sessions.environment();
    private final Map<String, OnnxTensor> tensors = new HashMap<>();
    private final int padded;
    private final int[] last;

    Inputs(List<int[]> sequences, int[] batch, int newTokens) {
      int rows = batch.length;
      // A plan goes from the shortest to the longest.
      padded = sequences.get(batch[rows - 1]).length;
      last = new int[rows];
      long[] tokens = new long[rows * padded];
      for (int row = 0; row < rows; row++) {
        int[] sequence = sequences.get(batch[row]);
        last[row] = sequence.length - 1;
        for (int i = 0; i < sequence.length; i++) {
          tokens[row * padded + i] = sequence[i];
        }
      }
      RotaryTables rotary = sessions.rotary(padded + newTokens);
      long[] tableShape = {rotary.positions(), config().headDim() / 2};
      try {
        putLongs(DecoderGraphs.TOKENS, tokens, rows, padded);
        putInts(DecoderGraphs.LAST, last, rows);
        putInts(DecoderGraphs.PADDED_LENGTH, new int[] {padded});
        put(
            DecoderGraphs.COSINES,
            () ->
                OnnxTensor.createTensor(
                    environment, FloatBuffer.wrap(rotary.cosines()), tableShape));
        put(
            DecoderGraphs.SINES,
            () ->
                OnnxTensor.createTensor(environment, FloatBuffer.wrap(rotary.sines()), tableShape));
      } catch (BackendException e) {
        close();
        throw e;
      }
    }

    long[] lastPositions() {
      long[] positions = new long[last.length];
      for (int row = 0; row < last.length; row++) {
        positions[row] = (long) row * padded + last[row];
      }
      return positions;
    }

    /** Every token's position, none of the padding. */
    long[] allPositions() {
      long[] positions = new long[Arrays.stream(last).map(index -> index + 1).sum()];
      int i = 0;
      for (int row = 0; row < last.length; row++) {
        for (int token = 0; token <= last[row]; token++) {
          positions[i++] = (long) row * padded + token;
        }
      }
      return positions;
    }

    void putLongs(String name, long[] values, long... shape) {
      put(name, () -> OnnxTensor.createTensor(environment, LongBuffer.wrap(values), shape));
    }

    private void putInts(String name, int[] values, long... shape) {
      put(name, () -> OnnxTensor.createTensor(environment, IntBuffer.wrap(values), shape));
    }

    private void put(String name, TensorMaker maker) {
      try {
        tensors.put(name, maker.make());
      } catch (OrtException e) {
        throw new BackendException(
            "ONNX Runtime refused the input " + name + ": " + e.getMessage(), e);
      }
    }

    @Override
    public void close() {
      tensors.values().forEach(OnnxTensor::close);
    }
  }

  @FunctionalInterface
  private interface TensorMaker {
    OnnxTensor make() throws OrtException;
  }
}
