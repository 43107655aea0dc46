/** Programs that use the library: the quickstart, an evaluator, a merger, and two embeddings. */
@NullMarked
package io.evomerge.examples;

import org.jspecify.annotations.NullMarked;
