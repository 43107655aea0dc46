package io.evomerge.run;

import io.evomerge.candidate.CandidateAssembler;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.TestCheckpoints;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Objective;
import io.evomerge.merge.MergeOperators;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

class LocalEvaluatorTest extends TrialEvaluatorContract {

  @TempDir Path root;
  private Checkpoint first;
  private Checkpoint second;
  private CandidateAssembler assembler;

  @BeforeEach
  void openModels() throws IOException {
    first = Checkpoints.open(TestCheckpoints.writeLlama(root.resolve("a"), 1, 8, DType.F32, 1));
    second = Checkpoints.open(TestCheckpoints.writeLlama(root.resolve("b"), 1, 8, DType.F32, 2));
    assembler =
        CandidateAssembler.builder(MergeOperators.linear()).sources(List.of(first, second)).build();
  }

  @AfterEach
  void closeModels() {
    assembler.close();
    first.close();
    second.close();
  }

  @Override
  protected TrialEvaluator open() {
    Objective objective =
        new Objective(
            "first weight",
            Direction.MAXIMIZE,
            candidate -> candidate.weights().tensors().get("lm_head.weight").floats().get(0),
            Optional.of(
                candidate ->
                    candidate.weights().tensors().get("model.norm.weight").floats().get(0)));
    return TrialEvaluators.local(assembler, List.of(objective), 2);
  }

  @Override
  protected List<TrialTask> tasks() {
    MergeRecipe.Builder recipe =
        MergeRecipe.builder("linear").sources(List.of(first.ref(), second.ref()));
    MergeRecipe one = recipe.perSource("weight", 1, 2).build();
    MergeRecipe other = recipe.perSource("weight", 3, 1).build();
    return List.of(
        new TrialTask(one, TrialTask.Data.SEARCH),
        new TrialTask(one, TrialTask.Data.VALIDATION),
        new TrialTask(other, TrialTask.Data.SEARCH));
  }
}
