package io.evomerge;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointFormat;
import io.evomerge.checkpoint.Checkpoints;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Opens the model folder that a {@code .tracked} file names, and counts what is open of each file:
 * a leak tripwire for whoever opens checkpoints by path.
 */
public final class TrackedFormat implements CheckpointFormat {

  // Services are made by their loader, so that what they count can only be here.
  private static final ConcurrentHashMap<Path, AtomicInteger> OPEN = new ConcurrentHashMap<>();

  /** For the loader of services. */
  public TrackedFormat() {}

  /** Writes a file that leads to a model folder beside it. */
  static Path leadingTo(Path model) throws IOException {
    Path file = model.resolveSibling(model.getFileName() + ".tracked");
    return Files.writeString(file, model.getFileName().toString());
  }

  /** Returns how many checkpoints of a file are open. */
  static int open(Path file) {
    return OPEN.getOrDefault(file, new AtomicInteger()).get();
  }

  @Override
  public String name() {
    return "tracked folders";
  }

  @Override
  public boolean accepts(Path location) {
    return location.toString().endsWith(".tracked");
  }

  @Override
  public Checkpoint open(Path location, String name) throws IOException {
    Checkpoint real = Checkpoints.open(location.resolveSibling(Files.readString(location)), name);
    AtomicInteger open = OPEN.computeIfAbsent(location, path -> new AtomicInteger());
    open.incrementAndGet();
    AtomicBoolean closed = new AtomicBoolean();
    return (Checkpoint)
        Proxy.newProxyInstance(
            Checkpoint.class.getClassLoader(),
            new Class<?>[] {Checkpoint.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("close") && closed.compareAndSet(false, true)) {
                open.decrementAndGet();
              }
              try {
                return method.invoke(real, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }
}
