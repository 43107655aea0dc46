package io.evomerge.genome;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.offset;

import io.evomerge.exception.ConfigurationException;
import io.evomerge.genome.DataFlowSearchSpace.Step;
import io.evomerge.genome.DataFlowSpace.Scales;
import io.evomerge.testing.TestSeeds;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class DataFlowSpaceTest {

  private static final LayeredModel A = new LayeredModel("math-en", 3);
  private static final LayeredModel B = new LayeredModel("ja", 2);
  private static final List<LayeredModel> TWO = List.of(A, B);

  private static List<String> names(SearchSpace space) {
    return space.genes().stream().map(Gene::name).toList();
  }

  private static Step hop(int model, int layer) {
    return new Step(model, layer, 1);
  }

  /** The first model as it is. */
  private static List<Step> whole(int layers) {
    return IntStream.range(0, layers).mapToObj(layer -> hop(0, layer)).toList();
  }

  /** Decodes with indicators set by slot and all other genes at their starts. */
  private static List<Step> decode(DataFlowSearchSpace space, double... first) {
    double[] values = space.start().values();
    System.arraycopy(first, 0, values, 0, first.length);
    return space.decode(Genome.of(values));
  }

  private static Genome random(SearchSpace space, Random random) {
    double zeros = random.nextInt(4) == 0 ? 0.3 : 0;
    // Sparse and dense paths, so that both limits repair.
    double shift = random.nextDouble() * 2 - 1;
    return Genome.of(
        space.genes().stream()
            .mapToDouble(
                gene -> {
                  double share = random.nextDouble();
                  if (gene instanceof Gene.Real) {
                    if (gene.min() < 0 && random.nextDouble() < zeros) {
                      return random.nextBoolean() ? 0.0 : -0.0;
                    }
                    double value = gene.min() + share * (gene.max() - gene.min());
                    return gene.name().startsWith("slot.")
                        ? Math.max(-1, Math.min(value + shift, 1))
                        : value;
                  }
                  return gene.min() + Math.floor(share * (gene.max() - gene.min() + 1));
                })
            .toArray());
  }

  @Test
  void thePublishedSpaceHasThePublishedGenesAndStart() {
    DataFlowSearchSpace space =
        DataFlowSpace.repeats(3)
            .bind(List.of(new LayeredModel("shisa", 32), new LayeredModel("wizard", 32)));
    assertThat(space.dimension()).isEqualTo(192 + 4096).isEqualTo(4288);
    assertThat(space.genes().subList(0, 32))
        .allSatisfy(
            gene -> assertThat(gene).isEqualTo(new Gene.Real(gene.name(), -1, 1, 0.2, 0.1)));
    assertThat(space.genes().subList(32, 192))
        .allSatisfy(gene -> assertThat(gene).isEqualTo(new Gene.Real(gene.name(), -1, 1, 0, 0.1)));
    assertThat(space.genes().subList(192, 4288))
        .allSatisfy(gene -> assertThat(gene).isEqualTo(new Gene.Real(gene.name(), 0, 2, 1, 0.1)));
    assertThat(names(space))
        .startsWith("slot.r1.shisa.0")
        .endsWith("scale.wizard.31->wizard.31")
        .containsSubsequence("slot.r1.wizard.0", "slot.r2.shisa.0", "slot.r3.wizard.31");
    assertThat(space.decode(space.start())).isEqualTo(whole(32));
  }

  @Test
  void genesAreNamedAfterWhatTheySet() {
    assertThat(names(DataFlowSpace.repeats(2).scales(Scales.NONE).bind(List.of(B, A))))
        .containsExactly(
            "slot.r1.ja.0",
            "slot.r1.ja.1",
            "slot.r1.math-en.0",
            "slot.r1.math-en.1",
            "slot.r1.math-en.2",
            "slot.r2.ja.0",
            "slot.r2.ja.1",
            "slot.r2.math-en.0",
            "slot.r2.math-en.1",
            "slot.r2.math-en.2");
    assertThat(names(DataFlowSpace.repeats(1).interleaved().scales(Scales.PER_HOP).bind(TWO)))
        .containsExactly(
            "slot.r1.math-en.0",
            "slot.r1.ja.0",
            "slot.r1.math-en.1",
            "slot.r1.ja.1",
            "slot.r1.math-en.2",
            "scale.r1.math-en.0",
            "scale.r1.ja.0",
            "scale.r1.math-en.1",
            "scale.r1.ja.1",
            "scale.r1.math-en.2");
    assertThat(names(DataFlowSpace.repeats(1).layers("ja", 1, 2).bind(TWO)).subList(0, 8))
        .containsExactly(
            "slot.r1.math-en.0",
            "slot.r1.math-en.1",
            "slot.r1.math-en.2",
            "slot.r1.ja.1",
            "scale.math-en.0->math-en.0",
            "scale.math-en.0->math-en.1",
            "scale.math-en.0->math-en.2",
            "scale.math-en.0->ja.1");
    assertThat(DataFlowSpace.fixedDepth().freeEnds().bind(TWO).genes())
        .containsExactly(
            new Gene.Choice("position.0", List.of("math-en", "ja"), 0),
            new Gene.Choice("position.1", List.of("math-en", "ja"), 0),
            new Gene.Real("scale.0", 0, 2, 1, 0.1),
            new Gene.Real("scale.1", 0, 2, 1, 0.1),
            new Gene.Real("scale.2", 0, 2, 1, 0.1));
    assertThat(names(DataFlowSpace.fixedDepth().scales(Scales.NONE).bind(TWO)))
        .as("forced ends are no choice")
        .containsExactly("position.1");
    assertThat(DataFlowSpace.pathOf(4).scales(Scales.NONE).bind(TWO).genes())
        .containsExactly(new Gene.Int("position.1", 0, 4, 1), new Gene.Int("position.2", 0, 4, 1));
    assertThat(names(DataFlowSpace.fixedDepth().network(1).bind(TWO)))
        .containsExactly(
            "position.1",
            "network.0.from",
            "network.0.to",
            "network.0.hop",
            "network.0.bias",
            "network.0.output",
            "network.output");
  }

  @Test
  void aNetworkReplacesTheMatrixByAFewGenes() {
    List<LayeredModel> models = List.of(new LayeredModel("a", 32), new LayeredModel("b", 32));
    DataFlowSearchSpace space = DataFlowSpace.repeats(3).scales(Scales.NETWORK).bind(models);
    assertThat(space.dimension()).isEqualTo(192 + 5 * 8 + 1);
    assertThat(space.decode(space.start())).isEqualTo(whole(32));
    assertThat(space.genes().subList(192, 233).stream().map(Gene::start).distinct().count())
        .as("hidden units differ, outputs are 0")
        .isEqualTo(4 * 8 + 1);

    double[] values = space.start().values();
    values[192 + 4] = 0.5;
    values[192 + 40] = 0.25;
    List<Step> steps = space.decode(Genome.of(values));
    assertThat(steps.get(0).scale()).isEqualTo(1);
    for (int hop = 1; hop < 32; hop++) {
      double i = 2.0 * (hop - 1) / 63 - 1;
      double j = 2.0 * hop / 63 - 1;
      double t = 2.0 * hop / 192 - 1;
      double input = values[192] * i + values[193] * j + values[194] * t + values[195];
      assertThat(steps.get(hop).scale()).isCloseTo(1.25 + 0.5 * Math.tanh(input), offset(1e-12));
    }
    values[192 + 40] = 2;
    values[192 + 4] = 2;
    assertThat(space.decode(Genome.of(values)).subList(1, 32))
        .extracting(Step::scale)
        .allMatch(scale -> scale <= 2)
        .contains(2.0);
  }

  @Test
  void everyGenomeOfEveryVariantIsAValidPath() {
    TestSeeds.check(
        "data-flow-valid",
        1500,
        random -> {
          List<LayeredModel> models = new ArrayList<>();
          for (int i = 1 + random.nextInt(4); i > 0; i--) {
            models.add(new LayeredModel("m" + i, 1 + random.nextInt(8)));
          }
          int depth = models.get(0).layers();
          boolean free = random.nextBoolean();
          int kind = random.nextInt(3);
          int fewest = free || depth == 1 ? 1 : 2;
          int hops = fewest + random.nextInt(10);
          DataFlowSpace space =
              switch (kind) {
                case 0 -> DataFlowSpace.repeats(1 + random.nextInt(3));
                case 1 -> DataFlowSpace.fixedDepth();
                default -> DataFlowSpace.pathOf(hops);
              };
          // Fixed depths and forced ends may want the layers that a range leaves out.
          int[] first = new int[models.size()];
          int[] end = models.stream().mapToInt(LayeredModel::layers).toArray();
          int restricted = random.nextInt(models.size());
          if (kind != 1 && (free || restricted > 0)) {
            first[restricted] = random.nextInt(end[restricted]);
            end[restricted] =
                first[restricted] + 1 + random.nextInt(end[restricted] - first[restricted]);
            space = space.layers(models.get(restricted).name(), first[restricted], end[restricted]);
          }
          if (free) {
            space = space.freeEnds();
          }
          int least = fewest;
          int most = Integer.MAX_VALUE;
          if (kind == 0) {
            space = random.nextBoolean() ? space.interleaved() : space;
            space = random.nextBoolean() ? space.binaryIndicators() : space;
            int row = IntStream.range(0, models.size()).map(i -> end[i] - first[i]).sum();
            int longest = row + (free ? 0 : 1);
            if (random.nextBoolean() && longest >= fewest) {
              least = fewest + random.nextInt(longest - fewest + 1);
              space = space.minLayers(least);
            }
            if (random.nextBoolean()) {
              most = least + random.nextInt(4);
              space = space.maxLayers(most);
            }
          }
          double min = random.nextInt(3) / 2.0;
          double max = 1.5 + random.nextInt(2);
          Scales scales = Scales.values()[random.nextInt(4)];
          // A path without a choice is a space only if it has scales.
          scales = scales == Scales.NONE && kind != 0 ? Scales.PER_HOP : scales;
          DataFlowSearchSpace bound = space.scales(scales).inputScaling(min, max).bind(models);
          assertThat(names(bound)).doesNotHaveDuplicates();

          for (int i = 0; i < 10; i++) {
            Genome genome = i == 0 ? bound.start() : random(bound, random);
            List<Step> steps = bound.decode(genome);
            assertThat(steps).as("%s of %s", bound, space).isNotEmpty();
            assertThat(bound.decode(genome)).isEqualTo(steps);
            assertThat(steps.size()).as(space.toString()).isBetween(least, most);
            for (Step step : steps) {
              assertThat(step.layer()).isBetween(first[step.model()], end[step.model()] - 1);
              assertThat(step.scale()).isBetween(scales == Scales.NONE ? 1 : min, max);
            }
            if (scales == Scales.NONE) {
              assertThat(steps).allMatch(step -> step.scale() == 1);
            } else if (scales != Scales.PER_HOP) {
              assertThat(steps.get(0).scale()).isEqualTo(1);
            }
            if (!free) {
              assertThat(steps.get(0)).matches(s -> s.model() == 0 && s.layer() == 0);
              assertThat(steps.get(steps.size() - 1))
                  .matches(s -> s.model() == 0 && s.layer() == depth - 1);
            }
            if (kind == 1) {
              assertThat(steps.stream().map(Step::layer).toList())
                  .isEqualTo(IntStream.range(0, depth).boxed().toList());
            } else if (kind == 2) {
              assertThat(steps).hasSize(hops);
            }
          }
        });
  }

  @Test
  void everyVariantStartsAtTheFirstModelAsItIs() {
    TestSeeds.check(
        "data-flow-start",
        300,
        random -> {
          List<LayeredModel> models = new ArrayList<>();
          for (int i = 2 + random.nextInt(3); i > 0; i--) {
            models.add(new LayeredModel("m" + i, 1 + random.nextInt(8)));
          }
          int depth = models.get(0).layers();
          DataFlowSpace repeats = DataFlowSpace.repeats(1 + random.nextInt(3));
          Stream.of(
                  repeats,
                  repeats.interleaved(),
                  repeats.binaryIndicators(),
                  repeats.minLayers(depth).maxLayers(Math.max(2, depth)),
                  DataFlowSpace.fixedDepth(),
                  DataFlowSpace.pathOf(depth))
              .flatMap(space -> Stream.of(space, space.freeEnds()))
              .flatMap(
                  space ->
                      Stream.of(Scales.PER_HOP, Scales.PER_PAIR, Scales.NETWORK).map(space::scales))
              .map(space -> space.bind(models))
              .forEach(space -> assertThat(space.decode(space.start())).isEqualTo(whole(depth)));
        });
  }

  @Test
  void aPathOfAnotherLengthStartsWithTheFirstModelsLayersSpreadEvenly() {
    List<LayeredModel> models = List.of(new LayeredModel("a", 5), B);
    assertThat(DataFlowSpace.pathOf(3).bind(models))
        .satisfies(
            s -> assertThat(s.decode(s.start())).containsExactly(hop(0, 0), hop(0, 2), hop(0, 4)));
    assertThat(DataFlowSpace.pathOf(9).bind(models))
        .satisfies(
            s ->
                assertThat(s.decode(s.start()).stream().map(Step::layer))
                    .containsExactly(0, 1, 1, 2, 2, 3, 3, 4, 4));
    assertThat(DataFlowSpace.pathOf(2).freeEnds().layers("a", 1, 4).bind(models))
        .satisfies(s -> assertThat(s.decode(s.start())).containsExactly(hop(0, 1), hop(0, 3)));
  }

  @Test
  void indicatorsOfExactlyZeroAreOff() {
    DataFlowSearchSpace space = DataFlowSpace.repeats(1).freeEnds().scales(Scales.NONE).bind(TWO);
    assertThat(decode(space, 0.0, -0.0, Double.MIN_VALUE, 0.0, -0.0)).containsExactly(hop(0, 2));
    assertThat(decode(space, -0.0, 0.0, -0.0, 0.0, -0.0))
        .as("nothing is on, and a negative zero ties with a positive one")
        .containsExactly(hop(0, 0));
    assertThat(decode(space, -1, -0.5, -0.5, -0.7, -0.6)).containsExactly(hop(0, 1));
  }

  @Test
  void forcedEndsAreOnThePathWhateverTheIndicatorsSay() {
    DataFlowSearchSpace space = DataFlowSpace.repeats(1).scales(Scales.NONE).bind(TWO);
    assertThat(decode(space, -1, -1, -1, -1, -1)).containsExactly(hop(0, 0), hop(0, 2));
    assertThat(decode(space, -1, -1, 1, -1, -1)).containsExactly(hop(0, 0), hop(0, 2));
    assertThat(decode(space, 1, -1, -1, 1, -1)).containsExactly(hop(0, 0), hop(1, 0), hop(0, 2));
    assertThat(decode(space, -1, -1, 1, -1, 1))
        .containsExactly(hop(0, 0), hop(0, 2), hop(1, 1), hop(0, 2));
    LayeredModel single = new LayeredModel("one", 1);
    DataFlowSearchSpace one = DataFlowSpace.repeats(1).scales(Scales.NONE).bind(List.of(single, B));
    assertThat(decode(one, -1, -1, -1)).containsExactly(hop(0, 0));
    assertThat(decode(one, -1, -1, 1)).containsExactly(hop(0, 0), hop(1, 1), hop(0, 0));
    DataFlowSearchSpace longer =
        DataFlowSpace.repeats(1).scales(Scales.NONE).minLayers(3).bind(List.of(single, B));
    assertThat(decode(longer, -1, -0.5, -0.7)).containsExactly(hop(0, 0), hop(1, 0), hop(0, 0));
  }

  @Test
  void pathsOutsideTheLimitsAreRepairedByTheRankOfTheIndicators() {
    DataFlowSpace free = DataFlowSpace.repeats(1).freeEnds().scales(Scales.NONE);
    DataFlowSearchSpace most = free.maxLayers(2).bind(TWO);
    assertThat(decode(most, 0.1, 0.5, 0.4, 0.6, 0.3)).containsExactly(hop(0, 1), hop(1, 0));
    assertThat(decode(most, 0.5, 0.5, 0.5, 0.5, 0.5)).containsExactly(hop(0, 0), hop(0, 1));
    DataFlowSearchSpace least = free.minLayers(3).bind(TWO);
    assertThat(decode(least, -0.5, 0.5, -0.1, -0.4, -0.2))
        .containsExactly(hop(0, 1), hop(0, 2), hop(1, 1));
    assertThat(decode(least, 0, 0, 0, 0, 1)).containsExactly(hop(0, 0), hop(0, 1), hop(1, 1));

    DataFlowSpace forced = DataFlowSpace.repeats(1).scales(Scales.NONE);
    assertThat(decode(forced.maxLayers(3).bind(TWO), 0.1, 0.5, 0.4, 0.6, 0.3))
        .containsExactly(hop(0, 0), hop(1, 0), hop(0, 2));
    assertThat(decode(forced.maxLayers(2).bind(TWO), 1, 1, 1, 1, 1))
        .containsExactly(hop(0, 0), hop(0, 2));
    assertThat(decode(forced.minLayers(4).bind(TWO), -1, -0.1, 0.5, -1, 0))
        .as("the slot of the last layer is of the rest once the end stands for itself")
        .containsExactly(hop(0, 0), hop(0, 2), hop(1, 1), hop(0, 2));
    assertThat(decode(forced.minLayers(6).bind(TWO), -1, -1, -1, -1, -1))
        .as("all slots and the forced end")
        .containsExactly(hop(0, 0), hop(0, 1), hop(0, 2), hop(1, 0), hop(1, 1), hop(0, 2));
    DataFlowSearchSpace binary = free.binaryIndicators().minLayers(2).maxLayers(3).bind(TWO);
    assertThat(decode(binary, 1, 1, 0, 1, 1)).containsExactly(hop(0, 0), hop(0, 1), hop(1, 0));
    assertThat(decode(binary, 0, 0, 0, 0, 1)).containsExactly(hop(0, 0), hop(1, 1));
  }

  @Test
  void aRepairedPathHoldsTheHighestIndicators() {
    TestSeeds.check(
        "data-flow-rank",
        500,
        random -> {
          int layers = 1 + random.nextInt(8);
          int length = 1 + random.nextInt(layers);
          DataFlowSearchSpace space =
              DataFlowSpace.repeats(1)
                  .freeEnds()
                  .minLayers(length)
                  .maxLayers(length)
                  .scales(Scales.NONE)
                  .bind(List.of(new LayeredModel("a", layers)));
          double[] indicators =
              random.doubles(layers, -1, 1).map(v -> Math.rint(4 * v) / 4).toArray();
          List<Integer> expected =
              IntStream.range(0, layers)
                  .boxed()
                  .sorted(
                      (i, j) ->
                          indicators[i] == indicators[j]
                              ? i - j
                              : Double.compare(indicators[j], indicators[i]))
                  .limit(length)
                  .sorted()
                  .toList();
          assertThat(space.decode(Genome.of(indicators)).stream().map(Step::layer).toList())
              .as(Arrays.toString(indicators))
              .isEqualTo(expected);
        });
  }

  @Test
  void aScaleIsThatOfThePairTheSlotOrThePosition() {
    DataFlowSearchSpace pairs = DataFlowSpace.repeats(1).bind(TWO);
    double[] values = pairs.start().values();
    List<String> names = names(pairs);
    values[names.indexOf("slot.r1.math-en.1")] = -1;
    values[names.indexOf("slot.r1.math-en.2")] = -1;
    values[names.indexOf("slot.r1.ja.1")] = 1;
    values[names.indexOf("scale.math-en.0->ja.1")] = 0.25;
    values[names.indexOf("scale.ja.1->math-en.2")] = -0.0;
    assertThat(pairs.decode(Genome.of(values)))
        .containsExactly(hop(0, 0), new Step(1, 1, 0.25), new Step(0, 2, 0.0));

    DataFlowSearchSpace slots = DataFlowSpace.repeats(2).scales(Scales.PER_HOP).bind(TWO);
    double[] ofSlots = slots.start().values();
    names = names(slots);
    for (int i = 0; i < 10; i++) {
      ofSlots[10 + i] = i / 10.0;
    }
    assertThat(slots.decode(Genome.of(ofSlots)))
        .containsExactly(new Step(0, 0, 0), new Step(0, 1, 0.1), new Step(0, 2, 0.2));
    ofSlots[names.indexOf("slot.r1.ja.0")] = 0.1;
    assertThat(slots.decode(Genome.of(ofSlots)))
        .as("the added end has the scale of its last slot")
        .containsExactly(
            new Step(0, 0, 0),
            new Step(0, 1, 0.1),
            new Step(0, 2, 0.2),
            new Step(1, 0, 0.3),
            new Step(0, 2, 0.7));

    DataFlowSearchSpace positions = DataFlowSpace.pathOf(3).bind(TWO);
    assertThat(positions.decode(Genome.of(4, 0.5, 1.5, 2)))
        .containsExactly(new Step(0, 0, 0.5), new Step(1, 1, 1.5), new Step(0, 2, 2));
  }

  @Test
  void indicatorsAndScalesStartWhereTheyAreToldTo() {
    DataFlowSpace space = DataFlowSpace.repeats(2).scales(Scales.NONE);
    assertThat(space.indicators(-0.25, 0.5).bind(TWO).genes().stream().map(Gene::start))
        .containsExactly(-0.25, -0.25, -0.25, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5);
    assertThat(
            space.indicators(0, 0.5).binaryIndicators().interleaved().bind(TWO).genes().stream()
                .limit(6))
        .containsExactly(
            new Gene.Int("slot.r1.math-en.0", 0, 1, 0),
            new Gene.Int("slot.r1.ja.0", 0, 1, 1),
            new Gene.Int("slot.r1.math-en.1", 0, 1, 0),
            new Gene.Int("slot.r1.ja.1", 0, 1, 1),
            new Gene.Int("slot.r1.math-en.2", 0, 1, 0),
            new Gene.Int("slot.r2.math-en.0", 0, 1, 1));
    assertThat(
            DataFlowSpace.repeats(1).steps(0.25, 0.5).inputScaling(1, 3).bind(List.of(B)).genes())
        .contains(
            new Gene.Real("slot.r1.ja.0", -1, 1, 0.2, 0.25),
            new Gene.Real("scale.ja.0->ja.1", 1, 3, 1, 0.5));
  }

  @Test
  void settingsTellSpacesApart() {
    List<UnaryOperator<DataFlowSpace>> changes =
        List.of(
            DataFlowSpace::interleaved,
            s -> s.minLayers(2),
            s -> s.maxLayers(2),
            s -> s.layers("ja", 0, 1),
            s -> s.layers("ja", 0, 2),
            DataFlowSpace::freeEnds,
            s -> s.inputScaling(0.5, 2),
            s -> s.scales(Scales.NONE),
            s -> s.scales(Scales.NETWORK),
            s -> s.network(4),
            s -> s.scaling(HopScaling.STREAM),
            s -> s.indicators(0.3, 0),
            s -> s.indicators(0.2, 0.1),
            DataFlowSpace::binaryIndicators,
            s -> s.steps(0.2, 0.1),
            s -> s.steps(0.1, 0.2));
    DataFlowSpace published = DataFlowSpace.repeats(3);
    List<DataFlowSpace> all = new ArrayList<>();
    all.add(published);
    all.add(DataFlowSpace.repeats(2));
    all.add(DataFlowSpace.fixedDepth());
    all.add(DataFlowSpace.pathOf(3));
    changes.forEach(change -> all.add(change.apply(published)));
    assertThat(all).doesNotHaveDuplicates();
    for (UnaryOperator<DataFlowSpace> change : changes) {
      DataFlowSpace once = change.apply(published);
      assertThat(change.apply(DataFlowSpace.repeats(3))).isEqualTo(once).hasSameHashCodeAs(once);
    }
    assertThat(published.indicators(0.2, 0)).isEqualTo(published);
    assertThat(published.layers("ja", 1, 2).layers("ja", 0, 1))
        .isEqualTo(published.layers("ja", 0, 1));
    assertThat(published.settings())
        .containsEntry("path", "repeats(3)")
        .containsEntry("ends", "forced")
        .containsEntry("scales", "PER_PAIR")
        .containsEntry("scaling", "BRANCH");
    assertThat(published.interleaved().toString()).contains("repeats(3).interleaved()");
    assertThat(published.scaling(HopScaling.STREAM).bind(TWO).scaling())
        .isEqualTo(HopScaling.STREAM);
  }

  private static List<String> problems(DataFlowSpace space, LayeredModel... models) {
    return catchThrowableOfType(ConfigurationException.class, () -> space.bind(List.of(models)))
        .problems();
  }

  @Test
  void everyMistakeIsReportedAtOnce() {
    assertThat(
            problems(
                DataFlowSpace.pathOf(0)
                    .interleaved()
                    .binaryIndicators()
                    .indicators(2, 0)
                    .minLayers(5)
                    .maxLayers(3)
                    .inputScaling(1.5, 2)
                    .network(0)
                    .steps(0, Double.NaN)
                    .layers("jaa", 0, 1)
                    .layers("math-en", 1, 9),
                A,
                B))
        .containsExactly(
            "pathOf(0).interleaved(): wanted at least 1",
            "interleaved() is only for repeats(r): PATH has no indicators",
            "binaryIndicators() is only for repeats(r): PATH has no indicators",
            "indicators(on, off) is only for repeats(r): PATH has no indicators",
            "maxLayers(3): wanted at least 5, the fewest",
            "inputScaling(1.5, 2.0): wanted a finite range with 1 in it, where scales start",
            "network(0): wanted at least 1 hidden unit",
            "steps(...): that of scales is NaN, wanted a number above 0",
            "steps(...): that of indicators is 0.0, wanted a number above 0",
            "indicators(2.0, 0.0): wanted numbers in [-1, 1]",
            "layers(...): unknown model 'jaa'; did you mean 'ja'?",
            "layers [1, 9) of 'math-en': wanted a range that is not empty within its layers"
                + " [0, 3)");
    assertThat(problems(DataFlowSpace.repeats(0).minLayers(0), A, A, new LayeredModel("c", 0)))
        .containsExactly(
            "repeats(0): wanted at least 1",
            "minLayers(0): wanted at least 1",
            "models [math-en, math-en, c]: wanted at least one, with names of their own",
            "model 'c' has 0 layers, wanted at least 1");
    assertThat(problems(DataFlowSpace.repeats(1)))
        .containsExactly("models []: wanted at least one, with names of their own");
  }

  @Test
  void limitsThatNoPathMeetsAreRefused() {
    assertThat(problems(DataFlowSpace.repeats(1).minLayers(7), A, B))
        .containsExactly("minLayers(7): the longest path of repeats(1) has 6 hops");
    assertThat(problems(DataFlowSpace.repeats(1).freeEnds().minLayers(6), A, B))
        .containsExactly("minLayers(6): the longest path of repeats(1) has 5 hops");
    assertThat(problems(DataFlowSpace.repeats(1).maxLayers(1), A, B))
        .containsExactly("maxLayers(1): forced ends are 2 hops; use freeEnds()");
    assertThat(problems(DataFlowSpace.pathOf(1), A, B))
        .containsExactly("pathOf(1): forced ends are 2 hops; use freeEnds()");
    assertThat(problems(DataFlowSpace.fixedDepth().minLayers(4), A, B))
        .containsExactly("minLayers(4): the longest path of fixedDepth() has 3 hops");
    assertThat(problems(DataFlowSpace.pathOf(5).maxLayers(4), A, B))
        .containsExactly("maxLayers(4): every path of pathOf(5) has 5 hops");
    assertThat(problems(DataFlowSpace.repeats(1).layers("math-en", 1, 2), A, B))
        .containsExactly(
            "layers [1, 2) of 'math-en' leave out layer 0, which the first hop is forced to be;"
                + " widen them or use freeEnds()",
            "layers [1, 2) of 'math-en' leave out layer 2, which the last hop is forced to be;"
                + " widen them or use freeEnds()");
    assertThat(problems(DataFlowSpace.fixedDepth().freeEnds().layers("math-en", 0, 2), A, B))
        .containsExactly("position 2: no model may use its layer 2; widen layers(...)");
    assertThat(problems(DataFlowSpace.fixedDepth().scales(Scales.NONE), A))
        .containsExactly(
            "nothing is left to search: there is one path and no scale; give another model or"
                + " scales(...)");
    assertThat(problems(DataFlowSpace.repeats(Integer.MAX_VALUE), A, B))
        .singleElement()
        .asString()
        .contains("would be 10737418260 genes, wanted at most 4194304");
  }

  @Test
  void aGenomeOfAnotherSpaceIsRefused() {
    DataFlowSearchSpace space = DataFlowSpace.fixedDepth().freeEnds().bind(TWO);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> space.decode(Genome.of(0, 0, 1, 1)))
        .withMessage("the genome has 4 values, the space 5 genes");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> space.decode(Genome.of(0, 0.5, 1, 1, 1)))
        .withMessage("gene 'position.1' is 0.5, wanted a whole number in [0.0, 1.0]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> space.decode(Genome.of(0, 0, 1, 3, 1)))
        .withMessage("gene 'scale.1' is 3.0, wanted a number in [0.0, 2.0]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> space.decode(Genome.of(0, 0, 1, Double.NaN, 1)))
        .withMessageStartingWith("gene 'scale.1' is NaN");
  }
}
