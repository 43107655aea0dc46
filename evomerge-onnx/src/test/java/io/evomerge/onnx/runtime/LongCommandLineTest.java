package io.evomerge.onnx.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** ONNX Runtime 1.29.0 crashes on an ordinary stack where the command line is long. */
class LongCommandLineTest {

  /** The program of the other process. */
  static final class Program {
    public static void main(String[] args) {
      try (OnnxBackend backend = OnnxBackend.cpu()) {
        System.out.println(backend.description());
      }
    }
  }

  @Test
  void theBackendStartsWhereTheCommandLineIsLong() throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Dpadding=" + "x".repeat(20_000),
                "-cp",
                System.getProperty("java.class.path"),
                Program.class.getName())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as("exit code; output: %s", output).isZero();
    assertThat(output).contains("ONNX Runtime").contains("CPU");
  }
}
