/** Helpers of the backend that are not exported. */
@NullMarked
package io.evomerge.onnx.internal;

import org.jspecify.annotations.NullMarked;
