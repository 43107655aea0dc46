/**
 * The exceptions of the library: one small unchecked family; {@link java.io.IOException} stays
 * checked at the doors to files.
 */
@NullMarked
package io.evomerge.exception;

import org.jspecify.annotations.NullMarked;
