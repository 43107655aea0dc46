/**
 * Candidates run as language models in ONNX Runtime; the only package that imports {@code
 * ai.onnxruntime}.
 */
@NullMarked
package io.evomerge.onnx.runtime;

import org.jspecify.annotations.NullMarked;
