package io.evomerge.onnx.runtime;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import io.evomerge.exception.BackendException;
import io.evomerge.exception.UnsupportedModelException;
import io.evomerge.onnx.architecture.DecoderConfig;
import io.evomerge.tensor.TensorBuffer;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The weights of a decoder as ONNX Runtime sees them: where they are, without a copy. Weights with
 * one buffer share one tensor.
 */
final class WeightTensors implements AutoCloseable {

  private final Map<String, OnnxTensor> all = new LinkedHashMap<>();
  private final Map<String, OnnxTensor> distinct = new LinkedHashMap<>();
  private final Map<String, String> shared = new LinkedHashMap<>();

  /**
   * Makes tensors, over buffers that must outlive them.
   *
   * @param buffers by weight; others than the decoder's are left out
   * @param config of the decoder
   * @throws UnsupportedModelException if a weight is missing or has another shape
   */
  WeightTensors(
      OrtEnvironment environment, Map<String, TensorBuffer> buffers, DecoderConfig config) {
    Map<TensorBuffer, String> owners = new IdentityHashMap<>();
    try {
      for (Map.Entry<String, TensorBuffer> entry : check(buffers, config).entrySet()) {
        String name = entry.getKey();
        TensorBuffer buffer = entry.getValue();
        String owner = owners.putIfAbsent(buffer, name);
        if (owner == null) {
          long[] shape = buffer.info().shape().stream().mapToLong(Long::longValue).toArray();
          distinct.put(name, OnnxTensor.createTensor(environment, buffer.floats(), shape));
        } else {
          shared.put(name, owner);
        }
        all.put(name, distinct.get(owner == null ? name : owner));
      }
    } catch (OrtException e) {
      close();
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

  /** Returns a tensor per weight; some may be the same. */
  Map<String, OnnxTensor> all() {
    return all;
  }

  /** Returns a tensor per buffer, under the first weight that has it. */
  Map<String, OnnxTensor> distinct() {
    return distinct;
  }

  /** Returns the weights that are not in {@link #distinct()}, and whose values they have. */
  Map<String, String> shared() {
    return shared;
  }

  /** Frees the tensors, not the weights. */
  @Override
  public void close() {
    distinct.values().forEach(OnnxTensor::close);
  }
}
