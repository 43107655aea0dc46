package io.evomerge.onnx.runtime;

import io.evomerge.onnx.architecture.DecoderConfig;
import io.evomerge.onnx.architecture.DecoderForm;
import io.evomerge.onnx.architecture.DecoderGraphs;

/** What a session computes. */
enum Purpose {
  LOGITS,
  LOG_PROBABILITIES,
  GENERATION;

  byte[] model(DecoderConfig config, DecoderForm form) {
    return switch (this) {
      case LOGITS -> DecoderGraphs.logits(config, form);
      case LOG_PROBABILITIES -> DecoderGraphs.logProbabilities(config, form);
      case GENERATION -> DecoderGraphs.generation(config, form);
    };
  }
}
