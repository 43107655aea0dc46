package io.evomerge.merge;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Golden cases and their tensors, as the README beside them describes. */
record GoldenVectors(
    List<JsonNode> cases, Map<String, TensorView> inputs, Map<String, TensorView> outputs) {

  static GoldenVectors read(Path folder) throws IOException {
    JsonNode json = new ObjectMapper().readTree(folder.resolve("cases.json").toFile());
    List<JsonNode> cases = new ArrayList<>();
    json.get("cases").forEach(cases::add);
    return new GoldenVectors(
        cases,
        tensors(folder.resolve("inputs.safetensors")),
        tensors(folder.resolve("outputs.safetensors")));
  }

  TensorView input(String key) {
    return find(inputs, key);
  }

  TensorView output(String key) {
    return find(outputs, key);
  }

  private static TensorView find(Map<String, TensorView> tensors, String key) {
    TensorView view = tensors.get(key);
    if (view == null) {
      throw new IllegalStateException("the golden files hold no tensor " + key);
    }
    return view;
  }

  private static Map<String, TensorView> tensors(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    int length = (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    JsonNode header =
        new ObjectMapper().readTree(new String(bytes, 8, length, StandardCharsets.UTF_8));
    Map<String, TensorView> tensors = new HashMap<>();
    header
        .properties()
        .forEach(
            entry -> {
              JsonNode value = entry.getValue();
              if (entry.getKey().equals("__metadata__")) {
                return;
              }
              List<Long> shape = new ArrayList<>();
              value.get("shape").forEach(dimension -> shape.add(dimension.asLong()));
              DType dtype = DType.byName(value.get("dtype").asText()).orElseThrow();
              int start = 8 + length + value.get("data_offsets").get(0).asInt();
              int end = 8 + length + value.get("data_offsets").get(1).asInt();
              tensors.put(
                  entry.getKey(),
                  Arrays32.raw(
                      new TensorInfo(entry.getKey(), dtype, shape),
                      Arrays.copyOfRange(bytes, start, end)));
            });
    return tensors;
  }
}
