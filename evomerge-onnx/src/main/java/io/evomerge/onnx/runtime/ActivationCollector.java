package io.evomerge.onnx.runtime;

import io.evomerge.candidate.CandidateModel;
import io.evomerge.candidate.CandidateModels;
import io.evomerge.checkpoint.ActivationStatistics;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointWriter;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.exception.BackendException;
import io.evomerge.onnx.architecture.DecoderConfig;
import io.evomerge.tensor.TensorSink;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gathers what the linear layers of a model are fed while it reads texts, as {@link
 * io.evomerge.merge.MergeOperators#regmean} needs it of every source.
 *
 * <p>Every token counts alike, whatever its text and place. Texts are read once for as many layers
 * as fit into the memory for sums, at least one: {@code 4 in (in + 1)} bytes of heap for the sums
 * of a layer with {@code in} inputs, of which query, key and value share one and gate and up
 * another. Products of one batch are added up in float32 by ONNX Runtime, batches in float64 in a
 * fixed order, so the same machine gives the same file again. Immutable and safe for concurrent
 * use.
 */
public final class ActivationCollector {

  private static final Logger LOG = LoggerFactory.getLogger(ActivationCollector.class);

  private final OnnxBackend backend;
  private final long memoryBytes;

  private ActivationCollector(OnnxBackend backend, long memoryBytes) {
    this.backend = backend;
    this.memoryBytes = memoryBytes;
  }

  /**
   * Returns a collector that takes a quarter of the largest heap for sums.
   *
   * @param backend runs the model; stays the caller's
   */
  public static ActivationCollector of(OnnxBackend backend) {
    return new ActivationCollector(backend, Runtime.getRuntime().maxMemory() / 4);
  }

  /**
   * Returns a collector with other memory for sums.
   *
   * @param bytes of heap; less means that texts are read more often
   * @throws IllegalArgumentException if it is below 1
   */
  public ActivationCollector withMemory(long bytes) {
    if (bytes < 1) {
      throw new IllegalArgumentException("memory is " + bytes + " bytes, wanted at least 1");
    }
    return new ActivationCollector(backend, bytes);
  }

  /**
   * Reads texts with a model and writes a file for {@link ActivationStatistics#open}.
   *
   * <p>The model is loaded as float32 outside the heap. Texts should be such as the model is meant
   * for, with more tokens in all than the widest layer has inputs.
   *
   * @param model a Hugging Face checkpoint of a supported architecture
   * @param texts token ids, each with 1 to {@link DecoderConfig#maxPositions()}; at least one text
   * @param file the target; parents are created
   * @param options whether a file that is there is replaced
   * @throws IOException if the file cannot be written
   * @throws IllegalArgumentException if there is no text, or one does not fit the model
   * @throws io.evomerge.exception.UnsupportedModelException if the model cannot be run
   * @throws BackendException if the runtime fails, or an input of a layer is too large for float32;
   *     the message names the layer
   */
  public void collect(Checkpoint model, List<int[]> texts, Path file, WriteOptions options)
      throws IOException {
    if (texts.isEmpty()) {
      throw new IllegalArgumentException("there are no texts; give the model at least one to read");
    }
    CandidateModel candidate = CandidateModels.load(model);
    try {
      OnnxLanguageModel runnable = backend.onnxLanguageModel(candidate);
      runnable.check("text", texts, 0);
      DecoderConfig config = runnable.config();
      long tokens = texts.stream().mapToLong(text -> text.length).sum();
      List<Set<String>> groups = groups(config);
      try (CheckpointWriter writer =
          ActivationStatistics.create(file, model, tokens, config.linearInputs(), options)) {
        for (int i = 0; i < groups.size(); i++) {
          LOG.debug(
              "'{}': reading {} tokens, {} of {}", model.name(), tokens, i + 1, groups.size());
          collect(runnable, texts, groups.get(i), tokens, writer);
        }
        writer.commit();
      }
    } finally {
      candidate.weights().close();
    }
  }

  /** Returns the layers of each reading of the texts. */
  private List<Set<String>> groups(DecoderConfig config) {
    List<Set<String>> groups = new ArrayList<>();
    Set<String> group = new LinkedHashSet<>();
    long bytes = 0;
    for (String weight : config.linearInputs().keySet()) {
      long width = width(config, weight);
      long more = 4 * width * (width + 1);
      if (!group.isEmpty() && bytes + more > memoryBytes) {
        groups.add(group);
        group = new LinkedHashSet<>();
        bytes = 0;
      }
      group.add(weight);
      bytes += more;
    }
    groups.add(group);
    return groups;
  }

  private static int width(DecoderConfig config, String weight) {
    return (int) (long) config.weightShapes().get(weight).get(1);
  }

  private static void collect(
      OnnxLanguageModel model,
      List<int[]> texts,
      Set<String> weights,
      long tokens,
      CheckpointWriter writer) {
    Map<String, double[][]> sums = new LinkedHashMap<>();
    for (String weight : weights) {
      double[][] upper = new double[width(model.config(), weight)][];
      for (int i = 0; i < upper.length; i++) {
        upper[i] = new double[upper.length - i];
      }
      sums.put(weight, upper);
    }
    model.inputProducts(texts, weights, (weight, batch) -> add(batch, sums.get(weight)));
    sums.forEach((weight, upper) -> write(weight, upper, tokens, writer.sink(weight)));
  }

  private static void add(FloatBuffer batch, double[][] upper) {
    int width = upper.length;
    float[] row = new float[width];
    for (int i = 0; i < width; i++) {
      batch.get(i * width, row);
      for (int j = i; j < width; j++) {
        upper[i][j - i] += row[j];
      }
    }
  }

  private static void write(String weight, double[][] upper, long tokens, TensorSink sink) {
    int width = upper.length;
    float[] row = new float[width];
    for (int i = 0; i < width; i++) {
      for (int j = 0; j < width; j++) {
        row[j] = (float) (upper[Math.min(i, j)][Math.abs(i - j)] / tokens);
        if (!Float.isFinite(row[j])) {
          throw new BackendException(
              "the inputs of '"
                  + weight
                  + "' are too large for float32: the mean product of inputs "
                  + i
                  + " and "
                  + j
                  + " is "
                  + row[j]
                  + "; the model is damaged, or the texts are not for it");
        }
      }
      sink.writeFloats((long) i * width, row, 0, width);
    }
  }
}
