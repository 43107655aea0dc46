package io.evomerge.internal.kernel;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * Calls loops in a way that no compiler inlines: through method handles that are no constants.
 *
 * <p>A loop on vectors is compiled well by itself. As a part of a large caller, it meets the limits
 * that HotSpot has for one compilation, vectors become objects, and it is some 20 times as slow. A
 * call takes a few nanoseconds, a block of elements hundreds.
 */
final class OutOfLineLoops implements Loops {

  /**
   * Below this, there is little to gain, and much to lose: a loop on vectors that is mostly called
   * for so few elements that it has nothing to do may be compiled for that alone.
   */
  private static final int SHORT = 64;

  private final Loops plain = new ScalarLoops();

  private final MethodHandle allFinite;
  private final MethodHandle subtract;
  private final MethodHandle subtractFinite;
  private final MethodHandle addScaled;
  private final MethodHandle addScaledBf16;
  private final MethodHandle scale;
  private final MethodHandle sumOfTwo;
  private final MethodHandle finish;
  private final MethodHandle finish2;
  private final MethodHandle keepLarge;
  private final MethodHandle keepBelow;
  private final MethodHandle addElected;
  private final MethodHandle addElected2;
  private final MethodHandle countMagnitude;
  private final MethodHandle widenBf16;
  private final MethodHandle widenF16;
  private final MethodHandle narrowBf16;
  private final MethodHandle narrowF16;
  private final MethodHandle roundBf16;
  private final MethodHandle roundF16;
  private final MethodHandle addMagnitudes;
  private final MethodHandle addProducts;
  private final MethodHandle addProducts2;
  private final MethodHandle uniforms;
  private final MethodHandle sumOfTwoBf16;
  private final MethodHandle sumOfTwoDeltasBf16;
  private final MethodHandle addAndPackBf16;
  private final MethodHandle addScaledDeltaBf16;
  private final MethodHandle moveTowardsBf16;
  private final MethodHandle packBf16;
  private final MethodHandle addProductsBf16;
  private final MethodHandle addDeltaProductsBf16;
  private final MethodHandle keepBetween;
  private final MethodHandle keepRanked;
  private final MethodHandle keepRankedRescaled;
  private final MethodHandle countAbove;
  private final MethodHandle collectBetween;
  private final MethodHandle subtractBf16;
  private final MethodHandle electTwo;
  private final MethodHandle electTwo2;
  private final MethodHandle moveInverted;
  private final MethodHandle largestMagnitude;
  private final MethodHandle toBuckets;

  OutOfLineLoops(Loops target) {
    allFinite = bind(target, "allFinite", boolean.class, float[].class, int.class);
    subtract = bind(target, "subtract", void.class, float[].class, float[].class, int.class);
    subtractFinite =
        bind(target, "subtractFinite", boolean.class, float[].class, float[].class, int.class);
    addScaled =
        bind(target, "addScaled", void.class, float.class, float[].class, float[].class, int.class);
    addScaledBf16 =
        bind(
            target,
            "addScaledBf16",
            boolean.class,
            float.class,
            byte[].class,
            float[].class,
            int.class);
    scale = bind(target, "scale", void.class, float.class, float[].class, float[].class, int.class);
    sumOfTwo =
        bind(
            target,
            "sumOfTwo",
            void.class,
            float.class,
            float[].class,
            float.class,
            float[].class,
            float[].class,
            int.class);
    finish =
        bind(
            target,
            "finish",
            void.class,
            float[].class,
            float[].class,
            float.class,
            float.class,
            float[].class,
            int.class);
    finish2 =
        bind(
            target,
            "finish",
            void.class,
            float[].class,
            float[].class,
            float[].class,
            float.class,
            float[].class,
            int.class);
    keepLarge =
        bind(
            target,
            "keepLarge",
            void.class,
            float[].class,
            int.class,
            float.class,
            float[].class,
            int.class,
            int.class);
    keepBelow =
        bind(
            target,
            "keepBelow",
            void.class,
            float[].class,
            float[].class,
            float.class,
            float.class,
            float[].class,
            int.class);
    addElected =
        bind(
            target,
            "addElected",
            void.class,
            float[].class,
            float[].class,
            float[].class,
            int.class);
    addElected2 =
        bind(
            target,
            "addElected",
            void.class,
            float[].class,
            float[].class,
            float[].class,
            float.class,
            float[].class,
            int.class);
    countMagnitude = bind(target, "countMagnitude", int.class, float[].class, int.class, int.class);
    widenBf16 =
        bind(
            target,
            "widenBf16",
            void.class,
            float[].class,
            int.class,
            float[].class,
            int.class,
            int.class);
    widenF16 =
        bind(
            target,
            "widenF16",
            void.class,
            float[].class,
            int.class,
            float[].class,
            int.class,
            int.class);
    narrowBf16 =
        bind(target, "narrowBf16", void.class, float[].class, int.class, short[].class, int.class);
    narrowF16 =
        bind(target, "narrowF16", void.class, float[].class, int.class, short[].class, int.class);
    roundBf16 =
        bind(target, "roundBf16", void.class, float[].class, int.class, float[].class, int.class);
    roundF16 =
        bind(target, "roundF16", void.class, float[].class, int.class, float[].class, int.class);
    addMagnitudes =
        bind(
            target,
            "addMagnitudes",
            void.class,
            double[].class,
            float[].class,
            int.class,
            int.class);
    addProducts =
        bind(
            target,
            "addProducts",
            void.class,
            double[].class,
            float[].class,
            float[].class,
            int.class,
            int.class);
    addProducts2 =
        bind(
            target,
            "addProducts",
            void.class,
            double[].class,
            double[].class,
            double[].class,
            float[].class,
            float[].class,
            int.class,
            int.class);
    uniforms =
        bind(
            target,
            "uniforms",
            void.class,
            long.class,
            long.class,
            long.class,
            float[].class,
            int.class,
            int.class);
    sumOfTwoBf16 =
        bind(
            target,
            "sumOfTwoBf16",
            boolean.class,
            float.class,
            byte[].class,
            float.class,
            byte[].class,
            byte[].class,
            int.class,
            int.class);
    sumOfTwoDeltasBf16 =
        bind(
            target,
            "sumOfTwoDeltasBf16",
            void.class,
            byte[].class,
            float.class,
            byte[].class,
            float.class,
            byte[].class,
            float[].class,
            int.class);
    addAndPackBf16 =
        bind(
            target,
            "addAndPackBf16",
            boolean.class,
            byte[].class,
            float[].class,
            byte[].class,
            int.class,
            int.class);
    addScaledDeltaBf16 =
        bind(
            target,
            "addScaledDeltaBf16",
            void.class,
            float.class,
            byte[].class,
            byte[].class,
            float[].class,
            int.class);
    moveTowardsBf16 =
        bind(
            target,
            "moveTowardsBf16",
            boolean.class,
            byte[].class,
            byte[].class,
            float.class,
            byte[].class,
            int.class,
            int.class);
    packBf16 =
        bind(target, "packBf16", boolean.class, float[].class, byte[].class, int.class, int.class);
    addProductsBf16 =
        bind(
            target,
            "addProductsBf16",
            void.class,
            double[].class,
            double[].class,
            double[].class,
            byte[].class,
            byte[].class,
            int.class);
    addDeltaProductsBf16 =
        bind(
            target,
            "addDeltaProductsBf16",
            void.class,
            double[].class,
            double[].class,
            double[].class,
            byte[].class,
            byte[].class,
            byte[].class,
            int.class);
    keepBetween =
        bind(
            target,
            "keepBetween",
            void.class,
            float[].class,
            int.class,
            int.class,
            float.class,
            float[].class,
            int.class,
            int.class);
    keepRanked =
        bind(
            target,
            "keepRanked",
            void.class,
            float[].class,
            float[].class,
            float[].class,
            float.class,
            float.class,
            float.class,
            float[].class,
            int.class);
    keepRankedRescaled =
        bind(
            target,
            "keepRankedRescaled",
            void.class,
            float[].class,
            float[].class,
            float[].class,
            float.class,
            float.class,
            float.class,
            float[].class,
            int.class);
    countAbove = bind(target, "countAbove", int.class, float[].class, int.class, int.class);
    collectBetween =
        bind(
            target,
            "collectBetween",
            long.class,
            float[].class,
            int.class,
            int.class,
            int[].class,
            int.class);
    subtractBf16 =
        bind(
            target,
            "subtractBf16",
            boolean.class,
            byte[].class,
            float[].class,
            float[].class,
            int.class);
    electTwo =
        bind(
            target,
            "electTwo",
            void.class,
            float[].class,
            float[].class,
            float[].class,
            float.class,
            float[].class,
            int.class);
    electTwo2 =
        bind(
            target,
            "electTwo",
            void.class,
            float[].class,
            float.class,
            float[].class,
            float.class,
            float[].class,
            float.class,
            float[].class,
            int.class);
    moveInverted = bind(target, "moveInverted", void.class, int[].class, float[].class, int.class);
    largestMagnitude =
        bind(target, "largestMagnitude", int.class, float[].class, int.class, int.class);
    toBuckets =
        bind(
            target,
            "toBuckets",
            boolean.class,
            float[].class,
            int.class,
            int.class,
            int.class,
            int[].class,
            int[].class,
            int.class);
  }

  private static MethodHandle bind(
      Loops target, String name, Class<?> result, Class<?>... parameters) {
    try {
      MethodType type = MethodType.methodType(result, parameters);
      return MethodHandles.lookup().bind(target, name, type);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("no loop " + name, e);
    }
  }

  private static RuntimeException unchecked(Throwable thrown) {
    if (thrown instanceof Error error) {
      throw error;
    }
    return thrown instanceof RuntimeException e ? e : new IllegalStateException(thrown);
  }

  @Override
  public boolean allFinite(float[] x, int length) {
    if (length < SHORT) {
      return plain.allFinite(x, length);
    }
    try {
      return (boolean) allFinite.invokeExact(x, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void subtract(float[] x, float[] y, int length) {
    if (length < SHORT) {
      plain.subtract(x, y, length);
      return;
    }
    try {
      subtract.invokeExact(x, y, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public boolean subtractFinite(float[] x, float[] y, int length) {
    try {
      return (boolean) subtractFinite.invokeExact(x, y, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void addScaled(float factor, float[] x, float[] sum, int length) {
    try {
      addScaled.invokeExact(factor, x, sum, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public boolean addScaledBf16(float factor, byte[] packed, float[] sum, int length) {
    try {
      return (boolean) addScaledBf16.invokeExact(factor, packed, sum, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void scale(float factor, float[] x, float[] out, int length) {
    try {
      scale.invokeExact(factor, x, out, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void sumOfTwo(
      float factor0, float[] x0, float factor1, float[] x1, float[] out, int length) {
    try {
      sumOfTwo.invokeExact(factor0, x0, factor1, x1, out, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void finish(
      float[] base, float[] sum, float divisor, float lambda, float[] out, int length) {
    try {
      finish.invokeExact(base, sum, divisor, lambda, out, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void finish(
      float[] base, float[] sum, float[] divisors, float lambda, float[] out, int length) {
    try {
      finish2.invokeExact(base, sum, divisors, lambda, out, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void keepLarge(float[] x, int bits, float factor, float[] out, int from, int to) {
    try {
      keepLarge.invokeExact(x, bits, factor, out, from, to);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void keepBelow(
      float[] x, float[] uniforms, float limit, float factor, float[] out, int length) {
    try {
      keepBelow.invokeExact(x, uniforms, limit, factor, out, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void addElected(float[] v, float[] votes, float[] sum, int length) {
    try {
      addElected.invokeExact(v, votes, sum, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void addElected(
      float[] v, float[] votes, float[] sum, float weight, float[] weights, int length) {
    try {
      addElected2.invokeExact(v, votes, sum, weight, weights, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public int countMagnitude(float[] x, int bits, int length) {
    try {
      return (int) countMagnitude.invokeExact(x, bits, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void widenBf16(float[] packed, int from, float[] target, int to, int pairs) {
    if (pairs < SHORT) {
      plain.widenBf16(packed, from, target, to, pairs);
      return;
    }
    try {
      widenBf16.invokeExact(packed, from, target, to, pairs);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void widenF16(float[] packed, int from, float[] target, int to, int pairs) {
    if (pairs < SHORT) {
      plain.widenF16(packed, from, target, to, pairs);
      return;
    }
    try {
      widenF16.invokeExact(packed, from, target, to, pairs);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void narrowBf16(float[] source, int from, short[] target, int length) {
    try {
      narrowBf16.invokeExact(source, from, target, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void narrowF16(float[] source, int from, short[] target, int length) {
    try {
      narrowF16.invokeExact(source, from, target, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void roundBf16(float[] source, int from, float[] target, int length) {
    try {
      roundBf16.invokeExact(source, from, target, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void roundF16(float[] source, int from, float[] target, int length) {
    try {
      roundF16.invokeExact(source, from, target, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void addMagnitudes(double[] lanes, float[] x, int from, int length) {
    try {
      addMagnitudes.invokeExact(lanes, x, from, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void addProducts(double[] lanes, float[] x, float[] y, int from, int length) {
    try {
      addProducts.invokeExact(lanes, x, y, from, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void addProducts(
      double[] xy, double[] xx, double[] yy, float[] x, float[] y, int from, int length) {
    try {
      addProducts2.invokeExact(xy, xx, yy, x, y, from, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void uniforms(
      long key, long stream, long counter, float[] target, int from, int counters) {
    try {
      uniforms.invokeExact(key, stream, counter, target, from, counters);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public boolean sumOfTwoBf16(
      float factor0, byte[] x0, float factor1, byte[] x1, byte[] out, int to, int length) {
    try {
      return (boolean) sumOfTwoBf16.invokeExact(factor0, x0, factor1, x1, out, to, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void keepBetween(
      float[] x, int low, int high, float factor, float[] out, int from, int to) {
    try {
      keepBetween.invokeExact(x, low, high, factor, out, from, to);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void sumOfTwoDeltasBf16(
      byte[] base, float factor0, byte[] x0, float factor1, byte[] x1, float[] out, int length) {
    try {
      sumOfTwoDeltasBf16.invokeExact(base, factor0, x0, factor1, x1, out, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void keepRanked(
      float[] x,
      float[] uniforms,
      float[] ranks,
      float low,
      float slope,
      float factor,
      float[] out,
      int length) {
    try {
      keepRanked.invokeExact(x, uniforms, ranks, low, slope, factor, out, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public boolean addAndPackBf16(byte[] base, float[] sum, byte[] out, int to, int length) {
    try {
      return (boolean) addAndPackBf16.invokeExact(base, sum, out, to, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void keepRankedRescaled(
      float[] x,
      float[] uniforms,
      float[] ranks,
      float low,
      float slope,
      float factor,
      float[] out,
      int length) {
    try {
      keepRankedRescaled.invokeExact(x, uniforms, ranks, low, slope, factor, out, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void addScaledDeltaBf16(float factor, byte[] base, byte[] x, float[] sum, int length) {
    try {
      addScaledDeltaBf16.invokeExact(factor, base, x, sum, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public int countAbove(float[] x, int bits, int length) {
    try {
      return (int) countAbove.invokeExact(x, bits, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public boolean moveTowardsBf16(
      byte[] base, byte[] x, float distance, byte[] out, int to, int length) {
    try {
      return (boolean) moveTowardsBf16.invokeExact(base, x, distance, out, to, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public long collectBetween(float[] x, int low, int high, int[] out, int length) {
    try {
      return (long) collectBetween.invokeExact(x, low, high, out, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public boolean packBf16(float[] x, byte[] out, int to, int length) {
    try {
      return (boolean) packBf16.invokeExact(x, out, to, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public boolean subtractBf16(byte[] packed, float[] y, float[] out, int length) {
    try {
      return (boolean) subtractBf16.invokeExact(packed, y, out, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void addProductsBf16(
      double[] xy, double[] xx, double[] yy, byte[] x, byte[] y, int length) {
    try {
      addProductsBf16.invokeExact(xy, xx, yy, x, y, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void electTwo(
      float[] v0, float[] v1, float[] base, float lambda, float[] out, int length) {
    try {
      electTwo.invokeExact(v0, v1, base, lambda, out, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void addDeltaProductsBf16(
      double[] xy, double[] xx, double[] yy, byte[] base, byte[] x, byte[] y, int length) {
    try {
      addDeltaProductsBf16.invokeExact(xy, xx, yy, base, x, y, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void electTwo(
      float[] v0,
      float weight0,
      float[] v1,
      float weight1,
      float[] base,
      float lambda,
      float[] out,
      int length) {
    try {
      electTwo2.invokeExact(v0, weight0, v1, weight1, base, lambda, out, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public void moveInverted(int[] keys, float[] places, int length) {
    try {
      moveInverted.invokeExact(keys, places, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public int largestMagnitude(float[] x, int from, int length) {
    try {
      return (int) largestMagnitude.invokeExact(x, from, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  @Override
  public boolean toBuckets(
      float[] x, int from, int low, int shift, int[] bits, int[] buckets, int length) {
    try {
      return (boolean) toBuckets.invokeExact(x, from, low, shift, bits, buckets, length);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }
}
