package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class LimitedMemoryCmaEsTest extends CmaEsFormContract {

  @Override
  CmaEs cmaEs() {
    return Optimizers.cmaEs().covariance(CmaEs.Covariance.LIMITED_MEMORY);
  }

  @Override
  protected OptionalDouble promisedCost() {
    return OptionalDouble.of(1e-6);
  }

  /** It is made for many genes; with few, tiny populations make its paths jump. */
  @Test
  void aValleyAtAnAngleTakesHalfOfWhatTheSeparableFormTakes() {
    int max = 60_000;
    CmaEs separable = Optimizers.cmaEs().covariance(CmaEs.Covariance.SEPARABLE);
    int ours = median(cmaEs(), box(30, 50), CmaEsFormContract::slantedValley, 1e-4, max);
    int theirs = median(separable, box(30, 50), CmaEsFormContract::slantedValley, 1e-4, max);
    assertThat(ours).isLessThan(theirs / 2);
  }

  @Test
  void genesOfUnequalInfluenceAreLearned() {
    assertThat(median(cmaEs(), box(30, 5), CmaEsFormContract::ellipsoid, 1e-8, 60_000))
        .isLessThan(25_000);
  }
}
