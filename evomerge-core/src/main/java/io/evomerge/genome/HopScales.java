package io.evomerge.genome;

/** How the last genes of a data flow space make scales. */
sealed interface HopScales {

  /**
   * Returns the scale of a hop.
   *
   * @param hop its number, from 0
   * @param from place in the row of the layer before; not used at hop 0
   * @param to place in the row of the layer
   * @param place slot or position
   */
  double scale(Genome genome, int hop, int from, int to, int place);

  /** All 1. */
  record None() implements HopScales {
    @Override
    public double scale(Genome genome, int hop, int from, int to, int place) {
      return 1;
    }
  }

  /** A gene per slot or position. */
  record PerHop(int firstGene) implements HopScales {
    @Override
    public double scale(Genome genome, int hop, int from, int to, int place) {
      return genome.value(firstGene + place);
    }
  }

  /** A matrix. */
  record PerPair(int firstGene, int rowLength) implements HopScales {
    @Override
    public double scale(Genome genome, int hop, int from, int to, int place) {
      return hop == 0 ? 1 : genome.value(firstGene + from * rowLength + to);
    }
  }

  /**
   * A network; per hidden unit the weights of (i, j, t), the bias and the output weight, then the
   * output bias.
   */
  record Network(int firstGene, int hidden, int rowLength, int mostHops, double min, double max)
      implements HopScales {

    static final int GENES_PER_UNIT = 5;

    @Override
    public double scale(Genome genome, int hop, int from, int to, int place) {
      if (hop == 0) {
        return 1;
      }
      double i = centred(from, rowLength);
      double j = centred(to, rowLength);
      double t = centred(hop, mostHops);
      double sum = 1 + genome.value(firstGene + GENES_PER_UNIT * hidden);
      for (int unit = 0; unit < hidden; unit++) {
        int at = firstGene + GENES_PER_UNIT * unit;
        double input =
            genome.value(at) * i
                + genome.value(at + 1) * j
                + genome.value(at + 2) * t
                + genome.value(at + 3);
        // StrictMath: the same scales on every platform.
        sum += genome.value(at + 4) * StrictMath.tanh(input);
      }
      return Math.min(Math.max(sum, min), max);
    }

    private static double centred(int index, int count) {
      return count == 1 ? 0 : 2.0 * index / (count - 1) - 1;
    }
  }
}
