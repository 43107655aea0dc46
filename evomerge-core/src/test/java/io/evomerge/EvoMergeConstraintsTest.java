package io.evomerge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.candidate.CandidateModel;
import io.evomerge.checkpoint.TestCheckpoints;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.fitness.Bound;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.merge.MergeOperators;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.result.EvolutionResult;
import io.evomerge.run.StopCondition;
import io.evomerge.tensor.DType;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Constraints and several objectives from end to end, on tiny models. */
class EvoMergeConstraintsTest {

  @TempDir Path root;
  private Path ja;
  private Path math;

  @BeforeEach
  void writeModels() {
    ja = TestCheckpoints.writeLlama(root.resolve("ja"), 2, 8, DType.F32, 2);
    math = TestCheckpoints.writeLlama(root.resolve("math"), 2, 8, DType.F32, 3);
  }

  private static double weight(CandidateModel candidate, int source) {
    return candidate.recipe().parameters().get("weight").numbers().get(source);
  }

  private EvoMerge.Builder search() {
    return EvoMerge.builder()
        .sources(ja, math)
        .operator(MergeOperators.linear())
        .searchSpace(ParameterSpace.perModel())
        .stopWhen(StopCondition.evaluations(60))
        .seed(5);
  }

  @Test
  void theBestKeepsToTheConstraintAndProvenanceNamesIt() {
    try (EvoMerge evoMerge =
        search()
            .maximize("first", candidate -> weight(candidate, 0))
            .subjectTo("second", candidate -> weight(candidate, 1), Bound.atLeast(0.5))
            .subjectTo("both", c -> weight(c, 0) + weight(c, 1), Bound.atMost(1.2))
            .build()) {
      EvolutionResult result = evoMerge.run();
      assertThat(result.best().violation()).isZero();
      assertThat(result.best().score()).isBetween(0.6, 0.7);
      assertThat(result.trials())
          .anyMatch(t -> t.outcome() instanceof Outcome.Scored s && s.violation() > 0);
      assertThat(result.provenance().settings())
          .containsEntry("constraint.second", ">= 0.5 ")
          .containsEntry("constraint.both", "<= 1.2 ");
    }
  }

  @Test
  void aParameterCountCanBeBoundedAndAConstraintThatFailsFailsTheTrial() {
    try (EvoMerge evoMerge =
        search()
            .maximize("first", candidate -> weight(candidate, 0))
            .subjectTo("parameters", CandidateModel::parameterCount, Bound.atMost(100))
            .subjectTo(
                "odd", candidate -> weight(candidate, 0) > 0.6 ? Double.NaN : 0, Bound.atMost(1))
            .build()) {
      EvolutionResult result = evoMerge.run();
      assertThat(result.best().violation()).isGreaterThan(0);
      assertThat(result.failures().keySet())
          .containsExactly("constraint 'odd' returned NaN, wanted a finite number");
    }
  }

  @Test
  void severalObjectivesGiveAFrontAndAKneeThatCanBeWritten() throws Exception {
    try (EvoMerge evoMerge =
        search()
            .optimizer(Optimizers.smsEmoa(8))
            .maximize("first", c -> weight(c, 0), c -> weight(c, 0))
            .minimize("size", c -> weight(c, 0) * weight(c, 0) + weight(c, 1))
            .parallelism(2)
            .build()) {
      EvolutionResult result = evoMerge.run();
      assertThat(result.validatedFront().size()).isGreaterThan(3);
      evoMerge.write(result.validatedFront().knee().recipe(), root.resolve("knee"));
      assertThat(root.resolve("knee/recipe.yaml")).exists();
    }
  }

  @Test
  void aStageInheritsConstraintsOrHasItsOwn() {
    try (EvoMerge evoMerge =
        search()
            .maximize("first", candidate -> weight(candidate, 0))
            .subjectTo("cap", candidate -> weight(candidate, 0), Bound.atMost(0.4))
            .stage("one", s -> s)
            .stage(
                "two",
                s -> s.subjectTo("cap", candidate -> weight(candidate, 0), Bound.atMost(0.2)))
            .build()) {
      EvolutionResult result = evoMerge.run();
      assertThat(result.best().score()).isBetween(0.15, 0.2);
      assertThat(result.stages().get("one").best().score()).isBetween(0.35, 0.4);
    }
  }

  @Test
  void namesThatAreTakenAndEvaluatorsOfAHostAreRefused() {
    assertThatThrownBy(
            () ->
                search()
                    .maximize("first", candidate -> 0)
                    .subjectTo("first", candidate -> 0, Bound.atMost(1))
                    .evaluator(
                        () -> {
                          throw new AssertionError("nothing is to be evaluated");
                        })
                    .build())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("constraint 'first': an objective or constraint has that name")
        .hasMessageContaining("library's own evaluator");
  }
}
