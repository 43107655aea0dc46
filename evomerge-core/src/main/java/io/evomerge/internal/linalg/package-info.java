/** Linear algebra that the libraries at hand do too slowly; not exported. */
@NullMarked
package io.evomerge.internal.linalg;

import org.jspecify.annotations.NullMarked;
