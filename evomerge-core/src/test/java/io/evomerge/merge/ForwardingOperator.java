package io.evomerge.merge;

import io.evomerge.genome.ParameterSpec;
import io.evomerge.tensor.TensorSink;
import java.util.List;

/** An operator that is another one but for what a subclass overrides. */
public class ForwardingOperator implements MergeOperator {

  private final MergeOperator operator;

  protected ForwardingOperator(MergeOperator operator) {
    this.operator = operator;
  }

  @Override
  public String name() {
    return operator.name();
  }

  @Override
  public List<ParameterSpec> parameters() {
    return operator.parameters();
  }

  @Override
  public BaseModel baseModel() {
    return operator.baseModel();
  }

  @Override
  public void merge(TensorMerge task, TensorSink sink) {
    operator.merge(task, sink);
  }
}
