/**
 * Floor 10: the loop that connects optimiser, candidates and fitness: parallel evaluation, journal
 * and resume, selection, listeners, stop conditions. The only package that makes threads.
 */
@NullMarked
package io.evomerge.run;

import org.jspecify.annotations.NullMarked;
