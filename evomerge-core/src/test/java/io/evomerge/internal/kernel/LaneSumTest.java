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
  void packedBlocksHaveTheBitsOfWideOnes() {
    Random random = new Random(12);
    byte[] base = packed(random);
    byte[] x = packed(random);
    byte[] y = packed(random);
    int length = x.length / 2;
    LaneSum[] expected = {new LaneSum(), new LaneSum(), new LaneSum()};
    LaneSum[] expectedOfDeltas = {new LaneSum(), new LaneSum(), new LaneSum()};
    for (int i = 0; i < length; i++) {
      float[] wideX = {ScalarLoops.wideBf16(x, i)};
      float[] wideY = {ScalarLoops.wideBf16(y, i)};
      add(expected, wideX, wideY);
      wideX[0] -= ScalarLoops.wideBf16(base, i);
      wideY[0] -= ScalarLoops.wideBf16(base, i);
      add(expectedOfDeltas, wideX, wideY);
    }
    for (int longest = 1; longest < 200; longest += 10) {
      LaneSum[] sums = {new LaneSum(), new LaneSum(), new LaneSum()};
      LaneSum[] ofDeltas = {new LaneSum(), new LaneSum(), new LaneSum()};
      int from = 0;
      while (from < length) {
        int to = Math.min(length, from + random.nextInt(longest + 1));
        byte[] partX = Arrays.copyOfRange(x, 2 * from, 2 * to);
        byte[] partY = Arrays.copyOfRange(y, 2 * from, 2 * to);
        byte[] partBase = Arrays.copyOfRange(base, 2 * from, 2 * to);
        LaneSum.addProductsAndSquares(sums[0], sums[1], sums[2], partX, partY, to - from);
        LaneSum.addDeltaProductsAndSquares(
            ofDeltas[0], ofDeltas[1], ofDeltas[2], partBase, partX, partY, to - from);
        from = to;
      }
      for (int i = 0; i < sums.length; i++) {
        assertThat(sums[i].sum()).isEqualTo(expected[i].sum());
        assertThat(ofDeltas[i].sum()).isEqualTo(expectedOfDeltas[i].sum());
      }
    }
  }

  private static void add(LaneSum[] sums, float[] x, float[] y) {
    sums[0].addProducts(x, y, 1);
    sums[1].addProducts(x, x, 1);
    sums[2].addProducts(y, y, 1);
  }

  private static byte[] packed(Random random) {
    byte[] packed = new byte[2 * 3001];
    for (int i = 0; i < packed.length; i += 2) {
      short bits = ScalarLoops.bf16((float) random.nextGaussian());
      packed[i] = (byte) bits;
      packed[i + 1] = (byte) (bits >> 8);
    }
    return packed;
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
