package io.evomerge.onnx.language;

import ai.djl.engine.EngineException;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.evomerge.exception.BackendException;
import io.evomerge.exception.TaskException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The Hugging Face tokenizers library, reached through DJL. */
final class NativeTokenizer implements Tokenizer {

  private static final Logger log = LoggerFactory.getLogger(NativeTokenizer.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String OFFLINE = "ai.djl.offline";

  private final Path folder;
  private final Set<Integer> eosTokenIds;
  private final HuggingFaceTokenizer tokenizer;
  // the native handle must not be freed under a call, which would read freed memory
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private boolean closed;

  private NativeTokenizer(Path folder, Set<Integer> eosTokenIds, HuggingFaceTokenizer tokenizer) {
    this.folder = folder;
    this.eosTokenIds = eosTokenIds;
    this.tokenizer = tokenizer;
  }

  static NativeTokenizer open(Path folder) throws IOException {
    Path file = folder.resolve("tokenizer.json");
    if (!Files.isRegularFile(file)) {
      throw new TaskException(
          folder
              + " has no tokenizer.json; if it has a tokenizer of another kind, save it in the fast"
              + " format with transformers' AutoTokenizer.from_pretrained(...).save_pretrained(...)");
    }
    byte[] content = Files.readAllBytes(file);
    Set<Integer> eosTokenIds = eosTokenIds(folder, parse(file, content));
    if (eosTokenIds.isEmpty()) {
      log.warn(
          "{} names no token that ends a text: answers always run to their full length", folder);
    }
    return new NativeTokenizer(folder, eosTokenIds, load(file, content));
  }

  private static HuggingFaceTokenizer load(Path file, byte[] content) throws IOException {
    synchronized (NativeTokenizer.class) {
      String before = System.getProperty(OFFLINE);
      if (before == null) {
        System.setProperty(OFFLINE, "true");
      }
      try {
        return HuggingFaceTokenizer.newInstance(
            new ByteArrayInputStream(content), Map.of("truncation", "false", "padding", "false"));
      } catch (EngineException | LinkageError e) {
        throw new BackendException(
            "the tokenizers library does not run on "
                + System.getProperty("os.name")
                + " "
                + System.getProperty("os.arch")
                + "; it comes for Linux, macOS on ARM and Windows: "
                + e.getMessage(),
            e);
      } catch (RuntimeException e) {
        throw new TaskException(file + " is not a tokenizer: " + e.getMessage(), e);
      } finally {
        if (before == null) {
          System.clearProperty(OFFLINE);
        }
      }
    }
  }

  private static Set<Integer> eosTokenIds(Path folder, JsonNode tokenizer) throws IOException {
    for (String name : List.of("generation_config.json", "config.json")) {
      JsonNode ids = read(folder.resolve(name)).path("eos_token_id");
      if (!ids.isMissingNode() && !ids.isNull()) {
        return ids(folder.resolve(name), ids);
      }
    }
    for (String name : List.of("tokenizer_config.json", "special_tokens_map.json")) {
      JsonNode token = read(folder.resolve(name)).path("eos_token");
      // older files wrap the text in an object
      String text = token.isObject() ? token.path("content").asText() : token.asText("");
      if (token.isMissingNode() || token.isNull() || text.isEmpty()) {
        continue;
      }
      Integer id = idOf(text, tokenizer);
      if (id == null) {
        throw new TaskException(
            folder.resolve(name)
                + ": eos_token is '"
                + text
                + "', which tokenizer.json does not have");
      }
      return Set.of(id);
    }
    return Set.of();
  }

  private static Set<Integer> ids(Path file, JsonNode value) {
    Set<Integer> ids = new TreeSet<>();
    for (JsonNode id : value.isArray() ? value : List.of(value)) {
      if (!id.isIntegralNumber() || !id.canConvertToInt() || id.intValue() < 0) {
        throw new TaskException(
            file + ": eos_token_id is " + value + ", wanted a token id or a list of them");
      }
      ids.add(id.intValue());
    }
    return Collections.unmodifiableSet(ids);
  }

  private static @Nullable Integer idOf(String token, JsonNode tokenizer) {
    for (JsonNode added : tokenizer.path("added_tokens")) {
      if (added.path("content").asText().equals(token)) {
        return added.path("id").asInt();
      }
    }
    JsonNode id = tokenizer.path("model").path("vocab").path(token);
    return id.isInt() ? id.intValue() : null;
  }

  private static JsonNode read(Path file) throws IOException {
    return Files.isRegularFile(file) ? parse(file, Files.readAllBytes(file)) : JSON.missingNode();
  }

  private static JsonNode parse(Path file, byte[] content) throws IOException {
    try {
      return JSON.readTree(content);
    } catch (JsonProcessingException e) {
      throw new TaskException(file + " is not valid JSON: " + e.getOriginalMessage(), e);
    }
  }

  @Override
  public int[] encode(String text) {
    return encode(text, true);
  }

  @Override
  public int[] encodeWithoutSpecialTokens(String text) {
    return encode(text, false);
  }

  private int[] encode(String text, boolean specialTokens) {
    return LongStream.of(whileOpen(() -> tokenizer.encode(text, specialTokens, false).getIds()))
        .mapToInt(Math::toIntExact)
        .toArray();
  }

  @Override
  public String decode(int[] ids, boolean skipSpecialTokens) {
    return whileOpen(() -> tokenizer.decode(longs(ids), skipSpecialTokens));
  }

  @Override
  public List<String> decodeAll(List<int[]> ids, boolean skipSpecialTokens) {
    long[][] batch = ids.stream().map(NativeTokenizer::longs).toArray(long[][]::new);
    return whileOpen(() -> List.of(tokenizer.batchDecode(batch, skipSpecialTokens)));
  }

  private static long[] longs(int[] ids) {
    return IntStream.of(ids).asLongStream().toArray();
  }

  @Override
  public Set<Integer> eosTokenIds() {
    return eosTokenIds;
  }

  private <T> T whileOpen(Supplier<T> call) {
    lock.readLock().lock();
    try {
      if (closed) {
        throw new IllegalStateException("the tokenizer of " + folder + " is closed");
      }
      return call.get();
    } finally {
      lock.readLock().unlock();
    }
  }

  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        tokenizer.close();
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  @Override
  public String toString() {
    return "Tokenizer[" + folder + "]";
  }
}
