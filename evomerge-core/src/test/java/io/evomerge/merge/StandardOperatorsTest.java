package io.evomerge.merge;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class StandardOperatorsTest {

  @Test
  void theyAreFoundByTheirNames() {
    assertThat(MergeOperators.standard().keySet())
        .containsExactly(
            "linear",
            "slerp",
            "task_arithmetic",
            "ties",
            "dare_linear",
            "dare_ties",
            "iso_c",
            "iso_cts",
            "tsv_m",
            "passthrough");
    assertThat(MergeOperators.standard())
        .allSatisfy((name, operator) -> assertThat(operator.name()).isEqualTo(name));
  }

  @Nested
  class Linear extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.linear();
    }
  }

  @Nested
  class SlerpOfTwoSources extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.slerp();
    }
  }

  @Nested
  class SlerpFromTheBase extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.slerp();
    }

    @Override
    protected int sources() {
      return 1;
    }
  }

  @Nested
  class TaskArithmetic extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.taskArithmetic();
    }
  }

  @Nested
  class Ties extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.ties();
    }
  }

  @Nested
  class DareLinear extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.dareLinear();
    }
  }

  @Nested
  class DareTies extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.dareTies();
    }
  }

  @Nested
  class IsoC extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.isoC();
    }
  }

  @Nested
  class IsoCts extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.isoCts();
    }
  }

  @Nested
  class TsvM extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.tsvM();
    }
  }

  @Nested
  class Passthrough extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.passthrough();
    }
  }
}
