/** Floor 8: which candidate is scored on which items, between optimiser and run. */
@NullMarked
package io.evomerge.allocation;

import org.jspecify.annotations.NullMarked;
