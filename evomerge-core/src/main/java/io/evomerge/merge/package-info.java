/** Floor 5: merge operators: arithmetic on tensors, no files, no recipes. */
@NullMarked
package io.evomerge.merge;

import org.jspecify.annotations.NullMarked;
