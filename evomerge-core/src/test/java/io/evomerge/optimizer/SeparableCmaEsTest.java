package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class SeparableCmaEsTest extends CmaEsFormContract {

  @Override
  CmaEs cmaEs() {
    return Optimizers.cmaEs().covariance(CmaEs.Covariance.SEPARABLE);
  }

  @Override
  protected OptionalDouble promisedCost() {
    return OptionalDouble.of(1e-10);
  }

  @Test
  void separableFunctionsTakeLessThanHalfOfWhatTheFullFormTakes() {
    assertThat(median(cmaEs(), box(10, 5), CmaEsFormContract::sphere, 1e-8, 9999)).isLessThan(1200);
    assertThat(median(cmaEs(), box(10, 5), CmaEsFormContract::ellipsoid, 1e-8, 9999))
        .isLessThan(2000);
    assertThat(median(cmaEs(), box(40, 5), CmaEsFormContract::ellipsoid, 1e-8, 99_999))
        .isLessThan(9000);
  }

  @Test
  void theActiveUpdateSavesTrials() {
    int active = median(cmaEs(), box(20, 5), CmaEsFormContract::ellipsoid, 1e-8, 50_000);
    int passive =
        median(cmaEs().active(false), box(20, 5), CmaEsFormContract::ellipsoid, 1e-8, 50_000);
    assertThat(active).isLessThan((int) (0.95 * passive));
  }

  @Test
  void aHundredGenesOfUnequalInfluenceAreLearned() {
    int max = 40_000;
    assertThat(trials(cmaEs(), box(100, 5), CmaEsFormContract::twoKinds, 1e-4, max, 1))
        .isLessThan(max);
  }
}
