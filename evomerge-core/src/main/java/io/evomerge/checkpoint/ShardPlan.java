package io.evomerge.checkpoint;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** Where each tensor of a checkpoint goes: files, their headers, positions. */
final class ShardPlan {

  private static final JsonMapper MAPPER = new JsonMapper();

  /** Largest elements first keeps every tensor aligned; the reference implementation's order. */
  private static final List<DType> FILE_ORDER =
      List.of(
          DType.I64,
          DType.F64,
          DType.F32,
          DType.I32,
          DType.BF16,
          DType.F16,
          DType.I16,
          DType.I8,
          DType.U8,
          DType.BOOL);

  private final List<Shard> shards;
  private final long tensorBytes;

  private ShardPlan(List<Shard> shards, long tensorBytes) {
    this.shards = shards;
    this.tensorBytes = tensorBytes;
  }

  /** Plans one file. */
  static ShardPlan single(
      Collection<TensorInfo> tensors, Map<String, String> metadata, String fileName) {
    Map<String, TensorInfo> sorted = sorted(tensors);
    return of(List.of(List.copyOf(sorted.values())), metadata, List.of(fileName));
  }

  /**
   * Plans a folder: in the order of names, a file is full when the next tensor would exceed the
   * limit; a tensor beyond the limit is alone.
   */
  static ShardPlan folder(
      Collection<TensorInfo> tensors, Map<String, String> metadata, long maxShardBytes) {
    List<List<TensorInfo>> groups = new ArrayList<>();
    List<TensorInfo> current = new ArrayList<>();
    long size = 0;
    for (TensorInfo tensor : sorted(tensors).values()) {
      if (tensor.byteSize() > maxShardBytes) {
        groups.add(List.of(tensor));
        continue;
      }
      if (size + tensor.byteSize() > maxShardBytes) {
        groups.add(current);
        current = new ArrayList<>();
        size = 0;
      }
      current.add(tensor);
      size += tensor.byteSize();
    }
    if (!current.isEmpty()) {
      groups.add(current);
    }
    List<String> names = new ArrayList<>();
    for (int i = 1; i <= groups.size(); i++) {
      names.add(
          groups.size() == 1
              ? HuggingFaceCheckpoint.SINGLE
              : String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", i, groups.size()));
    }
    return of(groups, metadata, names);
  }

  private static Map<String, TensorInfo> sorted(Collection<TensorInfo> tensors) {
    if (tensors.isEmpty()) {
      throw new IllegalArgumentException("a checkpoint needs at least one tensor");
    }
    Map<String, TensorInfo> sorted = new TreeMap<>();
    for (TensorInfo tensor : tensors) {
      if (tensor.name().equals("__metadata__")) {
        throw new IllegalArgumentException("no tensor can be named '__metadata__'");
      }
      if (sorted.put(tensor.name(), tensor) != null) {
        throw new IllegalArgumentException("tensor '" + tensor.name() + "' is given twice");
      }
    }
    return sorted;
  }

  private static ShardPlan of(
      List<List<TensorInfo>> groups, Map<String, String> metadata, List<String> names) {
    List<Shard> shards = new ArrayList<>();
    long total = 0;
    for (int i = 0; i < groups.size(); i++) {
      Shard shard = shard(names.get(i), groups.get(i), metadata);
      shards.add(shard);
      total = Math.addExact(total, shard.size - shard.header.length);
    }
    return new ShardPlan(List.copyOf(shards), total);
  }

  /** The same tensors in the same files, with other metadata. */
  ShardPlan withMetadata(Map<String, String> metadata) {
    return of(
        shards.stream().map(Shard::tensors).toList(),
        metadata,
        shards.stream().map(Shard::fileName).toList());
  }

  private static Shard shard(
      String fileName, List<TensorInfo> tensors, Map<String, String> metadata) {
    List<TensorInfo> ordered = new ArrayList<>(tensors);
    ordered.sort(
        Comparator.comparing((TensorInfo tensor) -> FILE_ORDER.indexOf(tensor.dtype()))
            .thenComparing(TensorInfo::name));
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    ObjectNode texts = json.putObject("__metadata__");
    Map<String, String> all = new TreeMap<>(metadata);
    all.putIfAbsent("format", "pt");
    all.forEach(texts::put);
    Map<String, Long> positions = new LinkedHashMap<>();
    long end = 0;
    for (TensorInfo tensor : ordered) {
      positions.put(tensor.name(), end);
      ObjectNode entry = json.putObject(tensor.name());
      entry.put("dtype", tensor.dtype().name());
      tensor.shape().forEach(entry.putArray("shape")::add);
      long begin = end;
      end = Math.addExact(end, tensor.byteSize());
      entry.putArray("data_offsets").add(begin).add(end);
    }
    byte[] header = header(json);
    positions.replaceAll((name, begin) -> begin + header.length);
    return new Shard(fileName, header, ordered, positions, header.length + end);
  }

  /** Returns length field and text, padded with spaces to a multiple of 8. */
  private static byte[] header(ObjectNode json) {
    byte[] text;
    try {
      text = MAPPER.writeValueAsBytes(json);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    int padded = (text.length + 7) / 8 * 8;
    if (padded > SafetensorsFile.MAX_HEADER_BYTES) {
      throw new IllegalArgumentException(
          "the header of one file would take "
              + padded
              + " bytes, but readers accept "
              + SafetensorsFile.MAX_HEADER_BYTES
              + ": shorten the metadata");
    }
    byte[] header = new byte[8 + padded];
    Arrays.fill(header, (byte) ' ');
    ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).putLong(padded).put(text);
    return header;
  }

  List<Shard> shards() {
    return shards;
  }

  /** Returns the size of all files. */
  long fileBytes() {
    return shards.stream().mapToLong(shard -> shard.size).sum();
  }

  /** Returns the content of {@code model.safetensors.index.json}. */
  byte[] index() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.putObject("metadata").put("total_size", tensorBytes);
    Map<String, String> fileOf = new TreeMap<>();
    for (Shard shard : shards) {
      shard.tensors.forEach(tensor -> fileOf.put(tensor.name(), shard.fileName));
    }
    ObjectNode weightMap = json.putObject("weight_map");
    fileOf.forEach(weightMap::put);
    return (json.toPrettyString().replace("\r\n", "\n").replace("\" : ", "\": ") + "\n")
        .getBytes(StandardCharsets.UTF_8);
  }

  /**
   * One file.
   *
   * @param positions of the tensors' first bytes in the file
   * @param size of the whole file
   */
  record Shard(
      String fileName,
      byte[] header,
      List<TensorInfo> tensors,
      Map<String, Long> positions,
      long size) {}
}
