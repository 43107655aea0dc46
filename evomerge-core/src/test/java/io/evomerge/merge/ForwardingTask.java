package io.evomerge.merge;

import io.evomerge.genome.ParameterValues;
import io.evomerge.genome.Semantics;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.function.Supplier;

/** A task that is another one but for what a subclass overrides. */
class ForwardingTask implements TensorMerge {

  private final TensorMerge task;

  ForwardingTask(TensorMerge task) {
    this.task = task;
  }

  @Override
  public TensorInfo info() {
    return task.info();
  }

  @Override
  public Optional<TensorView> base() {
    return task.base();
  }

  @Override
  public List<TensorView> sources() {
    return task.sources();
  }

  @Override
  public List<String> sourceNames() {
    return task.sourceNames();
  }

  @Override
  public ParameterValues parameters() {
    return task.parameters();
  }

  @Override
  public Semantics semantics() {
    return task.semantics();
  }

  @Override
  public boolean isEmbedding() {
    return task.isEmbedding();
  }

  @Override
  public Optional<WholeModelOperator.Survey> survey() {
    return task.survey();
  }

  @Override
  public Optional<TensorView> statistics(int source) {
    return task.statistics(source);
  }

  @Override
  public void uniforms(int source, long offset, float[] target, int length) {
    task.uniforms(source, offset, target, length);
  }

  @Override
  public <T> T cached(Object key, Supplier<T> compute) {
    return task.cached(key, compute);
  }

  @Override
  public <T> Optional<T> cachedIfRoom(Object key, long bytes, Supplier<T> compute) {
    return task.cachedIfRoom(key, bytes, compute);
  }

  @Override
  public void parallel(int count, IntConsumer work) {
    task.parallel(count, work);
  }

  @Override
  public int blockLength() {
    return task.blockLength();
  }
}
