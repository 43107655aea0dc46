package io.evomerge.candidate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.TestCheckpoints;
import io.evomerge.exception.CheckpointException;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CandidateModelsTest {

  @Test
  void aWeightThatIsNotFiniteIsNamed(@TempDir Path folder) throws Exception {
    Path model = folder.resolve("broken");
    TestCheckpoints.write(
        model,
        Map.of("a", new float[] {1, 2}, "b", new float[] {1, 2, Float.NaN}),
        Map.of(),
        DType.BF16,
        JsonNodeFactory.instance.objectNode());
    try (Checkpoint checkpoint = Checkpoints.open(model)) {
      assertThatThrownBy(() -> CandidateModels.load(checkpoint))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("tensor 'b' of 'broken' has NaN at element 2");
    }
  }

  @Test
  void aStoredModelIsACandidateOfItsOwn(@TempDir Path folder) throws Exception {
    Path plain = TinyModels.write(folder.resolve("plain"), DType.F16, false, 1);
    Path tied = TinyModels.write(folder.resolve("tied"), DType.F16, true, 2);
    try (Checkpoint checkpoint = Checkpoints.open(plain);
        Checkpoint other = Checkpoints.open(tied);
        WeightStore store = CandidateModels.newStore(checkpoint)) {
      CandidateModel model = CandidateModels.load(checkpoint, store);
      assertThat(model.weights()).isSameAs(store);
      assertThat(model.config()).isEqualTo(checkpoint.config());
      assertThat(model.tokenizerFolder()).contains(plain);
      assertThat(model.recipe())
          .isEqualTo(MergeRecipe.builder("passthrough").source(checkpoint.ref()).build());
      for (String name : checkpoint.tensors().keySet()) {
        assertThat(TinyModels.floats(store.tensors().get(name)))
            .as(name)
            .isEqualTo(TinyModels.floats(checkpoint.tensor(name)));
      }
      assertThat(model.parameterCount()).isEqualTo(2 * 88 + 2 * 200 + 8);
      assertThatThrownBy(() -> CandidateModels.load(other, store))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("'tied'");
    }
  }
}
