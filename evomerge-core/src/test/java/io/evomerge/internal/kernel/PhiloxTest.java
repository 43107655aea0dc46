package io.evomerge.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PhiloxTest {

  /** The vectors that Random123, the authors' own implementation, publishes (kat_vectors). */
  @Test
  void givesThePublishedKnownAnswers() {
    assertThat(words(0, 0, 0)).containsExactly(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
    assertThat(words(-1, -1, -1)).containsExactly(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
    assertThat(words(0x299f31d0a4093822L, 0x0370734413198a2eL, 0x85a308d3243f6a88L))
        .containsExactly(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1);
  }

  @Test
  void anUniformIsTheUpper24BitsOfItsWord() {
    Philox philox = new Philox(3, 5);
    float[] uniforms = new float[4];
    philox.uniforms(4 * 77, uniforms, 4);
    int[] words = new int[4];
    philox.block(77, words);
    for (int i = 0; i < 4; i++) {
      assertThat(uniforms[i]).isEqualTo((words[i] >>> 8) / 16777216f);
    }
  }

  @Test
  void anySplitIntoBlocksGivesTheSameNumbers() {
    Philox philox = Philox.derive(42, "source", "tensor");
    float[] whole = new float[1000];
    long start = (1L << 34) + 1;
    philox.uniforms(start, whole, whole.length);
    Random random = new Random(7);
    for (int done = 0; done < whole.length; ) {
      int length = Math.min(whole.length - done, random.nextInt(11));
      float[] part = new float[length + 1];
      philox.uniforms(start + done, part, length);
      assertThat(Arrays.copyOf(part, length))
          .containsExactly(Arrays.copyOfRange(whole, done, done + length));
      assertThat(part[length]).isZero();
      done += length;
    }
  }

  @Test
  void numbersLookUniform() {
    float[] uniforms = new float[1 << 16];
    Philox.derive(1, "x").uniforms(0, uniforms, uniforms.length);
    int[] bins = new int[16];
    for (float u : uniforms) {
      assertThat(u).isBetween(0f, 0x1.fffffep-1f);
      bins[(int) (u * bins.length)]++;
    }
    double expected = uniforms.length / (double) bins.length;
    double chiSquare =
        Arrays.stream(bins).mapToDouble(n -> (n - expected) * (n - expected) / expected).sum();
    // 15 degrees of freedom: exceeded once in 10^5 streams.
    assertThat(chiSquare).isLessThan(50);
  }

  @Test
  void seedAndEveryPartSelectAnotherStream() {
    assertThat(first(Philox.derive(1, "ab", "c")))
        .isEqualTo(first(Philox.derive(1, "ab", "c")))
        .isNotEqualTo(first(Philox.derive(2, "ab", "c")))
        .isNotEqualTo(first(Philox.derive(1, "a", "bc")))
        .isNotEqualTo(first(Philox.derive(1, "abc")))
        .isNotEqualTo(first(Philox.derive(1, "c", "ab")));
  }

  private static float[] first(Philox philox) {
    float[] values = new float[8];
    philox.uniforms(0, values, 8);
    return values;
  }

  private static int[] words(long key, long stream, long counter) {
    int[] words = new int[4];
    new Philox(key, stream).block(counter, words);
    return words;
  }
}
