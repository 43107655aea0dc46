package io.evomerge.checkpoint;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import io.evomerge.exception.CheckpointException;
import io.evomerge.internal.json.StrictJson;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.MappedFile;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * One open safetensors file whose header has been checked against the file (Hugging Face,
 * "safetensors" format specification).
 */
final class SafetensorsFile implements AutoCloseable {

  /** The limit of the reference implementation. */
  static final long MAX_HEADER_BYTES = 100_000_000;

  private static final String AGAIN = "download or write the file again";

  private final MappedFile mapped;
  private final Map<String, TensorInfo> tensors;
  private final Map<String, Long> positions;
  private final Map<String, String> metadata;

  private SafetensorsFile(MappedFile mapped, long dataStart, Header header) {
    this.mapped = mapped;
    Map<String, TensorInfo> infos = new TreeMap<>();
    Map<String, Long> starts = new TreeMap<>();
    for (Entry entry : header.entries) {
      infos.put(entry.info.name(), entry.info);
      starts.put(entry.info.name(), dataStart + entry.begin);
    }
    this.tensors = Collections.unmodifiableMap(infos);
    this.positions = Collections.unmodifiableMap(starts);
    this.metadata = Collections.unmodifiableMap(header.metadata);
  }

  /**
   * Maps a file and checks its header.
   *
   * @throws CheckpointException if the header is not what the format demands
   */
  static SafetensorsFile open(Path file, int windowBytes) throws IOException {
    MappedFile mapped = MappedFile.open(file, windowBytes);
    try {
      byte[] header = headerBytes(mapped);
      long dataStart = 8L + header.length;
      Header parsed = parse(file, header);
      checkExtents(file, parsed.entries, mapped.size() - dataStart);
      return new SafetensorsFile(mapped, dataStart, parsed);
    } catch (RuntimeException e) {
      mapped.close();
      throw e;
    }
  }

  MappedFile mapped() {
    return mapped;
  }

  Map<String, TensorInfo> tensors() {
    return tensors;
  }

  Map<String, String> metadata() {
    return metadata;
  }

  TensorView tensor(TensorInfo info) {
    return mapped.tensor(info, positions.get(info.name()));
  }

  @Override
  public void close() {
    mapped.close();
  }

  private static byte[] headerBytes(MappedFile mapped) {
    Path file = mapped.path();
    if (mapped.size() < 8) {
      throw new CheckpointException(
          file
              + ": the file has "
              + mapped.size()
              + " bytes, but a safetensors file starts with 8 bytes of header length: "
              + AGAIN);
    }
    byte[] start = new byte[8];
    mapped.readBytes(0, start, 0, 8);
    if ("version ".equals(new String(start, StandardCharsets.ISO_8859_1))) {
      throw new CheckpointException(
          file
              + ": this is a Git LFS pointer, not the weights: run 'git lfs pull' in the repository,"
              + " or download the file itself");
    }
    long length = ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN).getLong();
    String claim = file + ": the header length field says " + Long.toUnsignedString(length);
    if (length < 0 || length > MAX_HEADER_BYTES) {
      throw new CheckpointException(
          claim
              + " bytes, but a header has at most "
              + MAX_HEADER_BYTES
              + ": this is no safetensors file, or a damaged one");
    }
    if (length > mapped.size() - 8) {
      throw new CheckpointException(
          claim
              + " bytes, but the whole file has "
              + mapped.size()
              + ": it is truncated, "
              + AGAIN);
    }
    byte[] header = new byte[(int) length];
    mapped.readBytes(8, header, 0, header.length);
    return header;
  }

  private static Header parse(Path file, byte[] bytes) {
    // A second zero byte would make the parser guess UTF-16.
    if (bytes.length < 2 || bytes[1] == 0) {
      throw new CheckpointException(file + ": the header is not JSON in UTF-8: " + AGAIN);
    }
    Header header = new Header();
    try (JsonParser parser = StrictJson.parser(bytes)) {
      JsonToken first = parser.nextToken();
      if (first != JsonToken.START_OBJECT) {
        throw new CheckpointException(
            file
                + ": the header must be a JSON object from its first byte, but is "
                + (first == null ? "empty" : "a JSON " + kind(first)));
      }
      if (bytes[0] != '{') {
        throw new CheckpointException(
            file + ": the header must start with '{', but starts with white space");
      }
      for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
        parser.nextToken();
        JsonNode value = parser.readValueAsTree();
        if (name.equals("__metadata__")) {
          header.metadata.putAll(metadata(file, value));
        } else {
          header.entries.add(entry(file, name, value));
        }
      }
      if (parser.nextToken() != null) {
        throw new CheckpointException(file + ": the header goes on after its JSON object");
      }
      return header;
    } catch (JsonProcessingException e) {
      String problem =
          e.getOriginalMessage().startsWith("Duplicate field")
              ? "has a duplicate key"
              : "is not valid JSON";
      throw new CheckpointException(
          file + ": the header " + problem + ": " + e.getOriginalMessage() + "; " + AGAIN, e);
    } catch (IOException e) {
      throw new CheckpointException(file + ": the header is not JSON in UTF-8: " + AGAIN, e);
    }
  }

  private static String kind(JsonToken token) {
    if (token == JsonToken.START_ARRAY) {
      return "array";
    }
    return token.isNumeric() ? "number" : "value";
  }

  private static Map<String, String> metadata(Path file, JsonNode value) {
    Map<String, String> metadata = new TreeMap<>();
    boolean valid = value.isObject();
    for (Map.Entry<String, JsonNode> pair : value.properties()) {
      valid &= pair.getValue().isTextual();
      metadata.put(pair.getKey(), pair.getValue().asText());
    }
    if (!valid) {
      throw new CheckpointException(
          file + ": __metadata__ must be an object of texts, but is " + brief(value));
    }
    return metadata;
  }

  private static Entry entry(Path file, String name, JsonNode value) {
    String tensor = file + ": tensor '" + name + "'";
    if (!value.isObject()) {
      throw new CheckpointException(
          tensor + " must be an object with dtype, shape and data_offsets, but is " + brief(value));
    }
    DType dtype = dtype(tensor, value.path("dtype"));
    List<Long> shape = wholeNumbers(tensor + ": shape", value.path("shape"));
    List<Long> offsets = wholeNumbers(tensor + ": data_offsets", value.path("data_offsets"));
    if (offsets.size() != 2) {
      throw new CheckpointException(
          tensor + ": data_offsets must be [begin, end], but are " + offsets);
    }
    long begin = offsets.get(0);
    long end = offsets.get(1);
    if (end < begin) {
      throw new CheckpointException(
          tensor + ": data_offsets " + offsets + " are reversed: the end lies before the begin");
    }
    TensorInfo info;
    try {
      info = new TensorInfo(name, dtype, shape);
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(file + ": " + e.getMessage(), e);
    }
    if (end - begin != info.byteSize()) {
      throw new CheckpointException(
          tensor
              + ": shape "
              + shape
              + " of "
              + dtype
              + " takes "
              + info.byteSize()
              + " bytes, but data_offsets "
              + offsets
              + " hold "
              + (end - begin)
              + ": "
              + AGAIN);
    }
    return new Entry(info, begin, end);
  }

  private static DType dtype(String tensor, JsonNode value) {
    if (!value.isTextual()) {
      throw new CheckpointException(
          tensor
              + ": dtype must be a text, but is "
              + (value.isMissingNode() ? "missing" : brief(value)));
    }
    for (DType type : DType.values()) {
      if (type.name().equals(value.textValue())) {
        return type;
      }
    }
    throw new CheckpointException(
        tensor
            + " has dtype '"
            + value.textValue()
            + "', which is not supported: supported are "
            + Arrays.toString(DType.values())
            + "; convert the checkpoint to one of the floating-point types");
  }

  private static List<Long> wholeNumbers(String what, JsonNode value) {
    List<Long> numbers = new ArrayList<>();
    boolean valid = value.isArray();
    for (JsonNode number : value) {
      BigInteger big = number.bigIntegerValue();
      valid &= number.isIntegralNumber() && big.signum() >= 0 && big.bitLength() < 64;
      numbers.add(big.longValue());
    }
    if (!valid) {
      throw new CheckpointException(
          what
              + " must be an array of whole numbers from 0 to 2^63 - 1, but is "
              + (value.isMissingNode() ? "missing" : brief(value)));
    }
    return numbers;
  }

  private static String brief(JsonNode value) {
    String text = value.toString();
    return text.length() <= 80 ? text : text.substring(0, 80) + "...";
  }

  /** Checks that the tensors fill the data without overlaps, holes or rest. */
  private static void checkExtents(Path file, List<Entry> entries, long dataBytes) {
    List<Entry> sorted = new ArrayList<>(entries);
    sorted.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
    long reached = 0;
    String previous = "";
    for (Entry entry : sorted) {
      String tensor = file + ": tensor '" + entry.info.name() + "' ";
      if (entry.begin < reached) {
        throw new CheckpointException(
            tensor
                + "begins at "
                + entry.begin
                + " and overlaps tensor '"
                + previous
                + "', which ends at "
                + reached
                + ": "
                + AGAIN);
      }
      if (entry.begin > reached) {
        throw new CheckpointException(
            tensor
                + "begins at "
                + entry.begin
                + ", which leaves a hole of "
                + (entry.begin - reached)
                + " bytes before it: "
                + AGAIN);
      }
      if (entry.end > dataBytes) {
        throw new CheckpointException(
            tensor
                + "ends at "
                + entry.end
                + ", outside the file, which has only "
                + dataBytes
                + " bytes of data: it is truncated, "
                + AGAIN);
      }
      reached = entry.end;
      previous = entry.info.name();
    }
    if (reached < dataBytes) {
      throw new CheckpointException(
          file
              + ": "
              + (dataBytes - reached)
              + " bytes follow the last tensor, but nothing may: "
              + AGAIN);
    }
  }

  private record Entry(TensorInfo info, long begin, long end) {}

  private static final class Header {
    final Map<String, String> metadata = new LinkedHashMap<>();
    final List<Entry> entries = new ArrayList<>();
  }
}
