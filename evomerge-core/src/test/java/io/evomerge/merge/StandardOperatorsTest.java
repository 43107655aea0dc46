package io.evomerge.merge;

import static org.assertj.core.api.Assertions.assertThat;

import io.evomerge.genome.ParameterValues;
import io.evomerge.tensor.TensorSink;
import io.evomerge.tensor.TensorView;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class StandardOperatorsTest {

  @Test
  void theyAreFoundByTheirNames() {
    assertThat(MergeOperators.standard().keySet())
        .containsExactly(
            "linear",
            "slerp",
            "nuslerp",
            "multislerp",
            "karcher",
            "task_arithmetic",
            "ties",
            "ties_global",
            "dare_linear",
            "dare_ties",
            "della",
            "della_linear",
            "breadcrumbs",
            "breadcrumbs_ties",
            "model_stock",
            "nearswap",
            "arcee_fusion",
            "sce",
            "ram",
            "ramplus_tl",
            "iso_c",
            "iso_cts",
            "tsv_m",
            "regmean",
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
  class Nuslerp extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.nuslerp();
    }
  }

  @Nested
  class NuslerpOfRows extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.nuslerp();
    }

    @Override
    protected ParameterValues parameters() {
      return with(super.parameters(), Map.of("nuslerp_flatten", 0.0));
    }
  }

  @Nested
  class NuslerpOfColumns extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.nuslerp();
    }

    @Override
    protected ParameterValues parameters() {
      return with(super.parameters(), Map.of("nuslerp_flatten", 0.0, "nuslerp_row_wise", 1.0));
    }
  }

  @Nested
  class Multislerp extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.multislerp();
    }
  }

  @Nested
  class Karcher extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.karcher();
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
  class TiesGlobal extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.tiesGlobal();
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
  class ModelStock extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.modelStock();
    }
  }

  @Nested
  class ModelStockOfRows extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.modelStock();
    }

    @Override
    protected ParameterValues parameters() {
      return with(super.parameters(), Map.of("filter_wise", 1.0));
    }
  }

  @Nested
  class Nearswap extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return MergeOperators.nearswap();
    }
  }

  @Nested
  class RegMean extends MergeOperatorContract {
    @Override
    protected MergeOperator operator() {
      return new WithStatistics(MergeOperators.regmean());
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

  private static ParameterValues with(ParameterValues values, Map<String, Double> others) {
    Map<String, double[]> changed = new HashMap<>(values.asMap());
    others.forEach((name, value) -> changed.put(name, new double[] {value}));
    return ParameterValues.of(changed);
  }

  /** An operator that gets statistics for every matrix. */
  private static final class WithStatistics extends ForwardingOperator {

    WithStatistics(MergeOperator operator) {
      super(operator);
    }

    @Override
    public void merge(TensorMerge task, TensorSink sink) {
      List<Long> shape = task.info().shape();
      super.merge(
          new ForwardingTask(task) {
            @Override
            public Optional<TensorView> statistics(int source) {
              return shape.size() == 2
                  ? Optional.of(RegMeanTest.gram(source, (int) (long) shape.get(1), 60))
                  : Optional.empty();
            }
          },
          sink);
    }
  }
}
