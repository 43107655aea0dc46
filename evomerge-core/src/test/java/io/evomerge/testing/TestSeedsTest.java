package io.evomerge.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class TestSeedsTest {

  @Test
  void streamsOfOnePurposeAndIdAreEqualAndAllOthersDiffer() {
    assertThat(TestSeeds.random("a", 1).nextLong()).isEqualTo(TestSeeds.random("a", 1).nextLong());
    Set<Long> seeds = new HashSet<>();
    for (String purpose : new String[] {"a", "b", "ab", "ba", ""}) {
      for (int id = 0; id < 100; id++) {
        seeds.add(TestSeeds.seed(purpose, id));
      }
    }
    assertThat(seeds).hasSize(500);
  }

  @Test
  void aPropertyThatDoesNotHoldNamesTheSeedThatShowsItAgain() {
    assertThatThrownBy(
            () ->
                TestSeeds.check(
                    "small numbers", 50, random -> assertThat(random.nextInt(10)).isLessThan(9)))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("'small numbers'")
        .hasMessageContaining("-D" + TestSeeds.PROPERTY + "=" + TestSeeds.master());
  }
}
