/** Floor 8: ask/tell optimisers over genomes; usable on their own, without any model. */
@NullMarked
package io.evomerge.optimizer;

import org.jspecify.annotations.NullMarked;
