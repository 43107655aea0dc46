package io.evomerge.internal.kernel;

import com.google.common.hash.HashCode;
import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import java.nio.charset.StandardCharsets;

/**
 * Philox4x32-10, a counter-based random number generator: the value at any position is computed
 * directly from a key and the position; immutable.
 *
 * <p>Salmon, Moraes, Dror, Shaw 2011, "Parallel Random Numbers: As Easy as 1, 2, 3", doi
 * 10.1145/2063384.2063405. The lower 64 bits of the counter are the position divided by 4, the
 * upper 64 bits belong to the stream.
 */
public final class Philox {

  private static final long MULTIPLIER_0 = 0xD2511F53L;
  private static final long MULTIPLIER_1 = 0xCD9E8D57L;
  private static final int WEYL_0 = 0x9E3779B9;
  private static final int WEYL_1 = 0xBB67AE85;
  private static final long LOW = 0xFFFFFFFFL;
  private static final int ROUNDS = 10;
  private static final float TO_UNIT = 0x1p-24f;

  private final int key0;
  private final int key1;
  private final int stream0;
  private final int stream1;

  /**
   * Creates a stream.
   *
   * @param key selects the permutation
   * @param stream upper half of the counter
   */
  public Philox(long key, long stream) {
    this.key0 = (int) key;
    this.key1 = (int) (key >>> 32);
    this.stream0 = (int) stream;
    this.stream1 = (int) (stream >>> 32);
  }

  /**
   * Creates the stream of a purpose: key and stream are the first 16 bytes of a SHA-256 over the
   * seed (8 bytes), the number of parts (4 bytes), and for each part its length in bytes (4 bytes)
   * and its UTF-8 form; all numbers are little-endian.
   *
   * @param seed of the whole recipe
   * @param parts what tells this stream from others
   */
  public static Philox derive(long seed, String... parts) {
    Hasher hasher = Hashing.sha256().newHasher().putLong(seed).putInt(parts.length);
    for (String part : parts) {
      byte[] bytes = part.getBytes(StandardCharsets.UTF_8);
      hasher.putInt(bytes.length).putBytes(bytes);
    }
    HashCode hash = hasher.hash();
    byte[] bytes = hash.asBytes();
    return new Philox(littleEndian(bytes, 0), littleEndian(bytes, 8));
  }

  private static long littleEndian(byte[] bytes, int start) {
    long value = 0;
    for (int i = 7; i >= 0; i--) {
      value = value << 8 | bytes[start + i] & 0xFF;
    }
    return value;
  }

  /**
   * Fills an array with uniform numbers in [0, 1), multiples of 2^-24.
   *
   * @param position of the first number
   * @param target where to put them
   * @param length how many, from index 0
   */
  public void uniforms(long position, float[] target, int length) {
    int[] words = new int[4];
    int done = 0;
    int lead = (int) (position & 3);
    if (lead != 0) {
      block(position >>> 2, words);
      for (int i = lead; i < 4 && done < length; i++) {
        target[done++] = unit(words[i]);
      }
    }
    long counter = position + done >>> 2;
    int counters = length - done >> 2;
    if (counters > 0) {
      long key = (long) key1 << 32 | key0 & LOW;
      long stream = (long) stream1 << 32 | stream0 & LOW;
      Kernels.LOOPS.uniforms(key, stream, counter, target, done, counters);
      done += 4 * counters;
    }
    if (done < length) {
      block(counter + counters, words);
      for (int i = 0; done < length; i++) {
        target[done++] = unit(words[i]);
      }
    }
  }

  private static float unit(int word) {
    return (word >>> 8) * TO_UNIT;
  }

  /**
   * Computes four words.
   *
   * @param counter lower 64 bits of the counter
   * @param words takes the four words
   */
  void block(long counter, int[] words) {
    int c0 = (int) counter;
    int c1 = (int) (counter >>> 32);
    int c2 = stream0;
    int c3 = stream1;
    int k0 = key0;
    int k1 = key1;
    for (int round = 0; round < ROUNDS; round++) {
      long product0 = MULTIPLIER_0 * (c0 & LOW);
      long product1 = MULTIPLIER_1 * (c2 & LOW);
      c0 = (int) (product1 >>> 32) ^ c1 ^ k0;
      c1 = (int) product1;
      c2 = (int) (product0 >>> 32) ^ c3 ^ k1;
      c3 = (int) product0;
      k0 += WEYL_0;
      k1 += WEYL_1;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
  }
}
