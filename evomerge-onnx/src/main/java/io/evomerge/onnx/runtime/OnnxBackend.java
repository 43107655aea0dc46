package io.evomerge.onnx.runtime;

import ai.onnxruntime.OrtEnvironment;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.candidate.WeightStore;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.UnsupportedModelException;
import io.evomerge.onnx.architecture.DecoderForm.AttentionPrecision;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Runs candidates as language models in ONNX Runtime.
 *
 * <p>Sessions belong to a candidate's {@link WeightStore}: they are made once, serve one candidate
 * after the other, and are freed when the store or the backend is closed. Candidates with a data
 * flow path share sessions over all stores: one per length of path serves them all, and those used
 * least recently are freed beyond {@value #PATH_SESSIONS}. Safe for concurrent use; one backend
 * serves all workers.
 *
 * <p>On the CPU everything is computed in float32. On CUDA attention is computed in float16, for
 * which alone ONNX Runtime has a kernel there. The same call gives the same result on one machine,
 * however many workers run beside it; batch size, threads per session, session mode and processor
 * may change the last bits of logits.
 */
public final class OnnxBackend implements AutoCloseable {

  private static final int PATH_SESSIONS = 64;

  private final SessionFactory factory;
  private final SessionMode mode;
  private final PathSessionCache paths;
  private final Map<WeightStore, CandidateSessions> stores = new IdentityHashMap<>();
  private boolean closed;

  private OnnxBackend(Builder builder) {
    OrtEnvironment environment = Device.environment();
    Device device = builder.device.get();
    this.factory =
        new SessionFactory(
            environment,
            device,
            device.isCuda() ? AttentionPrecision.FLOAT16 : AttentionPrecision.FLOAT32,
            builder.threadsPerSession);
    this.mode = builder.mode;
    this.paths = new PathSessionCache(factory, PATH_SESSIONS);
  }

  /**
   * Returns a backend on the first CUDA device where there is one that works, else on the CPU.
   *
   * <p>CUDA's libraries are only loaded where an NVIDIA driver is seen; if they then fail, a log
   * line says why.
   */
  public static OnnxBackend auto() {
    return builder().build();
  }

  /** Returns a backend on the CPU. */
  public static OnnxBackend cpu() {
    return builder().cpu().build();
  }

  /**
   * Returns a backend on a CUDA device, or on the CPU with a log line that says why.
   *
   * @param device number of the device, from 0
   */
  public static OnnxBackend cuda(int device) {
    return builder().cuda(device).build();
  }

  /** Returns a builder for other settings; as it stands it builds what {@link #auto()} does. */
  public static Builder builder() {
    return new Builder();
  }

  /** Settings of a backend. */
  public static final class Builder {

    private final List<String> problems = new ArrayList<>();
    private Supplier<Device> device = Device::detect;
    private int threadsPerSession = 1;
    private SessionMode mode = SessionMode.AUTO;

    private Builder() {}

    /** Runs on the CPU; the default looks for CUDA first. */
    public Builder cpu() {
      device = () -> Device.CPU;
      return this;
    }

    /**
     * Runs on a CUDA device if it works, else on the CPU.
     *
     * @param number of the device, from 0
     */
    public Builder cuda(int number) {
      if (number < 0) {
        problems.add("CUDA device is " + number + ", wanted at least 0");
      }
      device = () -> Device.cudaOrCpu(number);
      return this;
    }

    /**
     * Sets the threads that one run of a model uses; default 1, best where several workers run at
     * once.
     *
     * @param threads at least 1
     */
    public Builder threadsPerSession(int threads) {
      if (threads < 1) {
        problems.add("threadsPerSession is " + threads + ", wanted at least 1");
      }
      threadsPerSession = threads;
      return this;
    }

    /**
     * Sets how sessions on the CPU hold the weights; default {@link SessionMode#AUTO}.
     *
     * @param sessionMode without effect on CUDA, where every candidate is uploaded
     */
    public Builder sessionMode(SessionMode sessionMode) {
      mode = sessionMode;
      return this;
    }

    /**
     * Returns the backend.
     *
     * @throws ConfigurationException if a setting is out of range
     * @throws io.evomerge.exception.BackendException if ONNX Runtime cannot be loaded
     */
    public OnnxBackend build() {
      if (!problems.isEmpty()) {
        throw new ConfigurationException("OnnxBackend", problems);
      }
      return new OnnxBackend(this);
    }
  }

  /** Returns what runs the models, e.g. {@code "ONNX Runtime 1.29.0, CPU"}. */
  public String description() {
    return "ONNX Runtime " + factory.environment().getVersion() + ", " + factory.device();
  }

  /**
   * Returns a candidate as a language model.
   *
   * <p>The weights are read where they are, each time the model runs. Asking again for the same
   * candidate is cheap. Asking for another one in the same weight store ends the one before it.
   *
   * @param candidate whose evaluation is under way
   * @throws UnsupportedModelException if it has no {@code config.json}, or that or the weights are
   *     not those of a supported architecture
   * @throws IllegalStateException if the backend or the candidate's weight store is closed
   */
  public LanguageModel languageModel(CandidateModel candidate) {
    return onnxLanguageModel(candidate);
  }

  OnnxLanguageModel onnxLanguageModel(CandidateModel candidate) {
    ModelConfig config =
        candidate
            .config()
            .orElseThrow(
                () ->
                    new UnsupportedModelException(
                        "the candidate has no config.json; a language model needs one: give the"
                            + " base or a source as a Hugging Face folder"));
    return new OnnxLanguageModel(sessions(candidate, config), candidate, mode);
  }

  private synchronized CandidateSessions sessions(CandidateModel candidate, ModelConfig config) {
    if (closed) {
      throw new IllegalStateException("the backend is closed");
    }
    WeightStore store = candidate.weights();
    CandidateSessions known = stores.get(store);
    if (known != null && known.serve(candidate, config)) {
      return known;
    }
    boolean path = candidate.recipe().dataFlow().isPresent();
    CandidateSessions made =
        path
            ? new PathSessions(factory, paths, candidate, config)
            : new StoreSessions(factory, candidate, config);
    if (known != null) {
      known.close(CandidateSessions.OVER);
    } else {
      try {
        store.onClose(() -> release(store));
      } catch (IllegalStateException e) {
        made.close(CandidateSessions.CLOSED);
        throw e;
      }
    }
    stores.put(store, made);
    return made;
  }

  private synchronized void release(WeightStore store) {
    CandidateSessions sessions = stores.remove(store);
    if (sessions != null) {
      sessions.close(CandidateSessions.CLOSED);
    }
  }

  /** Frees all sessions; idempotent; waits for runs that are under way. */
  @Override
  public synchronized void close() {
    closed = true;
    stores.values().forEach(sessions -> sessions.close(CandidateSessions.CLOSED));
    stores.clear();
    paths.close();
  }
}
