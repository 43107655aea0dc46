package io.evomerge.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LaneSumTest {

  @Test
  void blocksDoNotChangeABit() {
    long seed = 11;
    Random random = new Random(seed);
    float[] x = new float[3001];
    float[] y = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) (random.nextGaussian() * Math.pow(10, random.nextInt(12)));
      y[i] = (float) random.nextGaussian();
    }
    LaneSum products = new LaneSum();
    LaneSum magnitudes = new LaneSum();
    products.addProducts(x, y, x.length);
    magnitudes.addMagnitudes(x, x.length);
    for (int longest = 1; longest < 200; longest += 10) {
      LaneSum splitProducts = new LaneSum();
      LaneSum splitMagnitudes = new LaneSum();
      int from = 0;
      while (from < x.length) {
        int to = Math.min(x.length, from + random.nextInt(longest + 1));
        float[] part = Arrays.copyOfRange(x, from, to);
        splitProducts.addProducts(part, Arrays.copyOfRange(y, from, to), part.length);
        splitMagnitudes.addMagnitudes(part, part.length);
        from = to;
      }
      assertThat(splitProducts.sum()).as("seed %d", seed).isEqualTo(products.sum());
      assertThat(splitMagnitudes.sum()).as("seed %d", seed).isEqualTo(magnitudes.sum());
    }
  }

  @Test
  void sumsInFloat64() {
    float[] x = new float[1 << 16];
    Arrays.fill(x, 0.1f);
    LaneSum sum = new LaneSum();
    sum.addMagnitudes(x, x.length);
    assertThat(sum.sum()).isEqualTo(0.1f * 65536.0);
  }
}
