package io.evomerge.testing;

import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.Random;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Seeds of property tests; all derive from one master seed, which is logged once per test JVM.
 *
 * <p>The master seed is fixed, so that a commit's build has one outcome. {@code
 * -Devomerge.test.seed=<number>} sets another one, {@code -Devomerge.test.seed=random} draws it.
 */
public final class TestSeeds {

  /** The system property that sets the master seed. */
  public static final String PROPERTY = "evomerge.test.seed";

  private static final long DEFAULT = 20_240_319;
  private static final Logger LOG = LoggerFactory.getLogger(TestSeeds.class);
  private static final long MASTER = read(System.getProperty(PROPERTY, ""));

  private TestSeeds() {}

  /** Returns the master seed of this test run. */
  public static long master() {
    return MASTER;
  }

  /**
   * Returns the seed of one random stream: the same for the same master seed, purpose and id.
   *
   * @param purpose what the stream is for, e.g. the name of the property
   * @param id of the stream within the purpose
   */
  public static long seed(String purpose, long id) {
    long hash = mix(MASTER);
    for (byte b : purpose.getBytes(StandardCharsets.UTF_8)) {
      hash = mix(hash ^ b);
    }
    return mix(hash ^ id);
  }

  /**
   * Returns a new random stream with {@link #seed}.
   *
   * @param purpose what the stream is for
   * @param id of the stream within the purpose
   */
  public static Random random(String purpose, long id) {
    return new Random(seed(purpose, id));
  }

  /**
   * Checks a property with several random streams.
   *
   * @param purpose name of the property
   * @param runs how many streams, at least 1
   * @param property throws if it does not hold
   * @throws AssertionError if the property throws; it says which seed shows it again
   */
  public static void check(String purpose, int runs, Consumer<Random> property) {
    if (runs < 1) {
      throw new IllegalArgumentException("runs " + runs + " must be at least 1");
    }
    for (int run = 0; run < runs; run++) {
      try {
        property.accept(random(purpose, run));
      } catch (RuntimeException | AssertionError failure) {
        throw new AssertionError(
            "property '"
                + purpose
                + "' does not hold in run "
                + run
                + "; the same with -D"
                + PROPERTY
                + "="
                + MASTER
                + ": "
                + failure.getMessage(),
            failure);
      }
    }
  }

  private static long read(String value) {
    long seed;
    if (value.isBlank()) {
      seed = DEFAULT;
    } else if (value.equals("random")) {
      seed = new SecureRandom().nextLong();
    } else {
      seed = Long.decode(value);
    }
    LOG.info("master seed of the tests: -D{}={}", PROPERTY, seed);
    return seed;
  }

  // The finaliser of SplitMix64 (Steele, Lea, Flood 2014, doi:10.1145/2660193.2660195).
  private static long mix(long value) {
    long z = value + 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
