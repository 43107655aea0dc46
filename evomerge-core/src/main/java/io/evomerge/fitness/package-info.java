/** Floor 7: how good a candidate is: fitness functions, objectives, outcomes. */
@NullMarked
package io.evomerge.fitness;

import org.jspecify.annotations.NullMarked;
