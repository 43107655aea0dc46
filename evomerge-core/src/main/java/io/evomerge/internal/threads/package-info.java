/** Threads, made in one place. */
@NullMarked
package io.evomerge.internal.threads;

import org.jspecify.annotations.NullMarked;
