/** Inner loops and number generators without any knowledge of models; not exported. */
@NullMarked
package io.evomerge.internal.kernel;

import org.jspecify.annotations.NullMarked;
