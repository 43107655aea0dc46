package io.evomerge.allocation;

import io.evomerge.genome.Genome;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Candidates that are compared with each other, and what is known of them. */
final class Cohort {

  /** What a race has come to for a member. */
  enum Verdict {
    OPEN,
    ACCEPTED,
    REJECTED
  }

  /** A candidate. Gains are item scores, higher being better; NaN where not scored. */
  static final class Member {
    final long innerId;
    final Genome genome;
    final double[] gains;
    long trial = -1;
    int known;
    boolean failed;
    @Nullable String infeasible;
    Verdict verdict = Verdict.OPEN;

    Member(long innerId, Genome genome, int itemCount) {
      this.innerId = innerId;
      this.genome = genome;
      gains = new double[itemCount];
      Arrays.fill(gains, Double.NaN);
    }

    boolean out() {
      return failed || infeasible != null;
    }

    boolean knows(int item) {
      return !Double.isNaN(gains[item]);
    }

    void learn(int item, double gain) {
      if (!knows(item)) {
        known++;
      }
      gains[item] = gain;
    }
  }

  final long number;
  final List<Member> members;
  final boolean calibrating;

  Cohort(long number, List<Member> members, boolean calibrating) {
    this.number = number;
    this.members = List.copyOf(members);
    this.calibrating = calibrating;
  }

  /** Returns the members that can still be scored. */
  List<Member> sound() {
    return members.stream().filter(member -> !member.out()).toList();
  }

  /** Returns the sound members that know most items: all that the cohort was scored on. */
  List<Member> foremost() {
    int most = sound().stream().mapToInt(member -> member.known).max().orElse(0);
    return sound().stream().filter(member -> member.known == most && most > 0).toList();
  }

  /** Returns the items that nobody has been scored on, ascending. */
  int[] unused(int itemCount) {
    List<Integer> unused = new ArrayList<>();
    for (int item = 0; item < itemCount; item++) {
      int at = item;
      if (members.stream().noneMatch(member -> member.knows(at))) {
        unused.add(item);
      }
    }
    return unused.stream().mapToInt(Integer::intValue).toArray();
  }
}
