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
            "della",
            "della_linear",
            "breadcrumbs",
            "breadcrumbs_ties",
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
  class Della extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.della();
    }
  }

  @Nested
  class DellaLinear extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.dellaLinear();
    }
  }

  @Nested
  class Breadcrumbs extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.breadcrumbs();
    }
  }

  @Nested
  class BreadcrumbsTies extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.breadcrumbsTies();
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
