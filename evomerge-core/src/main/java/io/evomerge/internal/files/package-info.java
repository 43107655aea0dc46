/** Floor 0: files. */
@NullMarked
package io.evomerge.internal.files;

import org.jspecify.annotations.NullMarked;
