package io.evomerge.merge;

import io.evomerge.internal.kernel.Kernels;
import io.evomerge.internal.kernel.TaskVectorKernels;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongUnaryOperator;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Tells the largest elements of a task vector from the rest: an element is above the bound if the
 * bits of its magnitude are at least a number, which differs by one before and after the element at
 * which equal magnitudes part.
 *
 * <p>The exact k-th magnitude is found in one pass: a fixed sample tells two magnitudes between
 * which it almost surely lies; the pass counts what is above, and collects what lies between. Where
 * the sample was wrong, or too much lies between, histograms of the upper and of the lower bits and
 * a count of the equal ones find it in three more passes.
 *
 * @param before smallest bits of a magnitude above the bound, for elements before the split
 * @param after the same for other elements
 * @param split index of an element
 */
record MagnitudeBound(int before, int after, long split) {

  private static final int MAGNITUDE = 0x7FFFFFFF;

  /** Everything is above it. */
  static final MagnitudeBound ALL = new MagnitudeBound(0, 0, 0);

  /** Nothing is above it. */
  static final MagnitudeBound NONE = new MagnitudeBound(MAGNITUDE, MAGNITUDE, 0);

  /** Ranking needs 8 bytes per element for a moment. */
  private static final int LARGEST_RANKED = 1 << 22;

  private static final int SAMPLED_TOGETHER = 8;
  private static final int SMALLEST_SAMPLE = 256;
  private static final int USUAL_SAMPLE = 1 << 14;

  /** Half the width of the bracket, in standard deviations of an independent sample. */
  private static final double MARGIN = 6;

  /** Two magnitudes are common if their share of a sample is above 1 of so many. */
  private static final int COMMON = 64;

  private static final long LEAST_COLLECTED = 1 << 16;
  private static final long MOST_COLLECTED = 1 << 23;

  private static final int LOW_BITS = 15;
  private static final int BUCKETS = 1 << 16;
  private static final int SELECT_LOG = 11;

  /** Returns the bits from which on an element is above the bound. */
  int bits(long index) {
    return index < split ? before : after;
  }

  /**
   * Asks for the bound with a number of elements above it.
   *
   * @param source index of the source
   * @param above how many elements, from 0 to all
   * @param lowestFirst whether of equal magnitudes those with the lowest index are above, else
   *     those with the highest
   */
  record Query(int source, long above, boolean lowestFirst) {}

  /** Finds bounds; those that are not cached, all in the same pass. */
  static MagnitudeBound[] find(TensorMerge task, List<Query> queries) {
    long elements = task.info().elementCount();
    MagnitudeBound[] bounds = new MagnitudeBound[queries.size()];
    Map<Query, MagnitudeBound> found = new HashMap<>();
    for (int i = 0; i < bounds.length; i++) {
      Query query = queries.get(i);
      if (query.above() == 0) {
        bounds[i] = NONE;
      } else if (query.above() >= elements) {
        bounds[i] = ALL;
      } else {
        List<Query> open =
            queries.subList(i, bounds.length).stream()
                .filter(q -> q.above() > 0 && q.above() < elements)
                .toList();
        bounds[i] = task.cached(query, () -> find(task, query, open, found));
      }
    }
    return bounds;
  }

  private static MagnitudeBound find(
      TensorMerge task, Query query, List<Query> open, Map<Query, MagnitudeBound> found) {
    long elements = task.info().elementCount();
    if (elements <= LARGEST_RANKED) {
      Optional<int[]> ranks =
          task.cachedIfRoom(
              new RankKey(query.source()), 4 * elements, () -> rank(task, query.source()));
      if (ranks.isPresent()) {
        return fromRanks(new BlockReader(task), query, ranks.get());
      }
    }
    if (!found.containsKey(query)) {
      found.putAll(select(task, open));
    }
    return found.get(query);
  }

  /** Returns the indices by falling magnitude, equal ones by rising index. */
  private static int[] rank(TensorMerge task, int source) {
    BlockReader in = new BlockReader(task);
    long[] keys = new long[(int) in.elements()];
    for (long block = 0; block < in.blocks(); block++) {
      float[] delta = in.delta(source, block);
      int offset = (int) in.offset(block);
      for (int i = 0; i < in.length(block); i++) {
        keys[offset + i] = (long) (MAGNITUDE - bitsOf(delta[i])) << 32 | offset + i;
      }
    }
    Arrays.sort(keys);
    int[] ranks = new int[keys.length];
    for (int i = 0; i < ranks.length; i++) {
      ranks[i] = (int) keys[i];
    }
    return ranks;
  }

  private static MagnitudeBound fromRanks(BlockReader in, Query query, int[] ranks) {
    LongUnaryOperator bitsAt =
        rank -> {
          int index = ranks[(int) rank];
          long block = in.blockOf(index);
          return bitsOf(in.delta(query.source(), block)[(int) (index - in.offset(block))]);
        };
    long last = query.above() - 1;
    int bits = (int) bitsAt.applyAsLong(last);
    if (query.lowestFirst()) {
      return new MagnitudeBound(bits, bits + 1, ranks[(int) last] + 1L);
    }
    long first = first(0, last, rank -> bitsAt.applyAsLong(rank) <= bits ? 1 : 0);
    long end = first(last, ranks.length, rank -> bitsAt.applyAsLong(rank) < bits ? 1 : 0);
    long below = end - query.above();
    return new MagnitudeBound(
        bits + 1, bits, below == 0 ? 0 : ranks[(int) (first + below - 1)] + 1L);
  }

  /**
   * Returns the first number in [from, to] for which a rising condition is 1, {@code to} if none.
   */
  private static long first(long from, long to, LongUnaryOperator condition) {
    long low = from;
    long high = to;
    while (low < high) {
      long middle = low + high >>> 1;
      if (condition.applyAsLong(middle) == 1) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  private static Map<Query, MagnitudeBound> select(TensorMerge task, List<Query> queries) {
    long elements = task.info().elementCount();
    Bracket[] brackets =
        queries.stream()
            .map(
                query ->
                    Bracket.around(
                        query,
                        task.cached(
                            new SampleKey(query.source()), () -> sample(task, query.source())),
                        elements))
            .toArray(Bracket[]::new);
    List<Tally[]> stripes =
        Piece.blocks(task)
            .map(
                int[]::new,
                (stripe, piece, scratch) -> {
                  Tally[] tallies = new Tally[brackets.length];
                  Arrays.setAll(tallies, i -> new Tally());
                  while (piece.next()) {
                    for (int i = 0; i < brackets.length; i++) {
                      float[] delta = piece.delta(brackets[i].query().source());
                      tallies[i].add(brackets[i], delta, piece.length(), scratch);
                    }
                  }
                  return tallies;
                });
    Map<Query, MagnitudeBound> bounds = new HashMap<>();
    for (int i = 0; i < brackets.length; i++) {
      int index = i;
      Query query = brackets[i].query();
      Place place = brackets[i].place(stripes.stream().map(tallies -> tallies[index]).toList());
      bounds.put(query, bound(task, query, place == null ? exactPlace(task, query) : place));
    }
    return bounds;
  }

  /** Returns magnitudes at fixed places, in rising order. */
  private static int[] sample(TensorMerge task, int source) {
    BlockReader in = new BlockReader(task);
    long elements = in.elements();
    long size =
        Math.max(
            SMALLEST_SAMPLE, Math.min(elements / 128, Math.max(USUAL_SAMPLE, elements / 1024)));
    if (elements <= 2 * size) {
      size = elements;
    }
    int runs = (int) ((size + SAMPLED_TOGETHER - 1) / SAMPLED_TOGETHER);
    int[] sample = new int[(int) Math.min(elements, (long) runs * SAMPLED_TOGETHER)];
    float[] base = new float[SAMPLED_TOGETHER];
    float[] values = new float[SAMPLED_TOGETHER];
    for (int run = 0; run < runs; run++) {
      int start = run * SAMPLED_TOGETHER;
      int count = Math.min(SAMPLED_TOGETHER, sample.length - start);
      long offset = Math.min((long) ((double) run / runs * elements), elements - count);
      in.readBase(offset, base, count);
      in.readSource(source, offset, values, count);
      Kernels.subtract(values, base, count);
      for (int i = 0; i < count; i++) {
        sample[start + i] = bitsOf(values[i]);
      }
    }
    Arrays.sort(sample);
    return sample;
  }

  private static MagnitudeBound bound(TensorMerge task, Query query, Place place) {
    int bits = place.bits();
    if (place.above() == place.equals() || bits == 0) {
      // Whether a 0 is kept makes no difference.
      return new MagnitudeBound(bits, bits, 0);
    }
    long nth = query.lowestFirst() ? place.above() : place.equals() - place.above();
    int stripe = 0;
    while (place.perStripe()[stripe] < nth) {
      nth -= place.perStripe()[stripe++];
    }
    long split = indexOf(new BlockReader(task), query.source(), stripe, bits, nth) + 1;
    return query.lowestFirst()
        ? new MagnitudeBound(bits, bits + 1, split)
        : new MagnitudeBound(bits + 1, bits, split);
  }

  /** Returns the index of a stripe's n-th element, from 1, of a magnitude. */
  private static long indexOf(BlockReader in, int source, int stripe, int bits, long n) {
    long left = n;
    for (long block = in.firstBlock(stripe); block < in.endBlock(stripe); block++) {
      float[] delta = in.delta(source, block);
      int length = in.length(block);
      int count = Kernels.countMagnitude(delta, bits, length);
      if (count < left) {
        left -= count;
        continue;
      }
      for (int i = 0; i < length; i++) {
        if (bitsOf(delta[i]) == bits && --left == 0) {
          return in.offset(block) + i;
        }
      }
    }
    throw new IllegalStateException("a source changed while it was merged");
  }

  /** Finds a magnitude by histograms; for numbers that a sample misjudges. */
  private static Place exactPlace(TensorMerge task, Query query) {
    long[] buckets = histogram(task, query.source(), LOW_BITS, BUCKETS, 0);
    long wanted = query.above();
    int bucket = BUCKETS - 1;
    while (buckets[bucket] < wanted) {
      wanted -= buckets[bucket--];
    }
    int lowest = bucket << LOW_BITS;
    long[] places = histogram(task, query.source(), 0, 1 << LOW_BITS, lowest);
    int place = (1 << LOW_BITS) - 1;
    while (places[place] < wanted) {
      wanted -= places[place--];
    }
    int bits = lowest + place;
    List<Long> counts =
        Piece.blocks(task)
            .map(
                capacity -> query,
                (stripe, piece, state) -> {
                  long count = 0;
                  while (piece.next()) {
                    count +=
                        Kernels.countMagnitude(piece.delta(query.source()), bits, piece.length());
                  }
                  return count;
                });
    return new Place(
        bits, wanted, places[place], counts.stream().mapToLong(Long::longValue).toArray());
  }

  /** Counts magnitudes by {@code (bits - lowest) >>> shift}, leaving out what is not in range. */
  private static long[] histogram(
      TensorMerge task, int source, int shift, int buckets, int lowest) {
    long[] sum = new long[buckets];
    Piece.blocks(task)
        .forEach(
            capacity -> new int[buckets],
            (stripe, piece, counts) -> {
              Arrays.fill(counts, 0);
              while (piece.next()) {
                float[] delta = piece.delta(source);
                for (int i = 0; i < piece.length(); i++) {
                  int bucket = bitsOf(delta[i]) - lowest >> shift;
                  if (bucket >= 0 && bucket < buckets) {
                    counts[bucket]++;
                  }
                }
              }
              synchronized (sum) {
                for (int b = 0; b < buckets; b++) {
                  sum[b] += counts[b];
                }
              }
            });
    return sum;
  }

  private static int bitsOf(float value) {
    return Float.floatToRawIntBits(value) & MAGNITUDE;
  }

  /**
   * The magnitude at which a bound lies.
   *
   * @param bits of the magnitude
   * @param above how many of those that have it are above the bound, at least 1
   * @param equals how many have it
   * @param perStripe how many in each stripe
   */
  private record Place(int bits, long above, long equals, long[] perStripe) {}

  /**
   * Where a bound almost surely lies: strictly between two magnitudes or, where these are common,
   * at one of them.
   *
   * @param query what is asked for
   * @param low lower end
   * @param high upper end
   * @param closed whether the bound may lie at an end
   * @param budget how many magnitudes between the two may still be collected
   */
  private record Bracket(Query query, int low, int high, boolean closed, AtomicLong budget) {

    static Bracket around(Query query, int[] sample, long elements) {
      double share = (double) query.above() / elements;
      double position = share * sample.length;
      double margin = MARGIN * Math.sqrt(position * (1 - share)) + SAMPLED_TOGETHER;
      int first = (int) Math.max(0, Math.floor(sample.length - position - margin));
      int end = (int) Math.min(sample.length, Math.floor(sample.length - position + margin) + 1);
      int low = first == 0 ? 0 : sample[first];
      int high = end == sample.length ? MAGNITUDE - 1 : sample[end - 1];
      // A magnitude at an end may be far more common outside the bracket than in it.
      long atEnds = Arrays.stream(sample).filter(bits -> bits == low || bits == high).count();
      boolean closed = COMMON * atEnds > sample.length;
      return new Bracket(
          query,
          closed ? low : low - 1,
          closed ? high : high + 1,
          closed,
          new AtomicLong(
              Math.min(MOST_COLLECTED, Math.max(LEAST_COLLECTED, elements / SAMPLED_TOGETHER))));
    }

    /** Returns null if the bound does not lie where it should. */
    @Nullable Place place(List<Tally> stripes) {
      long fromHigh = 0;
      long atHigh = 0;
      long atLow = 0;
      long between = 0;
      for (Tally tally : stripes) {
        if (tally.overflown) {
          return null;
        }
        fromHigh += tally.fromHigh;
        atHigh += tally.atHigh;
        atLow += tally.atLow;
        between += tally.count;
      }
      long wanted = query.above() - (fromHigh - atHigh);
      if (wanted <= 0 || wanted > atHigh + between + atLow) {
        return null;
      }
      if (wanted <= atHigh) {
        return new Place(high, wanted, atHigh, perStripe(stripes, tally -> tally.atHigh));
      }
      wanted -= atHigh;
      if (wanted > between) {
        return new Place(low, wanted - between, atLow, perStripe(stripes, tally -> tally.atLow));
      }
      int[] values = new int[(int) between];
      int size = 0;
      for (Tally tally : stripes) {
        System.arraycopy(tally.between, 0, values, size, tally.count);
        size += tally.count;
      }
      return among(values, wanted, stripes);
    }

    private static long[] perStripe(List<Tally> stripes, ToLongFunction<Tally> count) {
      return stripes.stream().mapToLong(count).toArray();
    }

    /** Finds the n-th largest, from 1, by ever finer histograms; reorders the values. */
    private Place among(int[] values, long n, List<Tally> stripes) {
      int lowest = low;
      int shift = Math.max(0, 32 - Integer.numberOfLeadingZeros(high - low) - SELECT_LOG);
      int size = values.length;
      long wanted = n;
      while (true) {
        int[] counts = new int[1 << SELECT_LOG];
        for (int i = 0; i < size; i++) {
          counts[values[i] - lowest >>> shift]++;
        }
        int bucket = counts.length - 1;
        while (counts[bucket] < wanted) {
          wanted -= counts[bucket--];
        }
        if (shift == 0) {
          int bits = lowest + bucket;
          return new Place(
              bits, wanted, counts[bucket], perStripe(stripes, tally -> tally.countBetween(bits)));
        }
        int left = 0;
        for (int i = 0; i < size; i++) {
          int value = values[i];
          values[left] = value;
          left += value - lowest >>> shift == bucket ? 1 : 0;
        }
        size = left;
        lowest += bucket << shift;
        shift = Math.max(0, shift - SELECT_LOG);
      }
    }
  }

  /** What a stripe holds above and inside a bracket. */
  private static final class Tally {
    private static final int[] EMPTY = new int[0];

    private long fromHigh;
    private long atHigh;
    private long atLow;
    private int[] between = EMPTY;
    private int count;
    private boolean overflown;

    void add(Bracket bracket, float[] delta, int length, int[] scratch) {
      int low = bracket.low();
      int high = bracket.high();
      int more = 0;
      if (high - low > 1) {
        long both = TaskVectorKernels.collectBetween(delta, low, high, scratch, length);
        fromHigh += both >>> 32;
        more = (int) both;
      } else {
        fromHigh += high == 0 ? length : TaskVectorKernels.countAbove(delta, high - 1, length);
      }
      if (bracket.closed()) {
        atHigh += Kernels.countMagnitude(delta, high, length);
        atLow += low == high ? 0 : Kernels.countMagnitude(delta, low, length);
      }
      if (more == 0 || overflown) {
        return;
      }
      if (bracket.budget().addAndGet(-more) < 0) {
        overflown = true;
        between = EMPTY;
        count = 0;
        return;
      }
      if (count + more > between.length) {
        between = Arrays.copyOf(between, Math.max(count + more, 2 * between.length));
      }
      System.arraycopy(scratch, 0, between, count, more);
      count += more;
    }

    long countBetween(int bits) {
      long equal = 0;
      for (int i = 0; i < count; i++) {
        equal += between[i] == bits ? 1 : 0;
      }
      return equal;
    }
  }

  private record RankKey(int source) {}

  private record SampleKey(int source) {}
}
