package io.evomerge.benchmarks;

import io.evomerge.optimizer.CmaEs;
import io.evomerge.optimizer.OptimizerFactory;
import io.evomerge.optimizer.Optimizers;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;

/** The optimisers for one objective, by the names that programs and their tables use. */
final class NamedOptimizers {

  private static final Map<String, OptimizerFactory> ALL = new LinkedHashMap<>();

  static {
    ALL.put("cma-es", Optimizers.cmaEs());
    ALL.put("cma-es-ipop", Optimizers.cmaEs().restarts(CmaEs.Restarts.IPOP));
    ALL.put("cma-es-bipop", Optimizers.cmaEs().restarts(CmaEs.Restarts.BIPOP));
    ALL.put("commons-math-cma-es", Optimizers.commonsMathCmaEs());
    ALL.put("random", Optimizers.randomSearch());
  }

  private NamedOptimizers() {}

  static Collection<String> names() {
    return ALL.keySet();
  }

  static OptimizerFactory named(String name) {
    OptimizerFactory found = ALL.get(name);
    if (found == null) {
      throw new IllegalArgumentException("unknown optimiser " + name + "; there are " + names());
    }
    return found;
  }
}
