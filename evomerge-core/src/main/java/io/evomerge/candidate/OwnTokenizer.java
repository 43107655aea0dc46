package io.evomerge.candidate;

import io.evomerge.checkpoint.CompanionFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A temporary folder with a tokenizer that no model has as it is; safe for concurrent use. */
final class OwnTokenizer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(OwnTokenizer.class);

  private @Nullable Path folder;

  /** Returns the folder, made and filled the first time. */
  synchronized Path folder(Supplier<List<CompanionFile>> files) {
    Path known = folder;
    if (known != null) {
      return known;
    }
    try {
      Path made = Files.createTempDirectory("evomerge-tokenizer");
      folder = made;
      for (CompanionFile file : files.get()) {
        file.writeTo(made);
      }
      return made;
    } catch (IOException e) {
      close();
      throw new UncheckedIOException("cannot write the merged tokenizer: " + e.getMessage(), e);
    }
  }

  /** Removes the folder; idempotent. */
  @Override
  public synchronized void close() {
    Path made = folder;
    folder = null;
    if (made == null) {
      return;
    }
    try (Stream<Path> files = Files.walk(made)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      LOG.warn("cannot remove {}", made, e);
    }
  }
}
