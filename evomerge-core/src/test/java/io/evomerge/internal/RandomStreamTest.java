package io.evomerge.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RandomStreamTest {

  @Test
  void aKeyFixesTheStream() {
    RandomStream a = RandomStream.of(1, "purpose", 2, 3);
    RandomStream b = RandomStream.of(1, "purpose", 2, 3);
    for (int i = 0; i < 100; i++) {
      assertThat(a.nextGaussian()).isEqualTo(b.nextGaussian());
      assertThat(a.nextLong()).isEqualTo(b.nextLong());
    }
  }

  @Test
  void everyPartOfTheKeyMatters() {
    Set<Long> firsts = new HashSet<>();
    int keys = 0;
    for (long seed = -2; seed <= 2; seed++) {
      for (String purpose : new String[] {"", "a", "b", "ab", "ba"}) {
        firsts.add(RandomStream.of(seed, purpose).nextLong());
        keys++;
        for (long id = -2; id <= 2; id++) {
          firsts.add(RandomStream.of(seed, purpose, id).nextLong());
          firsts.add(RandomStream.of(seed, purpose, id, 0).nextLong());
          firsts.add(RandomStream.of(seed, purpose, 7, id).nextLong());
          keys += 3;
        }
      }
    }
    assertThat(firsts).hasSize(keys);
  }

  @Test
  void normalVariatesHaveTheMomentsOfTheNormalDistribution() {
    int count = 200_000;
    double[] moments = new double[5];
    for (int id = 0; id < 100; id++) {
      RandomStream stream = RandomStream.of(3, "moments", id);
      for (int i = 0; i < count / 100; i++) {
        double z = stream.nextGaussian();
        for (int m = 1; m <= 4; m++) {
          moments[m] += Math.pow(z, m) / count;
        }
      }
    }
    assertThat(moments[1]).isBetween(-0.01, 0.01);
    assertThat(moments[2]).isBetween(0.985, 1.015);
    assertThat(moments[3]).isBetween(-0.04, 0.04);
    assertThat(moments[4]).isBetween(2.9, 3.1);
  }

  @Test
  void wholeNumbersAreEven() {
    int[] counts = new int[6];
    RandomStream stream = RandomStream.of(4, "dice");
    for (int i = 0; i < 60_000; i++) {
      counts[stream.nextInt(6)]++;
    }
    for (int count : counts) {
      assertThat(count).isBetween(9_400, 10_600);
    }
  }
}
