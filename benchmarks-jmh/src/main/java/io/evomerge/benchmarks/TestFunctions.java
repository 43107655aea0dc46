package io.evomerge.benchmarks;

import io.evomerge.genome.Gene;
import io.evomerge.genome.SearchSpace;
import io.evomerge.internal.RandomStream;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Functions to be minimised, on which optimisers are compared; immutable, thread-safe.
 *
 * <p>All genes start in the middle of the box with a sixth of the range as step. The box is [-5, 5]
 * for real genes; optima lie at 1.5 in every coordinate (at 1 for Rosenbrock) with value 0, so that
 * neither the middle nor a bound is special, but where a name says otherwise.
 */
final class TestFunctions {

  private static final double OPTIMUM = 1.5;
  private static final double HALF_WIDTH = 5;

  private static final Map<String, TestFunction> ALL = new LinkedHashMap<>();

  static {
    add("sphere", 1e-8, TestFunctions::sphere);
    add("ellipsoid", 1e-8, TestFunctions::ellipsoid);
    add("rosenbrock", 1e-8, TestFunctions::rosenbrock);
    add("ackley", 1e-8, TestFunctions::ackley);
    add("rastrigin-rotated", 1e-8, z -> rastrigin(rotated(z)));
    add("ellipsoid-rotated", 1e-8, z -> ellipsoid(rotated(z)));
    add("cigar", 1e-8, TestFunctions::cigar);
    put(new TestFunction("sphere-bounded", 1e-8, Kind.BOUNDED, 0, TestFunctions::sphere));
    put(new TestFunction("rosenbrock-bounded", 1e-8, Kind.BOUNDED, 0, TestFunctions::rosenbrock));
    put(new TestFunction("sphere-noisy", 1e-2, Kind.REAL, 0.1, TestFunctions::sphere));
    put(new TestFunction("ellipsoid-noisy", 1, Kind.REAL, 1, TestFunctions::ellipsoid));
    put(new TestFunction("rastrigin-noisy", 1, Kind.REAL, 1, TestFunctions::rastrigin));
    put(new TestFunction("sphere-mixed", 1e-8, Kind.MIXED, 0, TestFunctions::sphere));
    put(new TestFunction("ellipsoid-mixed", 1e-8, Kind.MIXED, 0, TestFunctions::ellipsoid));
    put(new TestFunction("ellipsoid-int", 1e-8, Kind.HALF_WHOLE, 0, TestFunctions::ellipsoid));
    put(new TestFunction("one-max", 0, Kind.BINARY, 0, TestFunctions::sphere));
    put(
        new TestFunction(
            "leading-ones-mixed", 1e-8, Kind.HALF_BINARY, 0, TestFunctions::leadingOnes));
  }

  private TestFunctions() {}

  private static void add(String name, double target, Values values) {
    put(new TestFunction(name, target, Kind.REAL, 0, values));
  }

  private static void put(TestFunction function) {
    ALL.put(function.name(), function);
  }

  static Collection<String> names() {
    return ALL.keySet();
  }

  static TestFunction named(String name) {
    TestFunction found = ALL.get(name);
    if (found == null) {
      throw new IllegalArgumentException(
          "unknown function " + name + "; there are " + ALL.keySet());
    }
    return found;
  }

  /** What the genes are. */
  enum Kind {
    /** All real, the optimum inside. */
    REAL,
    /** All real, the optimum of every other gene on the upper bound. */
    BOUNDED,
    /** Every other gene a whole number from -5 to 5; the optimum at 1 there. */
    MIXED,
    /** The second half whole numbers from -5 to 5; the optimum at 1 there. */
    HALF_WHOLE,
    /** All 0 or 1; the optimum at 1. */
    BINARY,
    /** The second half 0 or 1; the optimum at 1 there. */
    HALF_BINARY
  }

  /** A function of coordinates relative to the optimum. */
  interface Values {
    double at(double[] z);
  }

  /**
   * A function.
   *
   * @param name unique
   * @param target the value that counts as solved
   * @param kind of the genes
   * @param noise standard deviation of what is added to every value
   * @param values of coordinates relative to the optimum
   */
  record TestFunction(String name, double target, Kind kind, double noise, Values values) {

    /** Returns the genes. */
    SearchSpace space(int n) {
      List<Gene> genes = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        String gene = "x" + i;
        if (isBinary(i, n)) {
          genes.add(new Gene.Int(gene, 0, 1, 0));
        } else if (isWhole(i, n)) {
          genes.add(new Gene.Int(gene, -(int) HALF_WIDTH, (int) HALF_WIDTH, 0));
        } else {
          genes.add(new Gene.Real(gene, -HALF_WIDTH, upper(i), (upper(i) - HALF_WIDTH) / 2));
        }
      }
      return SearchSpace.of(genes);
    }

    private boolean isBinary(int i, int n) {
      return kind == Kind.BINARY || (kind == Kind.HALF_BINARY && i >= n / 2);
    }

    private boolean isWhole(int i, int n) {
      return (kind == Kind.MIXED && i % 2 == 1) || (kind == Kind.HALF_WHOLE && i >= n / 2);
    }

    private double upper(int i) {
      return kind == Kind.BOUNDED && i % 2 == 1 ? OPTIMUM : HALF_WIDTH;
    }

    /** Returns the value without noise. */
    double value(double[] x) {
      double[] z = new double[x.length];
      for (int i = 0; i < z.length; i++) {
        z[i] = x[i] - (isWhole(i, x.length) || isBinary(i, x.length) ? 1 : OPTIMUM);
      }
      return values.at(z);
    }

    /** Returns the value with the noise of a trial. */
    double observed(double[] x, long seed, long trial) {
      double value = value(x);
      return noise == 0
          ? value
          : value + noise * RandomStream.of(seed, "noise " + name, trial).nextGaussian();
    }
  }

  private static double sphere(double[] z) {
    double sum = 0;
    for (double v : z) {
      sum += v * v;
    }
    return sum;
  }

  private static double ellipsoid(double[] z) {
    return ellipsoid(z, 1e6);
  }

  private static double ellipsoid(double[] z, double condition) {
    double sum = 0;
    for (int i = 0; i < z.length; i++) {
      sum += Math.pow(condition, i / Math.max(1.0, z.length - 1.0)) * z[i] * z[i];
    }
    return sum;
  }

  /** Returns the value of an ellipsoid whose axes are none of the genes'. */
  static double rotatedEllipsoid(double[] z, double condition) {
    return ellipsoid(rotated(z), condition);
  }

  private static double cigar(double[] z) {
    double sum = z[0] * z[0];
    for (int i = 1; i < z.length; i++) {
      sum += 1e6 * z[i] * z[i];
    }
    return sum;
  }

  /** With the usual variable, whose optimum is at 1: its bounds are those of the box. */
  private static double rosenbrock(double[] z) {
    double sum = 0;
    for (int i = 0; i + 1 < z.length; i++) {
      double x = z[i] + OPTIMUM;
      double next = z[i + 1] + OPTIMUM;
      sum += 100 * (next - x * x) * (next - x * x) + (1 - x) * (1 - x);
    }
    return sum;
  }

  private static double ackley(double[] z) {
    double squares = 0;
    double cosines = 0;
    for (double v : z) {
      squares += v * v;
      cosines += Math.cos(2 * Math.PI * v);
    }
    return 20
        - 20 * Math.exp(-0.2 * Math.sqrt(squares / z.length))
        + Math.E
        - Math.exp(cosines / z.length);
  }

  private static double rastrigin(double[] z) {
    double sum = 10 * z.length;
    for (double v : z) {
      sum += v * v - 10 * Math.cos(2 * Math.PI * v);
    }
    return sum;
  }

  /** The real genes count only as far as all binary ones before the first wrong one are right. */
  private static double leadingOnes(double[] z) {
    int half = z.length / 2;
    double sum = 0;
    for (int i = 0; i < half; i++) {
      sum += z[i] * z[i];
    }
    int leading = 0;
    while (half + leading < z.length && z[half + leading] == 0) {
      leading++;
    }
    return sum + (z.length - half - leading);
  }

  private static double[] rotated(double[] z) {
    double[][] basis = Rotations.of(z.length);
    double[] y = new double[z.length];
    for (int i = 0; i < y.length; i++) {
      double sum = 0;
      for (int j = 0; j < z.length; j++) {
        sum += basis[i][j] * z[j];
      }
      y[i] = sum;
    }
    return y;
  }

  /** Random orthogonal matrices, one per dimension. */
  private static final class Rotations {

    private static final Map<Integer, double[][]> KNOWN = new ConcurrentHashMap<>();

    static double[][] of(int n) {
      return KNOWN.computeIfAbsent(n, Rotations::make);
    }

    private static double[][] make(int n) {
      Random random = new Random(5 + n);
      double[][] basis = new double[n][n];
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
          basis[i][j] = random.nextGaussian();
        }
        // Twice, since once leaves errors of rounding.
        for (int pass = 0; pass < 2; pass++) {
          for (int k = 0; k < i; k++) {
            double dot = 0;
            for (int j = 0; j < n; j++) {
              dot += basis[i][j] * basis[k][j];
            }
            for (int j = 0; j < n; j++) {
              basis[i][j] -= dot * basis[k][j];
            }
          }
          double squares = 0;
          for (double v : basis[i]) {
            squares += v * v;
          }
          for (int j = 0; j < n; j++) {
            basis[i][j] /= Math.sqrt(squares);
          }
        }
      }
      return basis;
    }
  }
}
