package io.evomerge.onnx.runtime;

import ai.onnxruntime.OrtEnvironment;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.onnx.architecture.DecoderConfig;
import io.evomerge.onnx.architecture.DecoderForm;
import io.evomerge.onnx.architecture.DecoderGraphs;
import io.evomerge.onnx.runtime.SessionFactory.Holding;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The sessions over one weight store, made when first needed.
 *
 * <p>Live sessions read the store's memory and serve all its candidates. Sessions with a copy of
 * the weights serve one candidate and are freed when the next one comes.
 */
final class StoreSessions implements CandidateSessions {

  private final SessionFactory factory;
  private final ModelConfig modelConfig;
  private final DecoderConfig config;
  private final WeightTensors weights;
  private final Map<Purpose, NativeSession> live = new EnumMap<>(Purpose.class);
  private final Map<Purpose, NativeSession> copied = new EnumMap<>(Purpose.class);
  private CandidateModel candidate;
  private volatile @Nullable RotaryTables rotary;
  private @Nullable String closed;

  StoreSessions(SessionFactory factory, CandidateModel candidate, ModelConfig modelConfig) {
    this.factory = factory;
    this.candidate = candidate;
    this.modelConfig = modelConfig;
    this.config = DecoderConfig.from(modelConfig);
    this.weights = new WeightTensors(factory.environment(), candidate.weights().tensors(), config);
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
  public synchronized boolean serve(CandidateModel next, ModelConfig nextConfig) {
    if (next == candidate) {
      return true;
    }
    if (next.recipe().dataFlow().isPresent() || !modelConfig.equals(nextConfig)) {
      return false;
    }
    copied.values().forEach(NativeSession::close);
    copied.clear();
    candidate = next;
    return true;
  }

  @Override
  public synchronized Session session(Purpose purpose, CandidateModel asker, boolean copy) {
    requireOpen();
    if (asker != candidate) {
      throw new IllegalStateException(OVER);
    }
    Map<Purpose, NativeSession> sessions = copy || factory.device().isCuda() ? copied : live;
    return sessions.computeIfAbsent(
        purpose,
        p ->
            factory.create(
                p.model(config, DecoderForm.ordinary(factory.attention())),
                weights.all(),
                copy ? Holding.PACKED : Holding.IN_PLACE));
  }

  @Override
  public synchronized NativeSession inputProducts(Set<String> layers) {
    requireOpen();
    byte[] model = DecoderGraphs.inputProducts(config, factory.attention(), layers);
    return factory.create(model, weights.all(), Holding.IN_PLACE);
  }

  private void requireOpen() {
    if (closed != null) {
      throw new IllegalStateException(closed);
    }
  }

  @Override
  public RotaryTables rotary(int positions) {
    RotaryTables tables = rotary;
    if (tables == null || tables.positions() < positions) {
      tables = RotaryTables.of(config, positions);
      rotary = tables;
    }
    return tables;
  }

  @Override
  public synchronized void close(String why) {
    if (closed != null) {
      return;
    }
    closed = why;
    copied.values().forEach(NativeSession::close);
    live.values().forEach(NativeSession::close);
    weights.close();
  }
}
