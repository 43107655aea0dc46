package io.evomerge.candidate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.EvoMerge;
import io.evomerge.candidate.TinyModels.Family;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.TestTokenizers;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.merge.MergeOperators;
import io.evomerge.recipe.LayerRange;
import io.evomerge.recipe.LayerSlice;
import io.evomerge.recipe.VocabularyChoice;
import io.evomerge.result.EvolutionResult;
import io.evomerge.run.StopCondition;
import io.evomerge.tensor.DType;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Searches over what all candidates have in common: slices, vocabularies, parameters. */
class EvolutionOverStructureTest {

  @TempDir Path folder;

  @Test
  void modelsOfDifferentVocabulariesAreEvolved() throws Exception {
    try (TokenModels models = new TokenModels(folder)) {
      Checkpoint ja =
          models.bpe("ja", List.of("x", "b"), TestTokenizers.special(2, "<say>")).open();
      Checkpoint en = models.bpe("en", List.of("y", "x")).open();
      try (EvoMerge search =
          EvoMerge.builder()
              .sources(ja, en)
              .operator(MergeOperators.linear())
              .searchSpace(ParameterSpace.perLayer())
              .recipe(recipe -> recipe.vocabulary(VocabularyChoice.union()))
              .maximize("rows", model -> rows(model))
              .stopWhen(StopCondition.evaluations(8))
              .build()) {
        EvolutionResult result = search.run();
        Path out = folder.resolve("out");
        search.write(result.best().recipe(), out);
        try (Checkpoint written = Checkpoints.open(out)) {
          assertThat(result.best().score())
              .isEqualTo(written.tensors().get("lm_head.weight").shape().get(0).doubleValue());
        }
      }
    }
  }

  private static double rows(CandidateModel model) {
    return model.weights().tensors().get("lm_head.weight").info().shape().get(0);
  }

  @Test
  void everyLayerOfASlicedModelHasGenesOfItsOwn() throws Exception {
    try (Family family = Family.write(folder, DType.F32, false);
        EvoMerge search =
            EvoMerge.builder()
                .sources(family.sources().toArray(Checkpoint[]::new))
                .operator(MergeOperators.linear())
                .searchSpace(ParameterSpace.perLayer())
                .recipe(
                    recipe ->
                        recipe
                            .parameter("normalize", 0)
                            .slices(
                                List.of(
                                    new LayerSlice(
                                        List.of(
                                            new LayerRange("ja", 0, 2),
                                            new LayerRange("math", 0, 2))),
                                    new LayerSlice(List.of(new LayerRange("ja", 1, 2))))))
                .maximize("layers", model -> model.layout().layerCount())
                .stopWhen(StopCondition.evaluations(4))
                .build()) {
      assertThat(search.space().genes())
          .extracting(gene -> gene.name())
          .anyMatch(name -> name.contains("2"))
          .hasSize(2 * 5);
      EvolutionResult result = search.run();
      assertThat(result.best().score()).isEqualTo(3);
    }
  }

  @Test
  void slicesThatDoNotFitAreAmongTheProblemsOfTheBuilder() throws Exception {
    try (Family family = Family.write(folder, DType.F32, false)) {
      assertThatThrownBy(
              () ->
                  EvoMerge.builder()
                      .sources(family.sources().toArray(Checkpoint[]::new))
                      .operator(MergeOperators.linear())
                      .searchSpace(ParameterSpace.perLayer())
                      .recipe(
                          recipe ->
                              recipe.slices(
                                  List.of(new LayerSlice(List.of(new LayerRange("ja", 0, 9))))))
                      .build())
          .isInstanceOf(ConfigurationException.class)
          .hasMessageContaining("'ja' has 2 layers, a slice wants [0, 9)")
          .hasMessageContaining("no objective");
    }
  }
}
