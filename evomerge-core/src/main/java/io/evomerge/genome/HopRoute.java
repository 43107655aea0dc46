package io.evomerge.genome;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** How the first genes of a data flow space choose layers; layers are their places in the row. */
sealed interface HopRoute {

  /** Returns the slots or positions that are on the path, in order; never empty. */
  int[] places(Genome genome);

  /** Returns the layer at a slot or position. */
  int layer(Genome genome, int place);

  /**
   * An indicator per slot: gene i is that of slot i.
   *
   * @param layers of the slots
   * @param exit the layer that the last hop is forced to be; -1 if ends are free
   * @param min fewest hops
   * @param max most hops
   */
  record Slots(int[] layers, int exit, int min, int max) implements HopRoute {

    @Override
    public int layer(Genome genome, int place) {
      return layers[place];
    }

    @Override
    public int[] places(Genome genome) {
      boolean forced = exit >= 0;
      boolean[] on = new boolean[layers.length];
      int last = -1;
      int count = 0;
      for (int slot = 0; slot < on.length; slot++) {
        on[slot] = genome.value(slot) > 0 || (forced && slot == 0);
        if (on[slot]) {
          last = slot;
          count++;
        }
      }
      // The exit is counted apart from the other hops, whether a slot stands for it or not.
      boolean lastIsExit = forced && layers[last] == exit;
      if (lastIsExit) {
        on[last] = false;
        count--;
      }
      int exits = forced ? 1 : 0;
      int wanted = Math.max(min, Math.min(count + exits, max)) - exits;
      if (wanted != count) {
        turn(genome, on, wanted - count);
      }
      int[] places = new int[wanted + exits];
      int at = 0;
      for (int slot = 0; slot < on.length; slot++) {
        if (on[slot]) {
          places[at++] = slot;
        }
      }
      if (forced) {
        boolean standsLast = lastIsExit && (at == 0 || places[at - 1] < last);
        places[at] = standsLast ? last : lastSlotOfExit();
      }
      return places;
    }

    /** Turns on the highest of the slots that are off, or off the lowest of those that are on. */
    private void turn(Genome genome, boolean[] on, int change) {
      int[] ranked =
          IntStream.range(0, on.length)
              .filter(slot -> on[slot] == (change < 0))
              .boxed()
              .sorted(
                  Comparator.comparingDouble((Integer slot) -> -rank(genome, slot))
                      .thenComparingInt(slot -> slot))
              .mapToInt(slot -> slot)
              .toArray();
      int from = change > 0 ? 0 : ranked.length + change;
      for (int i = 0; i < Math.abs(change); i++) {
        on[ranked[from + i]] = change > 0;
      }
    }

    private double rank(Genome genome, int slot) {
      boolean entry = exit >= 0 && slot == 0;
      // Adding 0 makes equals of 0 and -0, which sorting tells apart.
      return entry ? Double.POSITIVE_INFINITY : genome.value(slot) + 0.0;
    }

    private int lastSlotOfExit() {
      int slot = layers.length - 1;
      while (layers[slot] != exit) {
        slot--;
      }
      return slot;
    }
  }

  /**
   * A fixed number of positions.
   *
   * @param genes of the positions; -1 where there is no choice
   * @param options by position, then by value of its gene
   */
  record Positions(int[] genes, int[][] options) implements HopRoute {

    @Override
    public int[] places(Genome genome) {
      int[] places = new int[genes.length];
      Arrays.setAll(places, place -> place);
      return places;
    }

    @Override
    public int layer(Genome genome, int place) {
      int gene = genes[place];
      return options[place][gene < 0 ? 0 : (int) genome.value(gene)];
    }
  }
}
