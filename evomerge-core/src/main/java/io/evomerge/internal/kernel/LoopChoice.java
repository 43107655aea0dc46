package io.evomerge.internal.kernel;

import java.nio.ByteOrder;
import java.util.Locale;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Chooses the fastest loops that this process can run. */
final class LoopChoice {

  /** Set to {@code false}, plain Java is used. */
  static final String SWITCH = "evomerge.simd";

  private static final Logger LOG = LoggerFactory.getLogger(LoopChoice.class);
  private static final String MODULE = "jdk.incubator.vector";
  private static final String VECTOR_LOOPS = "io.evomerge.internal.kernel.VectorLoops";

  /** Narrower vectors gain too little over what compilers make of plain loops. */
  private static final int SMALLEST_BITS = 256;

  private LoopChoice() {}

  /** Returns the loops for this process, and logs once what they are. */
  static Loops choose() {
    if ("false".equals(System.getProperty(SWITCH, "true").toLowerCase(Locale.ROOT))) {
      LOG.info("merge kernels: plain Java, since -D{}=false", SWITCH);
      return new ScalarLoops();
    }
    return vector().orElseGet(ScalarLoops::new);
  }

  /** Returns the loops on vectors, if they can be used here; logs why not. */
  static Optional<Loops> vector() {
    Optional<Module> module = ModuleLayer.boot().findModule(MODULE);
    if (module.isEmpty()) {
      LOG.info(
          "merge kernels: plain Java; on x86 they are a few times as fast with vector instructions:"
              + " start Java with --add-modules {}",
          MODULE);
      return Optional.empty();
    }
    if (System.getProperty("java.vm.info", "").contains("interpreted mode")) {
      LOG.info("merge kernels: plain Java, since there is no compiler for vectors (-Xint)");
      return Optional.empty();
    }
    if (ByteOrder.nativeOrder() != ByteOrder.LITTLE_ENDIAN) {
      LOG.info("merge kernels: plain Java, since this machine is big-endian");
      return Optional.empty();
    }
    LoopChoice.class.getModule().addReads(module.get());
    try {
      Class<?> type = Class.forName(VECTOR_LOOPS);
      int bits = (int) type.getDeclaredMethod("bits").invoke(null);
      if (bits < SMALLEST_BITS) {
        LOG.info("merge kernels: plain Java, since vectors have but {} bits here", bits);
        return Optional.empty();
      }
      LOG.info("merge kernels: vectors of {} bits", bits);
      Loops loops = (Loops) type.getDeclaredConstructor().newInstance();
      return Optional.of(new OutOfLineLoops(loops));
    } catch (ReflectiveOperationException | LinkageError e) {
      LOG.warn("merge kernels: plain Java, since the module {} cannot be used", MODULE, e);
      return Optional.empty();
    }
  }
}
