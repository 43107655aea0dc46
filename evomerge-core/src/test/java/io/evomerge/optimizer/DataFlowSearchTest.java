package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;

import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.DataFlowSearchSpace;
import io.evomerge.genome.DataFlowSearchSpace.Step;
import io.evomerge.genome.DataFlowSpace;
import io.evomerge.genome.DataFlowSpace.Scales;
import io.evomerge.genome.LayeredModel;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** CMA-ES finds hidden paths in every kind of data flow space. */
class DataFlowSearchTest {

  private static final List<LayeredModel> MODELS =
      List.of(new LayeredModel("a", 4), new LayeredModel("b", 4));

  private static Step a(int layer) {
    return new Step(0, layer, 1);
  }

  private static Step b(int layer) {
    return new Step(1, layer, 1);
  }

  static Stream<Arguments> spaces() {
    List<Step> repeated = List.of(a(0), a(1), b(1), b(2), a(1), a(2), b(3), a(3));
    List<Step> interleaved = List.of(a(0), b(0), b(1), a(2), b(2), a(3));
    List<Step> deep = List.of(a(0), b(1), b(2), a(3));
    List<Step> free = List.of(a(1), a(3), b(0), b(1), a(2), b(3));
    List<Step> any = List.of(b(1), b(2), a(1), a(1), b(3));
    return Stream.of(
        Arguments.of("repeats", DataFlowSpace.repeats(2), repeated),
        Arguments.of("per hop", DataFlowSpace.repeats(2).scales(Scales.PER_HOP), repeated),
        Arguments.of("network", DataFlowSpace.repeats(2).network(4), repeated),
        Arguments.of(
            "binary", DataFlowSpace.repeats(2).scales(Scales.NONE).binaryIndicators(), repeated),
        Arguments.of("limits", DataFlowSpace.repeats(2).minLayers(6).maxLayers(8), repeated),
        Arguments.of("interleaved", DataFlowSpace.repeats(1).interleaved(), interleaved),
        Arguments.of("free ends", DataFlowSpace.repeats(2).freeEnds(), free),
        Arguments.of("fixed depth", DataFlowSpace.fixedDepth(), deep),
        Arguments.of("positions", DataFlowSpace.pathOf(5).freeEnds(), any));
  }

  /**
   * Distance of the path, and squared distances of the scales from 1.2 at the second hop and 1
   * else.
   */
  private static double cost(List<Step> path, List<Step> hidden, boolean slots) {
    double sum = slots ? edits(path, hidden) : 0;
    for (int hop = 0; hop < path.size(); hop++) {
      Step step = path.get(hop);
      double off = step.scale() - (hop == 1 ? 1.2 : 1);
      sum += off * off;
      // Positions are whole numbers with an order: near layers are near.
      sum += slots ? 0 : Math.abs(place(step) - place(hidden.get(hop)));
    }
    return sum;
  }

  private static int place(Step step) {
    return step.model() * MODELS.get(0).layers() + step.layer();
  }

  private static int edits(List<Step> path, List<Step> hidden) {
    int[][] edits = new int[path.size() + 1][hidden.size() + 1];
    for (int i = 0; i <= path.size(); i++) {
      for (int j = 0; j <= hidden.size(); j++) {
        if (i == 0 || j == 0) {
          edits[i][j] = i + j;
          continue;
        }
        Step got = path.get(i - 1);
        Step wanted = hidden.get(j - 1);
        boolean same = got.model() == wanted.model() && got.layer() == wanted.layer();
        edits[i][j] =
            Math.min(
                edits[i - 1][j - 1] + (same ? 0 : 1),
                Math.min(edits[i - 1][j], edits[i][j - 1]) + 1);
      }
    }
    return edits[path.size()][hidden.size()];
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("spaces")
  void aHiddenPathIsFound(String name, DataFlowSpace declared, List<Step> hidden) {
    DataFlowSearchSpace space = declared.bind(MODELS);
    assertThat(edits(space.decode(space.start()), hidden)).as("the start").isPositive();
    for (long seed = 1; seed <= 5; seed++) {
      int trials = search(space, hidden, seed);
      assertThat(trials).as("%s, seed %d: trials until found", name, seed).isPositive();
    }
  }

  /** Returns after how many trials the hidden path was proposed, or -1. */
  private static int search(DataFlowSearchSpace space, List<Step> hidden, long seed) {
    boolean slots = space.genes().get(0).name().startsWith("slot.");
    // Edits have local optima: small populations end there.
    CmaEs cmaEs = Optimizers.cmaEs().populationSize(96);
    Optimizer optimizer = cmaEs.create(space, List.of(Direction.MINIMIZE), seed);
    int trials = 0;
    while (!optimizer.isDone() && trials < 20_000) {
      List<Evaluation> evaluations = new ArrayList<>();
      for (Proposal proposal : optimizer.ask(Integer.MAX_VALUE)) {
        List<Step> path = space.decode(proposal.genome());
        trials++;
        if (edits(path, hidden) == 0) {
          return trials;
        }
        evaluations.add(
            new Evaluation(proposal.id(), Outcome.Scored.of(cost(path, hidden, slots))));
      }
      optimizer.tell(evaluations);
    }
    return -1;
  }
}
