/**
 * ONNX graphs, written through a small typed layer over the protobuf classes of the format.
 *
 * <p>Internal: not exported.
 */
@NullMarked
package io.evomerge.onnx.graph;

import org.jspecify.annotations.NullMarked;
