package io.evomerge.optimizer;

import io.evomerge.internal.RandomStream;
import org.apache.commons.math3.random.SobolSequenceGenerator;

/** A Sobol sequence under a random digital shift, point by point. */
final class SobolPoints {

  static final int MAX_DIMENSION = 1000;

  /** The generator gives 52 bits. */
  private static final double SCALE = 0x1.0p52;

  private final SobolSequenceGenerator sequence;
  private final long[] shift;

  /**
   * Starts a sequence.
   *
   * @param dimension from 1 to {@link #MAX_DIMENSION}
   */
  SobolPoints(int dimension, long seed) {
    sequence = new SobolSequenceGenerator(dimension);
    shift = new long[dimension];
    RandomStream stream = RandomStream.of(seed, "sobol shift");
    for (int i = 0; i < dimension; i++) {
      shift[i] = stream.nextLong() >>> 12;
    }
  }

  /**
   * Returns a point, each coordinate from 0 (inclusive) to 1 (exclusive).
   *
   * @param index 0 or more
   */
  double[] point(int index) {
    double[] point =
        sequence.getNextIndex() == index ? sequence.nextVector() : sequence.skipTo(index);
    for (int i = 0; i < point.length; i++) {
      point[i] = ((long) (point[i] * SCALE) ^ shift[i]) / SCALE;
    }
    return point;
  }
}
