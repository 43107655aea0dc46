package io.evomerge.candidate;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.checkpoint.AddedToken;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.TestCheckpoints;
import io.evomerge.checkpoint.TestTokenizers;
import io.evomerge.tensor.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Opens models of a few weights with tokenizers of their own. */
final class TokenModels implements AutoCloseable {

  static final String EMBEDDINGS = "model.embed_tokens.weight";
  static final String HEAD = "lm_head.weight";
  static final String BIAS = "lm_head.bias";

  private final Path root;
  private final List<Checkpoint> opened = new ArrayList<>();

  TokenModels(Path root) {
    this.root = root;
  }

  /** What a model is made of; each method changes it and returns it. */
  final class Model {
    private final String name;
    private final ObjectNode tokenizer;
    private int rows;
    private int width = 4;
    private DType dtype = DType.F32;
    private boolean bias;
    private final ObjectNode config = TestCheckpoints.llamaConfig(1, 4);
    private final Map<String, String> files = new TreeMap<>();

    private Model(String name, ObjectNode tokenizer, int rows) {
      this.name = name;
      this.tokenizer = tokenizer;
      this.rows = rows;
    }

    Model rows(int count) {
      rows = count;
      return this;
    }

    Model width(int count) {
      width = count;
      return this;
    }

    Model dtype(DType type) {
      dtype = type;
      return this;
    }

    Model bias() {
      bias = true;
      return this;
    }

    Model config(String key, int value) {
      config.put(key, value);
      return this;
    }

    Model file(String file, String text) {
      files.put(file, text);
      return this;
    }

    Path write() {
      Path folder = root.resolve(name);
      Map<String, List<Long>> shapes =
          new TreeMap<>(TestCheckpoints.llamaShapes(1, width, 2 * width, rows));
      if (bias) {
        shapes.put(BIAS, List.of((long) rows));
      }
      config.put("vocab_size", rows);
      TestCheckpoints.write(
          folder, TestCheckpoints.random(shapes, name.hashCode()), shapes, dtype, config);
      if (!tokenizer.isEmpty()) {
        TestTokenizers.put(folder, "tokenizer.json", tokenizer.toPrettyString());
      }
      files.forEach((file, text) -> TestTokenizers.put(folder, file, text));
      return folder;
    }

    Checkpoint open() {
      try {
        Checkpoint model = Checkpoints.open(write());
        opened.add(model);
        return model;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /** A model with a row per token. */
  Model bpe(String name, List<String> tokens, AddedToken... added) {
    return of(name, TestTokenizers.bpe(tokens, List.of(), added), tokens.size() + added.length);
  }

  Model of(String name, ObjectNode tokenizer, int rows) {
    return new Model(name, tokenizer, rows);
  }

  static AddedToken special(int id, String content) {
    return TestTokenizers.special(id, content);
  }

  @Override
  public void close() {
    opened.forEach(Checkpoint::close);
  }
}
