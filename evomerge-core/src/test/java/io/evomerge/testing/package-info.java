/**
 * What the tests of EvoMerge and of plug-ins for it share; published in the test-jar, beside the
 * contracts.
 */
@NullMarked
package io.evomerge.testing;

import org.jspecify.annotations.NullMarked;
