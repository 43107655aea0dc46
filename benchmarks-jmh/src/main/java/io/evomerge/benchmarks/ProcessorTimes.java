package io.evomerge.benchmarks;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.function.DoubleSupplier;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * Processor time of two things that are done in turn, so that their ratio holds on a busy machine;
 * they must stay in their thread.
 */
@AuxCounters(AuxCounters.Type.EVENTS)
@State(Scope.Thread)
public class ProcessorTimes {

  /** Milliseconds of what is measured, of all invocations. */
  public double measured;

  /** Milliseconds of what it is compared with. */
  public double reference;

  /** How often. */
  public long times;

  private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();

  /** Begins anew. */
  @Setup(Level.Iteration)
  public void reset() {
    measured = 0;
    reference = 0;
    times = 0;
  }

  double alternate(DoubleSupplier compared, DoubleSupplier wanted) {
    long start = threads.getCurrentThreadCpuTime();
    double other = compared.getAsDouble();
    long middle = threads.getCurrentThreadCpuTime();
    double result = wanted.getAsDouble();
    long end = threads.getCurrentThreadCpuTime();
    reference += (middle - start) / 1e6;
    measured += (end - middle) / 1e6;
    times++;
    return result + other;
  }
}
