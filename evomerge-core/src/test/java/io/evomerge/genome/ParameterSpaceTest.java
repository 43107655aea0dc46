package io.evomerge.genome;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.checkpoint.TensorRole.Component;
import io.evomerge.checkpoint.TensorRole.Part;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.genome.ParameterSearchSpace.GroupValues;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ParameterSpaceTest {

  private static final List<ParameterSpec> DARE_TIES =
      List.of(
          ParameterSpec.perSource("weight", -10, 10, Double.NaN, "How much of a source."),
          ParameterSpec.perSource("density", 0, 1, 1, "Share of kept elements."),
          ParameterSpec.global("lambda", -10, 10, 1, false, "Scale of the sum."),
          ParameterSpec.flag("normalize", true, "Whether weights sum to one."));
  private static final List<ParameterSpec> NO_FLAG = DARE_TIES.subList(0, 3);
  private static final List<String> SOURCES = List.of("ja", "math-en", "math-2");

  private static ModelLayout layout(int layers, boolean head, String... more) {
    Set<String> names =
        new LinkedHashSet<>(List.of("model.embed_tokens.weight", "model.norm.weight"));
    if (head) {
      names.add("lm_head.weight");
    }
    for (int i = 0; i < layers; i++) {
      String block = "model.layers." + i + ".";
      names.add(block + "self_attn.q_proj.weight");
      names.add(block + "mlp.up_proj.weight");
      names.add(block + "input_layernorm.weight");
    }
    names.addAll(Arrays.asList(more));
    return ModelLayout.of(names, !head);
  }

  private static List<String> names(SearchSpace space) {
    return space.genes().stream().map(Gene::name).toList();
  }

  @Test
  void oneGroupForTheModelGivesTwoGenesPerSource() {
    ParameterSearchSpace space =
        ParameterSpace.perModel().bind(layout(4, true), DARE_TIES, SOURCES);
    assertThat(space.dimension()).isEqualTo(2 * SOURCES.size());
    assertThat(names(space))
        .containsExactly(
            "weight[ja]",
            "weight[math-en]",
            "weight[math-2]",
            "density[ja]",
            "density[math-en]",
            "density[math-2]");
    assertThat(space.genes())
        .allSatisfy(
            gene -> {
              assertThat(gene).isEqualTo(new Gene.Real(gene.name(), 0, 1, 0.5, 1.0 / 6));
            });
  }

  @Test
  void everyGranularityHasAsManyGenesAsGroupsTimesParameters() {
    ModelLayout model = layout(5, true);
    int perGroup = 2 * SOURCES.size();
    assertThat(ParameterSpace.perLayer().bind(model, DARE_TIES, SOURCES).dimension())
        .isEqualTo((5 + 2) * perGroup);
    assertThat(ParameterSpace.perLayerGroup(2).bind(model, DARE_TIES, SOURCES).dimension())
        .isEqualTo((3 + 2) * perGroup);
    assertThat(ParameterSpace.perLayerGroup(100).bind(model, DARE_TIES, SOURCES).dimension())
        .isEqualTo((1 + 2) * perGroup);
    // The layout has no component "other".
    assertThat(ParameterSpace.perComponent().bind(model, DARE_TIES, SOURCES).dimension())
        .isEqualTo((5 * 3 + 2) * perGroup);
    assertThat(ParameterSpace.perModel().byComponent().bind(model, DARE_TIES, SOURCES).dimension())
        .isEqualTo((3 + 2) * perGroup);
    assertThat(
            ParameterSpace.perLayerGroup(2)
                .byComponent()
                .bind(model, DARE_TIES, SOURCES)
                .dimension())
        .isEqualTo((3 * 3 + 2) * perGroup);
  }

  @Test
  void headAndFinalNormShareAGroupAndStrangersHaveTheirOwn() {
    ParameterSearchSpace space =
        ParameterSpace.perLayerGroup(2)
            .share("density")
            .bind(layout(3, true, "vision.projector.weight"), DARE_TIES, List.of("ja"));
    assertThat(names(space))
        .containsExactly(
            "density[ja]",
            "embeddings.weight[ja]",
            "layers.0-1.weight[ja]",
            "layers.2.weight[ja]",
            "head.weight[ja]",
            "other.weight[ja]");
    assertThat(space.targets().get(4).select())
        .containsExactly(TensorSelector.of(Part.FINAL_NORM), TensorSelector.of(Part.HEAD));
    assertThat(
            ParameterSpace.perLayer()
                .bind(layout(1, false), DARE_TIES, List.of("ja"))
                .targets()
                .get(4)
                .select())
        .as("a tied head has no tensor of its own")
        .containsExactly(TensorSelector.of(Part.FINAL_NORM));
  }

  @Test
  void rangesStartsAndStepsApplyToAllSourcesOrToOne() {
    ParameterSearchSpace space =
        ParameterSpace.perModel()
            .range("weight", 0, 2)
            .start("weight", 0.3)
            .step("weight", 0.05)
            .start("weight", "math-en", 1.0)
            .range("weight", "math-2", -1, 1)
            .step("weight", "math-2", 0.25)
            .freeze("density", 0.5)
            .range("lambda", 2, 3)
            .bind(layout(1, true), DARE_TIES, SOURCES);
    assertThat(space.genes())
        .containsExactly(
            new Gene.Real("weight[ja]", 0, 2, 0.3, 0.05),
            new Gene.Real("weight[math-en]", 0, 2, 1.0, 0.05),
            new Gene.Real("weight[math-2]", -1, 1, 0.3, 0.25),
            new Gene.Real("lambda", 2, 3, 2.5, 1.0 / 6));
  }

  @Test
  void frozenValuesArePartOfWhatIsDecodedAndLaterGroupsWin() {
    ParameterSearchSpace space =
        ParameterSpace.perLayer()
            .freeze("density", "ja", 0.25)
            .freeze("lambda")
            .freeze(TensorSelector.parse("layers.0"), "weight", 0.75)
            .freeze(TensorSelector.parse("layers.1.mlp"), "weight", 0)
            .bind(layout(2, true), DARE_TIES, List.of("ja", "math-en"));
    assertThat(names(space))
        .as("a group that is frozen as a whole has no gene, one that is frozen in part keeps it")
        .noneMatch(name -> name.startsWith("layers.0.weight"))
        .contains("layers.1.weight[ja]", "layers.0.density[math-en]")
        .noneMatch(name -> name.endsWith("density[ja]"));
    List<GroupValues> groups = space.decode(space.start());
    assertThat(groups.get(0).select()).isEqualTo(TensorSelector.all());
    assertThat(groups.get(0).values().scalar("lambda")).isEqualTo(1);
    assertThat(groups.get(0).values().flag("normalize")).isFalse();
    GroupValues layer =
        groups.stream().filter(g -> g.select().toString().equals("layers.1")).findFirst().get();
    assertThat(layer.values().perSource("density", 0)).isEqualTo(0.25);
    assertThat(layer.values().perSource("density", 1)).isEqualTo(0.5);
    assertThat(groups.subList(groups.size() - 2, groups.size()))
        .containsExactly(
            new GroupValues(
                TensorSelector.layers(0, 0),
                ParameterValues.of(java.util.Map.of("weight", new double[] {0.75, 0.75}))),
            new GroupValues(
                TensorSelector.layers(1, 1).component(Component.MLP),
                ParameterValues.of(java.util.Map.of("weight", new double[] {0, 0}))));
  }

  @Test
  void theLastFreezeOfAGroupWinsWhateverItsSelector() {
    ParameterSearchSpace space =
        ParameterSpace.perModel()
            .freeze(TensorSelector.parse("layers.0"), "weight", 0.75)
            .freeze(TensorSelector.all(), "weight", 0.25)
            .bind(layout(2, true), DARE_TIES, List.of("ja"));
    List<GroupValues> groups = space.decode(space.start());
    GroupValues last = groups.get(groups.size() - 1);
    assertThat(last.select()).isEqualTo(TensorSelector.all());
    assertThat(last.values().perSource("weight", 0)).isEqualTo(0.25);
  }

  @Test
  void normalizeSetsTheOperatorsFlagOrDividesWeightsByTheirSum() {
    ParameterSearchSpace flagged =
        ParameterSpace.perModel().normalize(true).bind(layout(1, true), DARE_TIES, SOURCES);
    GroupValues set = flagged.decode(Genome.of(0.2, 0.2, 0.4, 1, 1, 1)).get(0);
    assertThat(set.values().flag("normalize")).isTrue();
    assertThat(set.values().perSource("weight", 2)).isEqualTo(0.4);

    ParameterSearchSpace divided =
        ParameterSpace.perModel().normalize(true).bind(layout(1, true), NO_FLAG, SOURCES);
    ParameterValues values = divided.decode(Genome.of(0.2, 0.2, 0.4, 1, 1, 1)).get(0).values();
    assertThat(values.has("normalize")).isFalse();
    assertThat(values.asMap().get("weight")).containsExactly(0.25, 0.25, 0.5);
    assertThat(values.asMap().get("density")).containsExactly(1, 1, 1);
    assertThat(divided.decode(Genome.of(0, 0, 0, 1, 1, 1)).get(0).values().asMap().get("weight"))
        .containsExactly(1.0 / 3, 1.0 / 3, 1.0 / 3);

    ParameterSearchSpace published =
        ParameterSpace.perModel().bind(layout(1, true), NO_FLAG, SOURCES);
    assertThat(
            published.decode(Genome.of(1, 0.7, 0.2, 1, 1, 1)).get(0).values().asMap().get("weight"))
        .containsExactly(1, 0.7, 0.2);
  }

  @Test
  void wholeNumbersAndFlagsBecomeWholeNumberGenes() {
    ParameterSpec rank =
        new ParameterSpec(
            "rank",
            ParameterSpec.Scope.GLOBAL,
            ParameterSpec.Kind.INTEGER,
            1,
            64,
            1,
            8,
            4,
            4,
            true,
            "Rank.");
    List<ParameterSpec> specs = new ArrayList<>(DARE_TIES);
    specs.add(rank);
    ParameterSearchSpace space =
        ParameterSpace.perModel()
            .freeze("weight", 1)
            .freeze("density")
            .search("normalize")
            .bind(layout(1, true), specs, SOURCES);
    assertThat(space.genes())
        .containsExactly(new Gene.Int("normalize", 0, 1, 0), new Gene.Int("rank", 1, 8, 4));
    assertThatThrownBy(() -> space.decode(Genome.of(0, 2.5)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'rank' is 2.5, wanted a whole number in [1.0, 8.0]");
  }

  @Test
  void defaultRangesAreCutToWhatTheOperatorAccepts() {
    ParameterSpec gain = ParameterSpec.perSource("gain", 0.75, 3, 1, "Gain.");
    ParameterSearchSpace space =
        ParameterSpace.perModel().bind(layout(1, true), List.of(gain), List.of("ja"));
    assertThat(space.genes()).containsExactly(new Gene.Real("gain[ja]", 0.75, 1, 0.875, 0.25 / 6));
  }

  @Test
  void allMistakesAreReportedAtOnce() {
    ParameterSpace space =
        ParameterSpace.perLayerGroup(0)
            .range("wieght", 0, 1)
            .range("density", 0, 1.5)
            .range("weight", 0, 1)
            .start("weight", "math-en", 3)
            .start("weight", "maths-2", 0.5)
            .range("lambda", "ja", 0, 1)
            .step("weight", "ja", -1)
            .freeze(TensorSelector.layers(7, 7), "density", 0.5)
            .freeze("normalize", 0.5);
    ConfigurationException refused =
        catchThrowableOfType(
            ConfigurationException.class, () -> space.bind(layout(2, true), DARE_TIES, SOURCES));
    assertThat(refused.problems())
        .containsExactlyInAnyOrder(
            "perLayerGroup(0): wanted at least 1 layer",
            "unknown parameter 'wieght'; did you mean 'weight'?",
            "parameter 'weight': unknown source 'maths-2'; did you mean 'math-2'?",
            "parameter 'lambda' has one value for all sources, not one per source",
            "parameter 'density': range [0.0, 1.5] leaves what the operator accepts, [0.0, 1.0]"
                .replace("'density':", "'density' of 'ja':"),
            "parameter 'density' of 'math-en': range [0.0, 1.5] leaves what the operator accepts,"
                + " [0.0, 1.0]",
            "parameter 'density' of 'math-2': range [0.0, 1.5] leaves what the operator accepts,"
                + " [0.0, 1.0]",
            "parameter 'weight' of 'math-en': start 3.0 is outside its range [0.0, 1.0]",
            "parameter 'weight' of 'ja': step -1.0, wanted a number above 0",
            "freeze(layers.7, density): the model, with 2 layers, has no such tensors",
            "parameter 'normalize' frozen at 0.5, wanted a whole number");
  }

  @Test
  void aSpaceWithNothingToSearchIsRefused() {
    assertThatThrownBy(
            () ->
                ParameterSpace.perLayer()
                    .freeze("weight", 0.5)
                    .freeze("density")
                    .bind(layout(2, true), DARE_TIES, SOURCES))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("nothing is left to search");
    assertThatThrownBy(
            () ->
                ParameterSpace.perModel()
                    .freeze("weight")
                    .bind(layout(1, true), DARE_TIES, SOURCES))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("'weight' has no default to freeze it at");
  }

  @Test
  void genomesOutsideTheSpaceAreRefusedByGene() {
    ParameterSearchSpace space =
        ParameterSpace.perModel().bind(layout(1, true), DARE_TIES, List.of("ja"));
    assertThatThrownBy(() -> space.decode(Genome.of(0.5)))
        .hasMessage("the genome has 1 values, the space 2 genes");
    assertThatThrownBy(() -> space.decode(Genome.of(0.5, Double.NaN)))
        .hasMessageContaining("gene 'density[ja]' is NaN");
  }

  @Test
  void equalDeclarationsDescribeThemselvesEquallyAndOthersDoNot() {
    ParameterSpace a =
        ParameterSpace.perLayer().range("weight", 0, 2).share("density").freeze("lambda", 1);
    ParameterSpace b =
        ParameterSpace.perLayer().freeze("lambda", 1).share("density").range("weight", 0, 2);
    assertThat(a).isEqualTo(b).hasSameHashCodeAs(b);
    assertThat(a.describe())
        .isEqualTo(
            "groups=layers(1), normalize=false, parameter.density.shared=true,"
                + " parameter.lambda=frozen=1.0, parameter.weight=searched,"
                + " parameter.weight.range=[0.0, 2.0]");
    List<ParameterSpace> others =
        List.of(
            a.byComponent(),
            a.normalize(true),
            a.start("weight", 0.1),
            a.start("weight", "ja", 0.1),
            a.step("weight", 0.1),
            a.search("lambda"),
            a.freeze("density", "ja", 0.5),
            a.freeze(TensorSelector.all(), "density", 0.5),
            ParameterSpace.perModel());
    assertThat(others).doesNotContain(a).doesNotHaveDuplicates();
  }
}
