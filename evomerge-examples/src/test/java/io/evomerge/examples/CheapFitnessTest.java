package io.evomerge.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The comparison of ways to spend item evaluations, in small. */
class CheapFitnessTest {

  @TempDir Path root;

  private Ran run(String... more) {
    String[] args =
        Stream.concat(Stream.of("cheap-fitness"), Stream.of(more)).toArray(String[]::new);
    return Ran.run((Object[]) args);
  }

  @Test
  void aTableIsPrintedWrittenAndResumed() throws IOException {
    String[] small = {
      "--seeds",
      "3",
      "--items",
      "8",
      "--evaluations",
      "60",
      "--share",
      "0.5",
      "--methods",
      "full,full_share,racing,regression",
      "--out",
      root.resolve("out").toString()
    };
    Ran ran = run(small);
    assertThat(ran.err()).isEmpty();
    assertThat(ran.code()).isZero();
    assertThat(ran.out())
        .contains("full fitness: 60 trials, 480 item evaluations; others: at most 240")
        .contains("against full-cma-es");
    List<String> csv = Files.readAllLines(root.resolve("out/cheap-fitness.csv"));
    assertThat(csv).hasSize(1 + 4 + 2);
    assertThat(csv.get(0)).startsWith("method,seed,item_evaluations,trials,train_best");
    assertThat(csv)
        .anyMatch(line -> line.startsWith("full-cma-es,3,"))
        .anyMatch(line -> line.startsWith("racing-cma-es,3,"))
        .anyMatch(line -> line.startsWith("full-random-search,3,480,60,"));
    assertThat(root.resolve("out/racing-cma-es-3/journal.jsonl")).exists();

    Ran again = run(small);
    assertThat(again.out()).isEqualTo(ran.out());
  }

  @Test
  void whatItCannotCompareIsRefused() {
    assertThat(run("--share", "2").err()).startsWith("--share: got 2.0, wanted above 0");
    assertThat(run("--optimizers", "annealing").err())
        .startsWith("--optimizers: got annealing, wanted some of cma-es, random-search");
  }
}
