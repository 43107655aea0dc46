package io.evomerge.examples;

import static io.evomerge.examples.Ran.run;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The search for two objectives, on the real models of the zoo. */
class FrontProgramTest {

  @TempDir Path root;

  @Test
  void aFrontIsSearchedMeasuredAndDrawnAndGoesOn() throws IOException {
    Path out = root.resolve("front");
    Object[] args = {
      "front",
      "--items",
      6,
      "--evaluations",
      10,
      "--population",
      4,
      "--parallelism",
      2,
      "--out",
      out
    };
    Ran ran = run(args);
    assertThat(ran.err()).isEmpty();
    assertThat(ran.code()).isZero();
    assertThat(ran.out())
        .contains("10 trials by sms-emoa{mostOpen=16, populationSize=4}")
        .contains("math-en-2")
        .contains("every source on both tasks on 'test'")
        .contains("Knee of the front on 'valid': trial ");
    assertThat(Files.readAllLines(out.resolve("front.csv")).get(0))
        .isEqualTo("origin,ja-math,ja-qa,search ja-math,search ja-qa,violation,recipe");
    for (String picture : new String[] {"front.svg", "front-valid.svg"}) {
      assertThat(Files.readString(out.resolve(picture))).contains("ja-math \u2192", "ja-qa \u2192");
    }
    assertThat(run(args).out()).isEqualTo(ran.out());
  }

  @Test
  void theFrontMayBeChosenByProbabilities() {
    Ran ran =
        run(
            "front",
            "--second",
            "EN_MATH",
            "--sources",
            "math-en-2,ja",
            "--measure",
            "PROBABILITY",
            "--items",
            6,
            "--evaluations",
            4,
            "--population",
            4);
    assertThat(ran.err()).isEmpty();
    assertThat(ran.out())
        .contains("mean probability of the right answers on other items chooses")
        .containsPattern("math-en-2 +0\\.\\d*[1-9]");
  }

  @Test
  void aPopulationThatIsTooSmallIsRefused() {
    Ran ran = run("front", "--population", 3);
    assertThat(ran.code()).isEqualTo(2);
    assertThat(ran.err()).startsWith("--population: got 3, wanted at least 4");
  }
}
