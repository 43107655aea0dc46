/** Decoder-only language models described by {@code config.json}, and their ONNX graphs. */
@NullMarked
package io.evomerge.onnx.architecture;

import org.jspecify.annotations.NullMarked;
