package io.evomerge.onnx.runtime;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.exception.BackendException;
import io.evomerge.exception.UnsupportedModelException;
import io.evomerge.genome.HopScaling;
import io.evomerge.onnx.architecture.DecoderConfig;
import io.evomerge.onnx.architecture.DecoderForm;
import io.evomerge.onnx.architecture.DecoderGraphs;
import io.evomerge.onnx.runtime.SessionFactory.Holding;
import io.evomerge.recipe.DataFlow;
import java.nio.FloatBuffer;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * What runs one candidate with a data flow path: its weights and scales as inputs of sessions that
 * it shares, or sessions of its own with a copy of each layer that it uses.
 *
 * <p>Nothing here outlives the candidate, so layers that no candidate uses can go.
 */
final class PathSessions implements CandidateSessions {

  private final SessionFactory factory;
  private final PathSessionCache shared;
  private final CandidateModel candidate;
  private final DecoderConfig config;
  private final HopScaling scaling;
  private final WeightTensors weights;
  private final OnnxTensor scales;
  private final Map<String, OnnxTensor> weightsAndScales;
  private final Map<Purpose, NativeSession> copied = new EnumMap<>(Purpose.class);
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private @Nullable String closed;

  /**
   * Binds a candidate's weights.
   *
   * @param shared sessions for all paths
   * @param candidate with a path
   * @throws UnsupportedModelException if weights, path and configuration do not fit each other
   */
  PathSessions(
      SessionFactory factory,
      PathSessionCache shared,
      CandidateModel candidate,
      ModelConfig modelConfig) {
    this.factory = factory;
    this.shared = shared;
    this.candidate = candidate;
    this.config = DecoderConfig.from(modelConfig);
    DataFlow flow = candidate.recipe().dataFlow().orElseThrow();
    if (flow.hops().size() != config.layerCount()) {
      throw new UnsupportedModelException(
          "the path has "
              + flow.hops().size()
              + " hops and config.json "
              + config.layerCount()
              + " layers, wanted a layer per hop");
    }
    this.scaling = flow.scaling();
    this.weights = new WeightTensors(environment(), candidate.tensors(), config);
    try {
      this.scales = scales(flow);
    } catch (OrtException e) {
      weights.close();
      throw new BackendException("ONNX Runtime refused the scales: " + e.getMessage(), e);
    }
    weightsAndScales = new HashMap<>(weights.all());
    weightsAndScales.put(DecoderGraphs.SCALES, scales);
  }

  private OnnxTensor scales(DataFlow flow) throws OrtException {
    float[] values = new float[flow.hops().size()];
    for (int hop = 0; hop < values.length; hop++) {
      values[hop] = (float) flow.hops().get(hop).scale();
    }
    return OnnxTensor.createTensor(
        environment(), FloatBuffer.wrap(values), new long[] {values.length});
  }

  @Override
  public OrtEnvironment environment() {
    return factory.environment();
  }

  @Override
  public DecoderConfig config() {
    return config;
  }

  @Override
  public RotaryTables rotary(int positions) {
    return shared.rotary(config, positions);
  }

  @Override
  public boolean serve(CandidateModel next, ModelConfig nextConfig) {
    return next == candidate;
  }

  @Override
  public Session session(Purpose purpose, CandidateModel asker, boolean copy) {
    lock.readLock().lock();
    try {
      requireOpen();
      if (copy || factory.device().isCuda()) {
        NativeSession own = copied(purpose);
        return new Bound(Map.of(DecoderGraphs.SCALES, scales)) {
          @Override
          <T> T runAll(Map<String, OnnxTensor> inputs, Reader<T> reader) {
            return own.run(inputs, reader);
          }
        };
      }
    } finally {
      lock.readLock().unlock();
    }
    PathSessionCache.Key key = new PathSessionCache.Key(config, scaling, purpose);
    return new Bound(weightsAndScales) {
      @Override
      <T> T runAll(Map<String, OnnxTensor> inputs, Reader<T> reader) {
        return shared.run(key, inputs, reader);
      }
    };
  }

  private NativeSession copied(Purpose purpose) {
    synchronized (copied) {
      return copied.computeIfAbsent(
          purpose,
          p -> {
            DecoderForm form = DecoderForm.onePath(factory.attention(), scaling, weights.shared());
            return factory.create(p.model(config, form), weights.distinct(), Holding.PACKED);
          });
    }
  }

  /** A session with inputs that are the same in every run, and are not freed under one. */
  private abstract class Bound implements Session {

    private final Map<String, OnnxTensor> bound;

    Bound(Map<String, OnnxTensor> bound) {
      this.bound = bound;
    }

    abstract <T> T runAll(Map<String, OnnxTensor> inputs, Reader<T> reader);

    @Override
    public <T> T run(Map<String, OnnxTensor> inputs, Reader<T> reader) {
      lock.readLock().lock();
      try {
        requireOpen();
        Map<String, OnnxTensor> all = new HashMap<>(bound);
        all.putAll(inputs);
        return runAll(all, reader);
      } finally {
        lock.readLock().unlock();
      }
    }
  }

  @Override
  public NativeSession inputProducts(Set<String> layers) {
    throw new UnsupportedModelException(
        "activations are gathered of models without a data flow path; write the path as a"
            + " checkpoint, and gather them of that");
  }

  private void requireOpen() {
    if (closed != null) {
      throw new IllegalStateException(closed);
    }
  }

  @Override
  public void close(String why) {
    lock.writeLock().lock();
    try {
      if (closed != null) {
        return;
      }
      closed = why;
      copied.values().forEach(NativeSession::close);
      weights.close();
      scales.close();
    } finally {
      lock.writeLock().unlock();
    }
  }
}
