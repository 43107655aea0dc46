/** EvoMerge's core: checkpoints, search spaces, recipes, merging, optimisers and the run. */
module io.evomerge.core {
  requires transitive com.fasterxml.jackson.databind;
  requires transitive org.jspecify;
  requires com.fasterxml.jackson.dataformat.yaml;
  requires com.google.common;
  requires commons.math3;
  requires ejml.core;
  requires ejml.ddense;
  requires org.slf4j;
  // Paints PNGs: whoever wants them brings it, which any program with a screen does.
  requires static java.desktop;

  exports io.evomerge;
  exports io.evomerge.allocation;
  exports io.evomerge.candidate;
  exports io.evomerge.checkpoint;
  exports io.evomerge.exception;
  exports io.evomerge.fitness;
  exports io.evomerge.genome;
  exports io.evomerge.merge;
  exports io.evomerge.optimizer;
  exports io.evomerge.recipe;
  exports io.evomerge.recipe.mergekit;
  exports io.evomerge.result;
  exports io.evomerge.result.picture;
  exports io.evomerge.run;
  exports io.evomerge.tensor;

  uses io.evomerge.checkpoint.CheckpointFormat;
}
