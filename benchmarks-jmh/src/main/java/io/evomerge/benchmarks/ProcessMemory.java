package io.evomerge.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * What Linux says about this process's memory, in MiB.
 *
 * @param resident all pages in RAM
 * @param anonymous those that belong to the process: heap, native memory, stacks
 * @param file those of mapped files; clean ones are the page cache's and can go at any time
 * @param peak the largest {@code resident} since the process began
 */
record ProcessMemory(long resident, long anonymous, long file, long peak) {

  static ProcessMemory now() throws IOException {
    Map<String, Long> kilobytes = new HashMap<>();
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      String[] parts = line.split("\\s+");
      if (parts.length == 3 && parts[2].equals("kB")) {
        kilobytes.put(parts[0], Long.parseLong(parts[1]));
      }
    }
    return new ProcessMemory(
        kilobytes.get("VmRSS:") >> 10,
        kilobytes.get("RssAnon:") >> 10,
        kilobytes.get("RssFile:") >> 10,
        kilobytes.get("VmHWM:") >> 10);
  }

  /** Returns the larger of each. */
  ProcessMemory max(ProcessMemory other) {
    return new ProcessMemory(
        Math.max(resident, other.resident),
        Math.max(anonymous, other.anonymous),
        Math.max(file, other.file),
        Math.max(peak, other.peak));
  }

  /** Returns MiB of heap in use, garbage included. */
  static long usedHeap() {
    Runtime runtime = Runtime.getRuntime();
    return (runtime.totalMemory() - runtime.freeMemory()) >> 20;
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "VmRSS %d MiB (RssAnon %d, RssFile %d), VmHWM %d MiB",
        resident,
        anonymous,
        file,
        peak);
  }
}
