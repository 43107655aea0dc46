package io.evomerge.genome;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.genome.DataFlowSpace.Scales;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class JointSpaceTest {

  private static final List<ParameterSpec> SPECS =
      List.of(ParameterSpec.perSource("weight", -10, 10, Double.NaN, "How much of a source."));
  private static final ParameterSpace WEIGHTS = ParameterSpace.perModel();
  private static final DataFlowSpace PATH = DataFlowSpace.repeats(1).scales(Scales.NONE);
  private static final ParameterSearchSpace BOUND_WEIGHTS =
      WEIGHTS.bind(ModelLayout.of(Set.of("model.norm.weight"), false), SPECS, List.of("a", "b"));

  private static DataFlowSearchSpace path(String... names) {
    return PATH.bind(List.of(names).stream().map(name -> new LayeredModel(name, 2)).toList());
  }

  @Test
  void oneGenomeHoldsWeightsAndThenThePath() {
    JointSearchSpace space = JointSpace.of(WEIGHTS, PATH).bind(BOUND_WEIGHTS, path("merged"));
    assertThat(space.genes().stream().map(Gene::name))
        .containsExactly("weight[a]", "weight[b]", "slot.r1.merged.0", "slot.r1.merged.1");
    Genome genome = Genome.of(0.25, 0.75, -1, 1);
    assertThat(space.weightsOf(genome)).isEqualTo(Genome.of(0.25, 0.75));
    assertThat(space.pathOf(genome)).isEqualTo(Genome.of(-1, 1));
    assertThat(space.weights().decode(space.weightsOf(space.start()))).hasSize(1);
    assertThat(space.path().decode(space.pathOf(space.start()))).hasSize(2);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> space.pathOf(Genome.of(1, 2)))
        .withMessage("the genome has 2 values, the space 4 genes");
  }

  @Test
  void thePathHasTheMergedModelAndTheSourcesIfTheyJoin() {
    JointSpace alone = JointSpace.of(WEIGHTS, PATH);
    JointSpace pool = alone.withSources();
    assertThat(pool.addsSources()).isTrue();
    assertThat(alone.addsSources()).isFalse();
    assertThat(pool.bind(BOUND_WEIGHTS, path("merged", "a", "b")).dimension()).isEqualTo(2 + 6);
    assertThatThrownBy(() -> pool.bind(BOUND_WEIGHTS, path("merged", "b", "a")))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining(
            "the path has the models [merged, b, a], wanted the merged one and then the sources"
                + " [a, b]");
    assertThatThrownBy(() -> alone.bind(BOUND_WEIGHTS, path("merged", "a", "b")))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining(
            "wanted the merged one and then none; withSources() adds the sources");
  }

  @Test
  void settingsAreThoseOfBoth() {
    JointSpace space = JointSpace.of(WEIGHTS, PATH);
    assertThat(space.settings())
        .containsEntry("weights.groups", "model")
        .containsEntry("path.path", "repeats(1)")
        .containsEntry("path.models", "merged")
        .hasSize(WEIGHTS.settings().size() + PATH.settings().size() + 1);
    assertThat(List.of(space, space.withSources(), JointSpace.of(WEIGHTS, PATH.freeEnds())))
        .doesNotHaveDuplicates();
    assertThat(JointSpace.of(WEIGHTS, PATH)).isEqualTo(space).hasSameHashCodeAs(space);
    assertThat(space.weights()).isEqualTo(WEIGHTS);
    assertThat(space.path()).isEqualTo(PATH);
  }
}
