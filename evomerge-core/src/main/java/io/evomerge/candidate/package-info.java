/**
 * Floor 6: recipes turned into tensors: into reusable buffers for evaluation, or streamed to a
 * checkpoint folder.
 */
@NullMarked
package io.evomerge.candidate;

import org.jspecify.annotations.NullMarked;
