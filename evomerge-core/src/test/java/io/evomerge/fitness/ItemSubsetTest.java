package io.evomerge.fitness;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ItemSubsetTest {

  @Test
  void indicesAreKeptInOrderWhateverOrderTheyCameIn() {
    assertThat(ItemSubset.of(7, 2, 5).indices()).containsExactly(2, 5, 7);
    assertThat(ItemSubset.of(7, 2, 5))
        .isEqualTo(ItemSubset.of(2, 5, 7))
        .hasSameHashCodeAs(ItemSubset.of(2, 5, 7));
  }

  @Test
  void runsAreWrittenAsRanges() {
    assertThat(ItemSubset.of(0, 1, 2, 3, 7, 8, 10, 11, 12)).hasToString("0-3,7,8,10-12");
    assertThat(ItemSubset.all()).hasToString("all");
  }

  @Test
  void whatIsWrittenIsReadBack() {
    Random random = new Random(1);
    for (int round = 0; round < 200; round++) {
      int count = 1 + random.nextInt(40);
      ItemSubset subset = ItemSubset.of(random.ints(0, 60).distinct().limit(count).toArray());
      assertThat(ItemSubset.parse(subset.toString())).isEqualTo(subset);
      assertThat(subset.size()).isEqualTo(count);
    }
    assertThat(ItemSubset.parse("all").isAll()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "x", "1,", "3-1", "1,1", "-1", "1-2-3"})
  void otherTextIsRefused(String text) {
    assertThatIllegalArgumentException().isThrownBy(() -> ItemSubset.parse(text));
  }

  @Test
  void aSubsetHasItemsAndEachOnce() {
    assertThatIllegalArgumentException()
        .isThrownBy(ItemSubset::of)
        .withMessageContaining("ItemSubset.all()");
    assertThatIllegalArgumentException().isThrownBy(() -> ItemSubset.of(-1));
    assertThatIllegalArgumentException().isThrownBy(() -> ItemSubset.of(4, 4));
  }

  @Test
  void allItemsDoNotKnowTheirNumber() {
    assertThatIllegalStateException().isThrownBy(() -> ItemSubset.all().size());
    assertThatIllegalStateException().isThrownBy(() -> ItemSubset.all().indices());
  }

  @Test
  void itemsThatATaskDoesNotHaveAreRefused() {
    ItemSubset some = ItemSubset.of(3, 9);
    assertThat(some.requireWithin(10)).isSameAs(some);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> some.requireWithin(9))
        .withMessage("item 9 is asked for, the task has items 0 to 8");
  }

  @Test
  void aFitnessSaysWhetherItIsExact() {
    Fitness whole = new Fitness(0.5, new double[] {0, 1}, Map.of());
    assertThat(whole.exact()).isTrue();
    Fitness part = whole.onItems(ItemSubset.of(3, 8));
    assertThat(part.exact()).isFalse();
    assertThat(part).isNotEqualTo(whole);
    assertThat(part.withoutItems().subset()).isEqualTo(ItemSubset.of(3, 8));
    assertThat(part.withoutItems().items()).isEmpty();
  }

  @Test
  void thereIsAWeightForEachItemOrNone() {
    double[] weights = {1};
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Fitness(0, new double[] {1, 2}, Map.of(), weights, ItemSubset.all()))
        .withMessage("got 1 weights for 2 items, wanted one for each");
  }
}
