package io.evomerge.result;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Where a result came from: enough to make it again.
 *
 * @param settings everything that fixes the search: sources with their digests, operator, search
 *     space, optimiser, objectives, seed
 * @param environment what it ran on: versions of library and JDK, operating system, processor
 *     architecture, runtime of the candidates
 */
public record Provenance(Map<String, String> settings, Map<String, String> environment) {

  /** Copies, keeping the order. */
  public Provenance {
    settings = Collections.unmodifiableMap(new LinkedHashMap<>(settings));
    environment = Collections.unmodifiableMap(new LinkedHashMap<>(environment));
  }
}
