/** Floor 0: small helps for messages that people read. */
@NullMarked
package io.evomerge.internal.text;

import org.jspecify.annotations.NullMarked;
