package io.evomerge.benchmarks;

import io.evomerge.candidate.WeightStore;
import io.evomerge.onnx.runtime.GenerationOptions;
import io.evomerge.onnx.runtime.LanguageModel;
import io.evomerge.onnx.runtime.OnnxBackend;
import io.evomerge.onnx.runtime.SessionMode;
import io.evomerge.recipe.DataFlow;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * Hundreds of random paths through the layers of three models in one process, and what its memory
 * does: one copy of the weights is held, whatever the paths.
 *
 * <p>Every path is scored and continued; the answers of a path are compared when it comes again.
 */
final class PathSoak {

  private static final int STEP = 50;
  private static final int DIFFERENT = 100;

  private PathSoak() {}

  /**
   * Runs it.
   *
   * @param args how many paths, default 200
   */
  public static void main(String[] args) throws IOException {
    int count = args.length == 0 ? 200 : Integer.parseInt(args[0]);
    print("before the models are there", ProcessMemory.now());
    LayerPool pool = new LayerPool(512);
    ProcessMemory before = ProcessMemory.now();
    print("with " + (pool.bytes() >> 20) + " MiB of weights", before);
    SplittableRandom random = new SplittableRandom(1);
    List<DataFlow> flows = new ArrayList<>();
    for (int i = 0; i < DIFFERENT; i++) {
      flows.add(pool.draw(LayerPool.LAYERS + random.nextInt(LayerPool.LAYERS + 1), random));
    }
    List<int[]> rows = new ArrayList<>();
    for (int row = 0; row < 8; row++) {
      rows.add(random.ints(32, 0, 1000).toArray());
    }
    Map<DataFlow, String> answers = new HashMap<>();
    try (OnnxBackend backend = OnnxBackend.builder().cpu().sessionMode(SessionMode.LIVE).build();
        WeightStore worker = WeightStore.allocate(List.of())) {
      for (int i = 0; i < count; i++) {
        DataFlow flow = flows.get(i % DIFFERENT);
        LanguageModel model = backend.languageModel(pool.candidate(flow, worker));
        String answer =
            Arrays.toString(model.logLikelihoods(rows, rows))
                + Arrays.deepToString(
                    model.generate(rows, GenerationOptions.of(4, Set.of())).toArray());
        String earlier = answers.putIfAbsent(flow, answer);
        if (earlier != null && !earlier.equals(answer)) {
          throw new IllegalStateException("path " + i + " has other answers than before");
        }
        if ((i + 1) % STEP == 0) {
          print("after " + (i + 1) + " paths of 8 to 16 hops", ProcessMemory.now());
        }
      }
    }
    ProcessMemory after = ProcessMemory.now();
    System.out.printf(
        Locale.ROOT,
        "the paths added %d MiB to the %d MiB of weights%n",
        after.anonymous() - before.anonymous(),
        pool.bytes() >> 20);
  }

  private static void print(String when, ProcessMemory memory) {
    System.out.printf(Locale.ROOT, "%-36s %s%n", when, memory);
  }
}
