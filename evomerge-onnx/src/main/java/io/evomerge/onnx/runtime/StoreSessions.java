package io.evomerge.onnx.runtime;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxTensorLike;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession.SessionOptions;
import ai.onnxruntime.OrtSession.SessionOptions.OptLevel;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.candidate.WeightStore;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.exception.BackendException;
import io.evomerge.exception.UnsupportedModelException;
import io.evomerge.onnx.architecture.DecoderConfig;
import io.evomerge.onnx.architecture.DecoderGraphs;
import io.evomerge.onnx.architecture.DecoderGraphs.AttentionPrecision;
import io.evomerge.tensor.TensorBuffer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The sessions over one weight store, made when first needed.
 *
 * <p>Live sessions read the store's memory and serve all its candidates. Sessions with a copy of
 * the weights serve one candidate and are freed when the next one comes.
 */
final class StoreSessions implements AutoCloseable {

  /** What a session computes. */
  enum Purpose {
    LOGITS,
    LOG_PROBABILITIES,
    GENERATION
  }

  private final OrtEnvironment environment;
  private final Device device;
  private final AttentionPrecision attention;
  private final int threads;
  private final ModelConfig modelConfig;
  private final DecoderConfig config;
  private final Map<String, OnnxTensor> weights = new LinkedHashMap<>();
  private final Map<Purpose, Session> live = new EnumMap<>(Purpose.class);
  private final Map<Purpose, Session> copied = new EnumMap<>(Purpose.class);
  private CandidateModel candidate;
  private volatile @Nullable RotaryTables rotary;
  private boolean closed;

  StoreSessions(
      Device device,
      AttentionPrecision attention,
      int threads,
      CandidateModel candidate,
      ModelConfig modelConfig) {
    this.environment = Device.environment();
    this.device = device;
    this.attention = attention;
    this.threads = threads;
    this.candidate = candidate;
    this.modelConfig = modelConfig;
    this.config = DecoderConfig.from(modelConfig);
    WeightStore store = candidate.weights();
    Map<String, TensorBuffer> buffers = check(store.tensors(), config);
    try {
      for (Map.Entry<String, TensorBuffer> entry : buffers.entrySet()) {
        long[] shape =
            entry.getValue().info().shape().stream().mapToLong(Long::longValue).toArray();
        weights.put(
            entry.getKey(), OnnxTensor.createTensor(environment, entry.getValue().floats(), shape));
      }
    } catch (OrtException e) {
      weights.values().forEach(OnnxTensor::close);
      throw new BackendException("ONNX Runtime refused the weights: " + e.getMessage(), e);
    }
  }

  private static Map<String, TensorBuffer> check(
      Map<String, TensorBuffer> tensors, DecoderConfig config) {
    Map<String, TensorBuffer> used = new LinkedHashMap<>();
    List<String> problems = new ArrayList<>();
    config
        .weightShapes()
        .forEach(
            (name, shape) -> {
              TensorBuffer buffer = tensors.get(name);
              if (buffer == null) {
                problems.add("'" + name + "' is missing");
              } else if (!buffer.info().shape().equals(shape)) {
                problems.add(
                    "'" + name + "' has shape " + buffer.info().shape() + ", wanted " + shape);
              } else {
                used.put(name, buffer);
              }
            });
    if (!problems.isEmpty()) {
      throw new UnsupportedModelException(
          "the weights do not fit config.json ("
              + config.architecture()
              + "): "
              + String.join("; ", problems.subList(0, Math.min(5, problems.size())))
              + (problems.size() > 5 ? "; and " + (problems.size() - 5) + " more" : ""));
    }
    return used;
  }

  DecoderConfig config() {
    return config;
  }

  boolean serves(ModelConfig other) {
    return modelConfig.equals(other);
  }

  OrtEnvironment environment() {
    return environment;
  }

  /** Makes a candidate the one that is served; frees what was copied for another. */
  synchronized void serve(CandidateModel next) {
    if (next != candidate) {
      copied.values().forEach(Session::close);
      copied.clear();
      candidate = next;
    }
  }

  /**
   * Returns a session, made now or before.
   *
   * @param purpose what it computes
   * @param asker who must still be the served candidate
   * @param copy whether it holds a copy of the weights in the kernels' layout; always on CUDA
   */
  synchronized Session session(Purpose purpose, CandidateModel asker, boolean copy) {
    if (closed) {
      throw new IllegalStateException(
          "the model is closed: its backend or its weight store was closed");
    }
    if (asker != candidate) {
      throw new IllegalStateException(
          "the candidate is over: another one was made a language model in its weight store");
    }
    Map<Purpose, Session> sessions = copy || device.isCuda() ? copied : live;
    return sessions.computeIfAbsent(purpose, p -> create(p, copy));
  }

  /**
   * Returns a session of its own, which the caller closes before the weight store.
   *
   * @param model of the same weights
   */
  synchronized Session open(byte[] model) {
    if (closed) {
      throw new IllegalStateException(
          "the model is closed: its backend or its weight store was closed");
    }
    return create(model, false);
  }

  AttentionPrecision attention() {
    return attention;
  }

  private Session create(Purpose purpose, boolean packed) {
    byte[] model =
        switch (purpose) {
          case LOGITS -> DecoderGraphs.logits(config, attention);
          case LOG_PROBABILITIES -> DecoderGraphs.logProbabilities(config, attention);
          case GENERATION -> DecoderGraphs.generation(config, attention);
        };
    return create(model, packed);
  }

  private Session create(byte[] model, boolean packed) {
    try (SessionOptions options = new SessionOptions();
        Placeholder placeholder = new Placeholder()) {
      options.addConfigEntry(
          "session.model_external_initializers_file_folder_path", placeholder.folder().toString());
      // Errors are thrown and need not be printed too.
      options.setSessionLogLevel(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL);
      // The graph is written in fused operators already, and folding must not touch the weights.
      options.setOptimizationLevel(OptLevel.NO_OPT);
      // Patterns are kept per shape of the inputs, and batches have many shapes.
      options.setMemoryPatternOptimization(false);
      options.setIntraOpNumThreads(threads);
      options.setInterOpNumThreads(1);
      options.addConfigEntry("session.intra_op.allow_spinning", "0");
      if (device.isCuda()) {
        options.addCUDA(device.cuda());
        // addInitializer with memory of the host is ignored there.
        options.addExternalInitializers(new LinkedHashMap<String, OnnxTensorLike>(weights));
      } else {
        options.addConfigEntry("session.disable_prepacking", packed ? "0" : "1");
        for (Map.Entry<String, OnnxTensor> weight : weights.entrySet()) {
          options.addInitializer(weight.getKey(), weight.getValue());
        }
      }
      return new Session(environment.createSession(model, options));
    } catch (OrtException e) {
      throw new BackendException(
          "ONNX Runtime cannot make a session for "
              + config.architecture()
              + " on "
              + device
              + ": "
              + e.getMessage(),
          e);
    } catch (IOException e) {
      throw new BackendException(
          "the empty file that stands for the weights cannot be made in "
              + System.getProperty("java.io.tmpdir")
              + "; set java.io.tmpdir to a folder that can be written",
          e);
    }
  }

  /** Returns tables for at least so many positions. */
  RotaryTables rotary(int positions) {
    RotaryTables tables = rotary;
    if (tables == null || tables.positions() < positions) {
      tables = RotaryTables.of(config, positions);
      rotary = tables;
    }
    return tables;
  }

  /** Frees everything; idempotent; waits for runs that are under way. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    copied.values().forEach(Session::close);
    live.values().forEach(Session::close);
    weights.values().forEach(OnnxTensor::close);
  }
}
