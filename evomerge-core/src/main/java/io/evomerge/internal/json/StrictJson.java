package io.evomerge.internal.json;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.Locale;

/** Parses JSON whose keys must be unique and that nothing may follow. */
public final class StrictJson {

  private static final ObjectReader READER =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .disable(StreamReadFeature.AUTO_CLOSE_SOURCE)
          .build()
          .reader()
          .with(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private StrictJson() {}

  /**
   * Opens a streaming parser that finds duplicate keys and can read subtrees.
   *
   * @param utf8 the text
   */
  public static JsonParser parser(byte[] utf8) throws IOException {
    return READER.createParser(utf8);
  }

  /**
   * Parses one object.
   *
   * @param utf8 the text
   * @throws com.fasterxml.jackson.core.JsonProcessingException if it is not JSON, has duplicate
   *     keys or goes on after its end
   * @throws NotAnObjectException if it is JSON of another kind
   */
  public static ObjectNode object(byte[] utf8) throws IOException {
    JsonNode node = READER.readTree(utf8);
    if (node instanceof ObjectNode object) {
      return object;
    }
    throw new NotAnObjectException(node);
  }

  /** JSON of another kind than the object that was wanted. */
  public static final class NotAnObjectException extends IOException {
    NotAnObjectException(JsonNode got) {
      super(
          got.isMissingNode()
              ? "empty, but a JSON object is wanted"
              : "a JSON "
                  + got.getNodeType().name().toLowerCase(Locale.ROOT)
                  + ", but an object is wanted");
    }
  }
}
