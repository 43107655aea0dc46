package io.evomerge.candidate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.TestTokenizers;
import io.evomerge.checkpoint.Vocabulary;
import io.evomerge.exception.IncompatibleCheckpointsException;
import io.evomerge.merge.MergeOperators;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.TokenEmbedding;
import io.evomerge.recipe.VocabularyChoice;
import io.evomerge.tensor.DType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Models with different vocabularies, all the way to files and candidates. */
class VocabularyMergeTest {

  @TempDir Path root;

  private TokenModels models;
  private Checkpoint base;
  private Checkpoint ja;
  private Checkpoint en;

  @BeforeEach
  void openModels() throws Exception {
    models = new TokenModels(root);
    base = models.bpe("base", List.of("a", "b")).rows(5).dtype(DType.F32).open();
    ja =
        models
            .bpe("ja", List.of("x", "b", "a"), TestTokenizers.special(3, "<say>"))
            .dtype(DType.F32)
            .config("eos_token_id", 3)
            .open();
    en = models.bpe("en", List.of("y", "x")).dtype(DType.F32).open();
  }

  @AfterEach
  void closeModels() {
    models.close();
  }

  private MergeRecipe.Builder recipe(String operator) {
    MergeRecipe.Builder recipe =
        MergeRecipe.builder(operator)
            .sources(List.of(ja.ref(), en.ref()))
            .perSource("weight", 1, 0)
            .chatTemplate("{{ greeting }}");
    return operator.equals("linear") ? recipe : recipe.base(base.ref());
  }

  @ParameterizedTest
  @ValueSource(strings = {"linear", "ties", "dare_ties"})
  void theWrittenTokenizerFitsTheWrittenRows(String operator) throws Exception {
    Optional<Checkpoint> common = operator.equals("linear") ? Optional.empty() : Optional.of(base);
    for (VocabularyChoice choice :
        List.of(
            VocabularyChoice.union(),
            VocabularyChoice.base(),
            VocabularyChoice.of("ja"),
            VocabularyChoice.union().paddedTo(8),
            VocabularyChoice.union().withTokens(Map.of("<new>", TokenEmbedding.zero())))) {
      Path out = root.resolve("out" + choice.hashCode());
      MergeRecipe recipe = recipe(operator).vocabulary(choice).build();
      MergedModelWriter.create().write(recipe, common, List.of(ja, en), out);
      VocabularyPlan plan = VocabularyPlan.of(choice, common, List.of(ja, en));
      try (Checkpoint written = Checkpoints.open(out)) {
        assertThat(written.tensors().get("lm_head.weight").shape())
            .containsExactly((long) plan.rows(), 4L);
        assertThat(written.config().orElseThrow().requiredInteger("vocab_size"))
            .isEqualTo(plan.rows());
        assertThat(Vocabulary.of(written).orElseThrow().ids()).isEqualTo(plan.tokens());
        assertThat(Files.readString(out.resolve("tokenizer_config.json")))
            .contains("{{ greeting }}");
        if (operator.equals("linear")) {
          assertThat(TinyModels.floats(written.tensor("lm_head.weight")))
              .containsExactly(TinyModels.floats(plan.view(ja, "lm_head.weight")), within(1e-6f));
        }
        assertSameInMemory(operator, recipe, common, written);
      }
    }
  }

  /** What is scored in memory is what is written, with a tokenizer that fits. */
  private void assertSameInMemory(
      String operator, MergeRecipe recipe, Optional<Checkpoint> common, Checkpoint written)
      throws Exception {
    CandidateAssembler.Builder builder =
        CandidateAssembler.builder(MergeOperators.standard().get(operator))
            .sources(List.of(ja, en))
            .structure(recipe);
    common.ifPresent(builder::base);
    Path tokenizer;
    try (CandidateAssembler assembler = builder.build();
        WeightStore store = assembler.newStore()) {
      CandidateModel candidate = assembler.assemble(recipe, store);
      candidate
          .weights()
          .tensors()
          .forEach(
              (name, tensor) ->
                  assertThat(TinyModels.floats(tensor))
                      .as(name)
                      .isEqualTo(TinyModels.floats(written.tensor(name))));
      assertThat(candidate.config()).isEqualTo(written.config());
      tokenizer = candidate.tokenizerFolder().orElseThrow();
      assertThat(tokenizer.resolve("tokenizer.json"))
          .hasSameBinaryContentAs(written.location().resolve("tokenizer.json"));
    }
    assertThat(tokenizer).doesNotExist();
  }

  @Test
  void differentVocabulariesWithoutAChoiceAreRefused() {
    assertThatThrownBy(
            () ->
                MergedModelWriter.create()
                    .write(
                        recipe("ties").build(),
                        Optional.of(base),
                        List.of(ja, en),
                        root.resolve("out")))
        .isInstanceOf(IncompatibleCheckpointsException.class)
        .hasMessageContaining("another vocabulary");
    assertThat(root.resolve("out")).doesNotExist();
  }
}
