package io.evomerge.checkpoint;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** A file that a model folder has beside its weights: one that is copied, or a new text. */
public sealed interface CompanionFile {

  /** Returns the name in the folder. */
  String name();

  /**
   * Writes it into a folder that is there, replacing a file of its name.
   *
   * @param folder where to
   * @throws IOException if it cannot be read or written
   */
  void writeTo(Path folder) throws IOException;

  /**
   * Writes it beside the weights of a checkpoint.
   *
   * @param writer of the checkpoint
   * @throws IOException if it cannot be read or written
   */
  void writeTo(CheckpointWriter writer) throws IOException;

  /**
   * A file that is copied as it is.
   *
   * @param file which
   */
  record Copy(Path file) implements CompanionFile {

    @Override
    public String name() {
      return file.getFileName().toString();
    }

    @Override
    public void writeTo(Path folder) throws IOException {
      Files.write(folder.resolve(name()), Files.readAllBytes(file));
    }

    @Override
    public void writeTo(CheckpointWriter writer) throws IOException {
      writer.copy(file);
    }
  }

  /**
   * A file with another text than any source has.
   *
   * @param name in the folder
   * @param text written in UTF-8
   */
  record Text(String name, String text) implements CompanionFile {

    @Override
    public void writeTo(Path folder) throws IOException {
      Files.writeString(folder.resolve(name), text);
    }

    @Override
    public void writeTo(CheckpointWriter writer) throws IOException {
      writer.write(name, text.getBytes(StandardCharsets.UTF_8));
    }
  }
}
