/** Floor 9: what a search found, and where it came from. */
@NullMarked
package io.evomerge.result;

import org.jspecify.annotations.NullMarked;
