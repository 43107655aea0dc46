/**
 * Floor 3: what evolution can change: genes, genomes, search spaces, and the parameters of merge
 * operators that become genes.
 */
@NullMarked
package io.evomerge.genome;

import org.jspecify.annotations.NullMarked;
