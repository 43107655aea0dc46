/** Strict reading of JSON files. */
@NullMarked
package io.evomerge.internal.json;

import org.jspecify.annotations.NullMarked;
