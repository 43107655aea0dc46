package io.evomerge.examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** A folder for files without folders; it is gone when it is closed. */
final class TemporaryFolder implements AutoCloseable {

  private final Path folder;

  TemporaryFolder(String prefix) throws IOException {
    folder = Files.createTempDirectory(prefix);
  }

  Path file(String name) {
    return folder.resolve(name);
  }

  @Override
  public void close() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Files.delete(file);
      }
    }
    Files.delete(folder);
  }
}
