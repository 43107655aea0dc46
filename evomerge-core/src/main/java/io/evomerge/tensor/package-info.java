/**
 * Floor 1: element types, tensor descriptions, and views and sinks through which tensors of any
 * size are read and written in blocks.
 */
@NullMarked
package io.evomerge.tensor;

import org.jspecify.annotations.NullMarked;
