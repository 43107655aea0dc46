package io.evomerge.internal;

/**
 * A stream of random numbers that is a pure function of (seed, purpose, ids), so that neither the
 * order nor the thread in which streams are used can change a result.
 *
 * <p>The key is hashed into the start of a SplitMix64 sequence (Steele, Lea, Flood 2014, doi
 * 10.1145/2660193.2660195); two streams are stretches of one sequence of period 2<sup>64</sup>,
 * placed at random. Normal variates come from Marsaglia's polar method, with {@link StrictMath}, so
 * that they are the same bits on every platform. Not thread-safe.
 */
public final class RandomStream {

  private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;
  private static final double UNIT = 0x1.0p-53;

  private long state;
  private double spare = Double.NaN;

  private RandomStream(long state) {
    this.state = state;
  }

  /**
   * Opens a stream at its beginning.
   *
   * @param seed of the run
   * @param purpose what the numbers are for
   * @param ids which of the streams of that purpose, e.g. generation and trial
   */
  public static RandomStream of(long seed, String purpose, long... ids) {
    long key = mix(seed + GOLDEN_GAMMA);
    for (int i = 0; i < purpose.length(); i++) {
      key = mix(key ^ purpose.charAt(i)) + GOLDEN_GAMMA;
    }
    // Else a seed and an id could change places under an empty purpose.
    key = mix(key ^ purpose.length()) + GOLDEN_GAMMA;
    for (long id : ids) {
      key = mix(key ^ mix(id + GOLDEN_GAMMA)) + GOLDEN_GAMMA;
    }
    return new RandomStream(key);
  }

  /** Returns 64 random bits. */
  public long nextLong() {
    state += GOLDEN_GAMMA;
    return mix(state);
  }

  /**
   * Returns a whole number from 0 up to a bound, uniform but for a bias below 2<sup>-32</sup> times
   * the bound.
   *
   * @param bound above 0, exclusive
   */
  public int nextInt(int bound) {
    return (int) (((nextLong() >>> 32) * bound) >>> 32);
  }

  /** Returns a number from 0 (inclusive) to 1 (exclusive) on a grid of 2<sup>-53</sup>. */
  public double nextDouble() {
    return (nextLong() >>> 11) * UNIT;
  }

  /** Returns a standard normal variate. */
  public double nextGaussian() {
    if (!Double.isNaN(spare)) {
      double value = spare;
      spare = Double.NaN;
      return value;
    }
    double u;
    double v;
    double s;
    do {
      u = (nextLong() >> 10) * UNIT;
      v = (nextLong() >> 10) * UNIT;
      s = u * u + v * v;
    } while (s >= 1 || s == 0);
    double factor = Math.sqrt(-2 * StrictMath.log(s) / s);
    spare = v * factor;
    return u * factor;
  }

  private static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
