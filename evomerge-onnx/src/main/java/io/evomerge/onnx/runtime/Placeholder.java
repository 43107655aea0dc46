package io.evomerge.onnx.runtime;

import io.evomerge.onnx.graph.Graph;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The empty file to which weights point that are handed over in memory.
 *
 * <p>ONNX Runtime looks that it exists while it makes a session, and never after.
 *
 * @param folder that holds it
 */
record Placeholder(Path folder) implements AutoCloseable {

  Placeholder() throws IOException {
    this(Files.createTempDirectory("evomerge"));
    Files.createFile(file());
  }

  private Path file() {
    return folder.resolve(Graph.PLACEHOLDER);
  }

  @Override
  public void close() throws IOException {
    Files.deleteIfExists(file());
    Files.deleteIfExists(folder);
  }
}
