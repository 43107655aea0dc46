package io.evomerge;

import io.evomerge.genome.DataFlowSpace;
import io.evomerge.genome.JointSpace;
import io.evomerge.genome.ParameterSpace;
import java.util.Map;

/** What evolution changes: weights, the path of a token, or both. */
sealed interface SpaceChoice {

  /** Returns everything that fixes the space, by name. */
  Map<String, String> settings();

  /** How weights mix. */
  record Weights(ParameterSpace space) implements SpaceChoice {
    @Override
    public Map<String, String> settings() {
      return space.settings();
    }
  }

  /** Which layers a token passes. */
  record Path(DataFlowSpace space) implements SpaceChoice {
    @Override
    public Map<String, String> settings() {
      return space.settings();
    }
  }

  /** Both at once. */
  record Joint(JointSpace space) implements SpaceChoice {
    @Override
    public Map<String, String> settings() {
      return space.settings();
    }
  }
}
