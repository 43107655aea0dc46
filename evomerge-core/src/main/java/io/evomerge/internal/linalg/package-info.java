/** Products, factors and singular vectors of matrices of any size; not exported. */
@NullMarked
package io.evomerge.internal.linalg;

import org.jspecify.annotations.NullMarked;
