/** Which version of the library this is. */
@NullMarked
package io.evomerge.internal.version;

import org.jspecify.annotations.NullMarked;
