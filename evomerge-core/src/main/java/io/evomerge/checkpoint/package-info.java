/**
 * Floor 2: model checkpoints on disk (Hugging Face folders, safetensors files) and what their
 * tensors mean.
 */
@NullMarked
package io.evomerge.checkpoint;

import org.jspecify.annotations.NullMarked;
