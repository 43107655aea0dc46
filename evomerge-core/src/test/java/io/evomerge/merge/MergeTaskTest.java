package io.evomerge.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.exception.ConfigurationException;
import io.evomerge.genome.Semantics;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import org.junit.jupiter.api.Test;

class MergeTaskTest {

  private static final TensorInfo INFO = Arrays32.info("w", 10, 10);
  private static final TensorView VIEW = Arrays32.view(INFO, new float[100]);

  @Test
  void buildReportsEveryProblemAtOnce() {
    MergeTask.Builder builder =
        MergeTask.builder(INFO)
            .base(Arrays32.view(1, 2))
            .source("a", Arrays32.view(1, 2, 3))
            .source("a", VIEW)
            .blockLength(0);
    assertThatThrownBy(builder::build)
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("'w'")
        .satisfies(
            e ->
                assertThat(((ConfigurationException) e).problems())
                    .hasSize(4)
                    .doesNotHaveDuplicates());
    assertThatThrownBy(() -> MergeTask.builder(INFO).build()).hasMessageContaining("no source");
  }

  @Test
  void defaultsAreThePaperWithoutBaseSeedOrCache() {
    MergeTask task = MergeTask.builder(INFO).source("a", VIEW).build();
    assertThat(task.semantics()).isEqualTo(Semantics.PAPER);
    assertThat(task.base()).isEmpty();
    assertThat(task.survey()).isEmpty();
    assertThat(task.statistics(0)).isEmpty();
    assertThat(task.isEmbedding()).isFalse();
    assertThat(task.parameters().asMap()).isEmpty();
    assertThat(task.blockLength()).isEqualTo(TensorMerge.DEFAULT_BLOCK_LENGTH);
    assertThat(task.sourceNames()).containsExactly("a");
  }

  @Test
  void surveyAndStatisticsAreHandedOn() {
    WholeModelOperator.Survey survey = new WholeModelOperator.Survey() {};
    TensorView matrix = Arrays32.view(1, 2);
    MergeTask task =
        MergeTask.builder(INFO)
            .source("a", VIEW)
            .source("b", VIEW)
            .statistics("b", matrix)
            .survey(survey)
            .build();
    assertThat(task.survey()).containsSame(survey);
    assertThat(task.statistics(0)).isEmpty();
    assertThat(task.statistics(1)).containsSame(matrix);
  }

  @Test
  void uniformsDependOnSeedSourceTensorAndElementOnly() {
    float[] numbers = uniforms(INFO, "a", 1, MergeCache.none());
    assertThat(uniforms(INFO, "a", 1, MergeCache.ofBytes(1 << 20))).isEqualTo(numbers);
    assertThat(uniforms(Arrays32.info("w", 4, 25), "a", 1, MergeCache.none())).isEqualTo(numbers);
    assertThat(uniforms(INFO, "b", 1, MergeCache.none())).isNotEqualTo(numbers);
    assertThat(uniforms(INFO, "a", 2, MergeCache.none())).isNotEqualTo(numbers);
    assertThat(uniforms(INFO.withName("v"), "a", 1, MergeCache.none())).isNotEqualTo(numbers);
  }

  /** Computed apart from this code, from what the javadoc of MergeTask says. */
  @Test
  void uniformsNeverChangeBetweenReleases() {
    assertThat(uniforms(INFO, "a", 42, MergeCache.none()))
        .startsWith(
            0xfd40e1p-24f,
            0xa67a19p-24f,
            0xca29efp-24f,
            0x2becbbp-24f,
            0xa06d5cp-24f,
            0x885fbp-24f);
  }

  @Test
  void uniformsOfASourceDoNotDependOnItsPlace() {
    MergeTask task = MergeTask.builder(INFO).source("b", VIEW).source("a", VIEW).seed(1).build();
    float[] numbers = new float[100];
    task.uniforms(1, 0, numbers, 100);
    assertThat(numbers).isEqualTo(uniforms(INFO, "a", 1, MergeCache.none()));
    float[] part = new float[30];
    task.uniforms(1, 50, part, 30);
    for (int i = 0; i < 30; i++) {
      assertThat(part[i]).isEqualTo(numbers[50 + i]);
    }
  }

  @Test
  void largerEmbeddingsAreCroppedToTheTasksShape() {
    TensorInfo large = Arrays32.info("embed", 3, 4);
    TensorView view = Arrays32.view(large, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
    MergeTask.Builder builder =
        MergeTask.builder(Arrays32.info("embed", 2, 3)).source("a", view).blockLength(4);
    assertThatThrownBy(builder::build).hasMessageContaining("source 'a'");
    MergeTask task = builder.embedding(true).build();
    assertThat(Arrays32.read(task.sources().get(0))).containsExactly(0, 1, 2, 4, 5, 6);
    assertThat(Arrays32.merge(MergeOperators.passthrough(), task))
        .containsExactly(0, 1, 2, 4, 5, 6);
    assertThatThrownBy(() -> task.sources().get(0).readFloats(5, new float[2], 0, 2))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void smallerEmbeddingsAreRefused() {
    assertThatThrownBy(
            () ->
                MergeTask.builder(Arrays32.info("embed", 11, 10))
                    .source("a", VIEW)
                    .embedding(true)
                    .build())
        .hasMessageContaining("or larger");
  }

  private static float[] uniforms(TensorInfo info, String source, long seed, MergeCache cache) {
    float[] numbers = new float[100];
    MergeTask.builder(info)
        .source(source, Arrays32.view(info, new float[100]))
        .seed(seed)
        .cache(cache)
        .build()
        .uniforms(0, 0, numbers, 100);
    return numbers;
  }
}
