package io.evomerge.optimizer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.hash.Hashing;
import io.evomerge.fitness.Direction;
import io.evomerge.genome.Gene;
import io.evomerge.genome.SearchSpace;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/**
 * JSON text of an optimiser's state: a head that says what it is of (strategy, format version,
 * settings, hash of the genes, directions, seed), then the strategy's own fields. Numbers are
 * exact; matrices are little-endian doubles in Base64.
 */
final class Snapshot {

  private static final ObjectMapper JSON = new ObjectMapper();

  private Snapshot() {}

  static ObjectNode begin(
      OptimizerFactory factory,
      int version,
      SearchSpace space,
      List<Direction> directions,
      long seed) {
    return head(factory, version, space, directions).put("seed", seed);
  }

  private static ObjectNode head(
      OptimizerFactory factory, int version, SearchSpace space, List<Direction> directions) {
    ObjectNode node = JSON.createObjectNode();
    node.put("optimizer", factory.name()).put("version", version);
    ObjectNode settings = node.putObject("settings");
    factory.settings().entrySet().stream()
        .sorted(Map.Entry.comparingByKey())
        .forEach(setting -> settings.put(setting.getKey(), setting.getValue()));
    StringBuilder genes = new StringBuilder();
    for (Gene gene : space.genes()) {
      genes.append(gene).append('\n');
    }
    node.put("genes", Hashing.sha256().hashString(genes, StandardCharsets.UTF_8).toString());
    ArrayNode wanted = node.putArray("directions");
    directions.forEach(direction -> wanted.add(direction.name()));
    return node;
  }

  /**
   * Parses a snapshot and compares its head.
   *
   * @throws IllegalArgumentException if it is no snapshot or of something else, naming what differs
   */
  static Reader open(
      String text,
      OptimizerFactory factory,
      int version,
      SearchSpace space,
      List<Direction> directions) {
    JsonNode node;
    try {
      node = JSON.readTree(text);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          "snapshot of " + factory.name() + " is not valid JSON: " + e.getOriginalMessage(), e);
    }
    ObjectNode wanted = head(factory, version, space, directions);
    for (Map.Entry<String, JsonNode> field : wanted.properties()) {
      JsonNode got = node.get(field.getKey());
      if (!field.getValue().equals(got)) {
        throw new IllegalArgumentException(
            "snapshot does not belong to this search: its "
                + field.getKey()
                + " is "
                + got
                + ", here it is "
                + field.getValue()
                + "; restore with the factory, space and directions it was made with");
      }
    }
    return new Reader(node);
  }

  static void putNumbers(ObjectNode node, String name, double[] values) {
    ArrayNode array = node.putArray(name);
    for (double value : values) {
      array.add(value);
    }
  }

  /** Writes a cost, where NaN stands for a trial without a score. */
  static void putCost(ObjectNode node, double cost) {
    if (Double.isNaN(cost)) {
      node.putNull("cost");
    } else {
      node.put("cost", cost);
    }
  }

  static void putBinary(ObjectNode node, String name, double[] values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(Math.multiplyExact(8, values.length)).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asDoubleBuffer().put(values);
    node.put(name, Base64.getEncoder().encodeToString(bytes.array()));
  }

  /** Typed access to the fields; what is missing or malformed is an IllegalArgumentException. */
  static final class Reader {

    private final JsonNode node;

    private Reader(JsonNode node) {
      this.node = node;
    }

    private JsonNode field(String name, boolean wellFormed) {
      if (!wellFormed) {
        throw new IllegalArgumentException(
            "snapshot: field '" + name + "' is missing or malformed; the text was altered");
      }
      return node.get(name);
    }

    Reader child(String name) {
      return new Reader(field(name, node.path(name).isObject()));
    }

    /** Returns what {@link #putCost} wrote. */
    double cost() {
      JsonNode cost = field("cost", node.path("cost").isNumber() || node.path("cost").isNull());
      return cost.isNull() ? Double.NaN : cost.doubleValue();
    }

    int integer(String name) {
      return field(name, node.path(name).canConvertToInt()).intValue();
    }

    long integer64(String name) {
      return field(name, node.path(name).canConvertToLong()).longValue();
    }

    double number(String name) {
      return field(name, node.path(name).isNumber()).doubleValue();
    }

    boolean bool(String name) {
      return field(name, node.path(name).isBoolean()).booleanValue();
    }

    String text(String name) {
      return field(name, node.path(name).isTextual()).textValue();
    }

    JsonNode array(String name) {
      return field(name, node.path(name).isArray());
    }

    /** Returns the objects of an array. */
    List<Reader> children(String name) {
      List<Reader> children = new ArrayList<>();
      for (JsonNode child : array(name)) {
        field(name, child.isObject());
        children.add(new Reader(child));
      }
      return children;
    }

    boolean has(String name) {
      return node.has(name);
    }

    double[] numbers(String name) {
      JsonNode array = array(name);
      double[] values = new double[array.size()];
      for (int i = 0; i < values.length; i++) {
        field(name, array.get(i).isNumber());
        values[i] = array.get(i).doubleValue();
      }
      return values;
    }

    double[] numbers(String name, int length) {
      double[] values = numbers(name);
      field(name, values.length == length);
      return values;
    }

    double[] binary(String name, int length) {
      byte[] bytes = Base64.getDecoder().decode(text(name));
      field(name, bytes.length == 8L * length);
      double[] values = new double[length];
      ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asDoubleBuffer().get(values);
      return values;
    }
  }
}
