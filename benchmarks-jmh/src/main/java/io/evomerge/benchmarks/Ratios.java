package io.evomerge.benchmarks;

import java.io.PrintStream;
import java.util.Collection;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.results.RunResult;

/** Relates the results of one run to each other: a ratio means more than milliseconds. */
final class Ratios {

  /** Merge and hand-over may take this part of an evaluation. */
  private static final double LARGEST_MERGE_SHARE = 0.10;

  /** A path may take this many times as long as an ordinary model of as many layers. */
  private static final double LARGEST_PATH_RATIO = 1.25;

  private final Map<String, Double> scores = new TreeMap<>();
  private final Set<String> methods = new TreeSet<>();
  private final PrintStream out;
  private boolean asWanted = true;

  private Ratios(PrintStream out) {
    this.out = out;
  }

  /**
   * Prints what can be related.
   *
   * @return whether every ratio is as this project promises
   */
  static boolean print(Collection<RunResult> results, PrintStream out) {
    Ratios ratios = new Ratios(out);
    for (RunResult result : results) {
      String[] parts = result.getParams().getBenchmark().split("\\.");
      String operator = result.getParams().getParam("operator");
      String method = result.getParams().getParam("method");
      if (method != null) {
        operator = method + " " + result.getParams().getParam("semantics");
        ratios.methods.add(operator);
      }
      String work = result.getParams().getParam("work");
      String hops = result.getParams().getParam("hops");
      if (work != null) {
        operator = work;
      } else if (hops != null) {
        operator = hops + " " + result.getParams().getParam("generation");
      }
      String name = parts[parts.length - 2] + "." + parts[parts.length - 1];
      String key = operator == null ? name : name + " " + operator;
      ratios.scores.put(key, result.getPrimaryResult().getScore());
      result
          .getSecondaryResults()
          .forEach((counter, value) -> ratios.scores.put(key + " " + counter, value.getScore()));
    }
    out.println();
    ratios.candidates();
    ratios.throughput();
    ratios.paths();
    return ratios.asWanted;
  }

  private void candidates() {
    for (String operator : new String[] {"ties", "dare_ties"}) {
      Double merge = scores.get("CandidateBenchmark.mergeAndHandOver " + operator);
      Double evaluate = scores.get("CandidateBenchmark.evaluate " + operator);
      if (merge != null && evaluate != null) {
        double share = merge / evaluate;
        boolean good = share < LARGEST_MERGE_SHARE;
        asWanted &= good;
        print(
            "%s: merge and hand-over %.1f ms, evaluation %.0f ms, ratio %.3f: %s %.2f",
            operator, merge, evaluate, share, good ? "below" : "NOT BELOW", LARGEST_MERGE_SHARE);
      }
      Double uncached = scores.get("CandidateBenchmark.mergeWithoutCache " + operator);
      if (merge != null && uncached != null) {
        print("%s: without a cache the merge takes %.1f times as long", operator, uncached / merge);
      }
      Double one = scores.get("CandidateBenchmark.oneWorker " + operator);
      Double two = scores.get("CandidateBenchmark.twoWorkers " + operator);
      if (one != null && two != null) {
        print(
            "%s: %.2f evaluations per second with one worker, %.2f with two: %.2f times",
            operator, one, two, two / one);
      }
    }
  }

  private void paths() {
    for (DataFlowBenchmark.Work work : DataFlowBenchmark.Work.values()) {
      for (String kind :
          new String[] {
            "sameModel",
            "samePath",
            "randomPath",
            "randomLength",
            "sessionPerCandidate",
            "packedPerCandidate"
          }) {
        String key = "DataFlowBenchmark." + kind + " " + work;
        Double path = perTime(key, "measured");
        Double ordinary = perTime(key, "reference");
        if (path != null && ordinary != null) {
          String verdict = "";
          if (kind.equals("randomPath") && work != DataFlowBenchmark.Work.ONE_TOKEN) {
            boolean good = path / ordinary <= LARGEST_PATH_RATIO;
            asWanted &= good;
            verdict = good ? ": as wanted" : ": TOO MUCH";
          }
          print(
              "%-9s %-19s %6.1f ms of processor time, the ordinary model %.1f ms, ratio %.3f%s",
              work, kind, path, ordinary, path / ordinary, verdict);
        }
      }
    }
    for (String hops : new String[] {"12", "36", "65"}) {
      for (String generation : new String[] {"false", "true"}) {
        String key = "PathSessionBenchmark.firstAnswer " + hops + " " + generation;
        Double first = perTime(key, "measured");
        Double later = perTime(key, "reference");
        if (first != null && later != null) {
          print(
              "a session for %s hops%s takes %.1f ms of processor time",
              hops, generation.equals("true") ? " and generation" : "", first - later);
        }
      }
    }
  }

  private @Nullable Double perTime(String key, String counter) {
    Double sum = scores.get(key + " " + counter);
    Double times = scores.get(key + " times");
    return sum == null || times == null ? null : sum / times;
  }

  private void throughput() {
    String prefix = "MergeThroughputBenchmark.";
    Double copy = scores.get(prefix + "copyModel");
    for (String method : methods) {
      int inputs = MergeThroughputBenchmark.inputs(method.substring(0, method.indexOf(' ')));
      for (String kind : new String[] {"merge", "mergeAgain"}) {
        Double merge = scores.get(prefix + kind + " " + method);
        if (copy != null && merge != null) {
          print(
              "%-24s %-10s %.3f of the speed of a copy of the %d models it reads (%.0f ms, %.0f ms)",
              method, kind, inputs * copy / merge, inputs, merge, inputs * copy);
        }
      }
      Double merge = scores.get(prefix + "mergeFiles " + method);
      Double move = scores.get(prefix + "readAndWriteFiles " + method);
      if (merge != null && move != null) {
        print(
            "%-24s %-10s %.3f of the speed of reading and writing alone (%.0f ms, %.0f ms)",
            method, "mergeFiles", move / merge, merge, move);
      }
    }
  }

  private void print(String format, Object... values) {
    out.printf(Locale.ROOT, format + "%n", values);
  }
}
