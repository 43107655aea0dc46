package io.evomerge.examples;

import static io.evomerge.examples.Ran.run;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Populations from models to table, small. */
class DiversityProgramsTest {

  @Test
  void twoNetworksOfHalfTheDigitsBecomeOneThatReadsMore() {
    Ran ran = run("m2n2", "--evaluations", 60, "--seeds", 1, "--parallelism", 2);
    assertThat(ran.err()).isEmpty();
    assertThat(ran.code()).isZero();
    assertThat(ran.out()).contains("1437 digits to search with, 360 to test");
    assertThat(share(ran, "m2n2 "))
        .isGreaterThan(share(ran, "0 to 4 alone"))
        .isGreaterThan(share(ran, "5 to 9 alone"));
    assertThat(run("m2n2", "--seeds", 0).code()).isEqualTo(2);
  }

  private static double share(Ran ran, String row) {
    String line = ran.out().lines().filter(l -> l.startsWith(row)).findFirst().orElseThrow();
    return Double.parseDouble(line.substring(46).strip().split(" ")[0]);
  }

  @Test
  void expertsOfThreeTasksBecomeOneForAll() {
    for (String tasks : List.of("views", "groups")) {
      Ran ran =
          run(
              "cycle-qd-digits",
              "--tasks",
              tasks,
              "--evaluations",
              30,
              "--seeds",
              1,
              "--hidden",
              32);
      assertThat(ran.err()).isEmpty();
      assertThat(ran.code()).isZero();
      assertThat(ran.out()).contains("144 digits to train the base, 720 to tune, 573 to search");
      assertThat(share(ran, "cycle-qd, best member")).isGreaterThan(share(ran, "expert, "));
      assertThat(share(ran, "tuned on all tasks")).isGreaterThan(share(ran, "base "));
    }
    assertThat(run("cycle-qd-digits", "--tasks", "colours").code()).isEqualTo(2);
  }

  @Test
  void expertsOfTheZooAreBredForThreeTasks() {
    Ran ran =
        run("cycle-qd", "--evaluations", 8, "--items", 4, "--test-items", 6, "--parallelism", 2);
    assertThat(ran.err()).isEmpty();
    assertThat(ran.code()).isZero();
    assertThat(ran.out()).contains("ja_math (6)").contains("seed 1: cycle-qd, mixture of elites");
    assertThat(run("cycle-qd", "--tasks", "ja_qa").err()).contains("two or more of");
  }
}
