/** Benchmarks and long-running checks; each verifies what it times. */
@NullMarked
package io.evomerge.benchmarks;

import org.jspecify.annotations.NullMarked;
