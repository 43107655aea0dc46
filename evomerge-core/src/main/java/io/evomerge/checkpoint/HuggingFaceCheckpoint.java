package io.evomerge.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.exception.CheckpointException;
import io.evomerge.internal.json.StrictJson;
import io.evomerge.tensor.MappedFile;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A Hugging Face model folder, or one safetensors file. */
final class HuggingFaceCheckpoint implements Checkpoint {

  static final String SINGLE = "model.safetensors";
  static final String INDEX = "model.safetensors.index.json";
  private static final String SUFFIX = ".safetensors";
  private static final int WINDOW = 1 << 30;
  private static final int NAMES_SHOWN = 5;

  private static final Logger LOG = LoggerFactory.getLogger(HuggingFaceCheckpoint.class);

  private static final Pattern COMPANION =
      Pattern.compile(
          "config\\.json|generation_config\\.json|tokenizer.*\\.json|.*tokenizer\\.model.*"
              + "|.*\\.bpe\\.model|spiece\\.model|tekken\\.json|.*\\.tiktoken"
              + "|special_tokens_map\\.json|added_tokens\\.json|vocab\\.(json|txt)|merges\\.txt"
              + "|chat_template\\..*|.*processor_config\\.json|.*\\.py"
              + "|(LICEN[SC]E|NOTICE|USE_POLICY).*");

  static final Pattern TOKEN_EMBEDDING =
      Pattern.compile(
          "(.*\\.)?(embed_tokens|wte|word_embeddings|embed_in|tok_embeddings|shared)\\.weight");
  static final Pattern HEAD =
      Pattern.compile("((.*\\.)?(lm_head|embed_out|cls\\.predictions\\.decoder)|output)\\.weight");

  private final String name;
  private final Path location;
  private final List<SafetensorsFile> files;
  private final Map<String, SafetensorsFile> fileOf;
  private final Map<String, TensorInfo> tensors;
  private final Map<String, String> metadata;
  private final Optional<ModelConfig> config;
  private final List<Path> companionFiles;
  private final ModelLayout layout;
  private final Object digestLock = new Object();
  private volatile @Nullable String digest;
  private volatile boolean closed;

  private HuggingFaceCheckpoint(
      String name,
      Path location,
      List<SafetensorsFile> files,
      Optional<ModelConfig> config,
      List<Path> companionFiles) {
    this.name = name;
    this.location = location;
    this.files = List.copyOf(files);
    this.config = config;
    this.companionFiles = List.copyOf(companionFiles);
    Map<String, SafetensorsFile> owners = new TreeMap<>();
    Map<String, TensorInfo> infos = new TreeMap<>();
    Map<String, String> texts = new TreeMap<>();
    for (SafetensorsFile file : files) {
      infos.putAll(file.tensors());
      file.tensors().keySet().forEach(tensor -> owners.put(tensor, file));
      file.metadata().forEach(texts::putIfAbsent);
    }
    this.fileOf = owners;
    boolean tied = config.map(HuggingFaceCheckpoint::tied).orElse(false);
    if (tied) {
      dropTiedHeads(infos);
    }
    this.tensors = Collections.unmodifiableMap(infos);
    this.metadata = Collections.unmodifiableMap(texts);
    this.layout = ModelLayout.of(infos.keySet(), tied);
  }

  static boolean accepts(Path location) {
    if (Files.isDirectory(location)) {
      return Files.exists(location.resolve(SINGLE)) || Files.exists(location.resolve(INDEX));
    }
    return location.toString().endsWith(SUFFIX);
  }

  static HuggingFaceCheckpoint open(Path location, String name) throws IOException {
    return open(location, name, WINDOW);
  }

  static HuggingFaceCheckpoint open(Path location, String name, int windowBytes)
      throws IOException {
    boolean folder = Files.isDirectory(location);
    List<SafetensorsFile> files = new ArrayList<>();
    try {
      if (!folder) {
        files.add(SafetensorsFile.open(location, windowBytes));
      } else if (Files.exists(location.resolve(SINGLE))) {
        if (Files.exists(location.resolve(INDEX))) {
          LOG.warn("{} has both {} and {}: the shards are ignored", location, SINGLE, INDEX);
        }
        files.add(SafetensorsFile.open(location.resolve(SINGLE), windowBytes));
      } else {
        openShards(location, windowBytes, files);
      }
      Optional<ModelConfig> config = folder ? readConfig(location) : Optional.empty();
      List<Path> companions = folder ? companions(location) : List.of();
      return new HuggingFaceCheckpoint(name, location, files, config, companions);
    } catch (RuntimeException | IOException e) {
      files.forEach(SafetensorsFile::close);
      throw e;
    }
  }

  /** Says why a location that no format accepts is no checkpoint. */
  static CheckpointException refusal(Path location, List<String> otherFormats) throws IOException {
    String supported =
        "supported are Hugging Face folders with safetensors weights and .safetensors files"
            + otherFormats.stream().map(f -> ", " + f).collect(Collectors.joining());
    if (!Files.isDirectory(location)) {
      return new CheckpointException(
          location + ": files of this kind cannot be opened: " + supported);
    }
    List<String> names = fileNames(location);
    if (names.contains(LoraAdapter.CONFIG)) {
      return new CheckpointException(
          location
              + ": the folder holds an adapter ("
              + LoraAdapter.CONFIG
              + "), not a model: open it together with its base model");
    }
    List<String> safetensors = names.stream().filter(n -> n.endsWith(SUFFIX)).toList();
    if (!safetensors.isEmpty()) {
      return new CheckpointException(
          location
              + ": the folder has neither "
              + SINGLE
              + " nor "
              + INDEX
              + ", but "
              + list(safetensors)
              + ": open the file itself, or add the index of the shards");
    }
    List<String> pickles =
        names.stream().filter(n -> n.matches(".*\\.(bin|pt|pth|ckpt)(\\.index\\.json)?")).toList();
    if (!pickles.isEmpty()) {
      return new CheckpointException(
          location
              + ": the weights are in "
              + list(pickles)
              + ", a pickle format that can run code and is not read: convert the model with"
              + " transformers' save_pretrained(..., safe_serialization=True)");
    }
    return new CheckpointException(
        location + ": the folder has neither " + SINGLE + " nor " + INDEX + ": " + supported);
  }

  private static void openShards(Path folder, int windowBytes, List<SafetensorsFile> files)
      throws IOException {
    Map<String, Set<String>> wanted = readIndex(folder);
    List<String> missing =
        wanted.keySet().stream().filter(s -> !Files.exists(folder.resolve(s))).toList();
    if (!missing.isEmpty()) {
      throw new CheckpointException(
          folder.resolve(INDEX)
              + ": names "
              + wanted.size()
              + " shards, of which the folder lacks "
              + list(missing)
              + ": download the rest");
    }
    for (Map.Entry<String, Set<String>> shard : wanted.entrySet()) {
      SafetensorsFile file = SafetensorsFile.open(folder.resolve(shard.getKey()), windowBytes);
      files.add(file);
      Set<String> absent = new TreeSet<>(shard.getValue());
      absent.removeAll(file.tensors().keySet());
      if (!absent.isEmpty()) {
        throw new CheckpointException(
            file.mapped().path()
                + ": lacks "
                + list(absent)
                + ", which "
                + INDEX
                + " places there: download index and shards of the same revision");
      }
      Set<String> extra = new TreeSet<>(file.tensors().keySet());
      extra.removeAll(shard.getValue());
      if (!extra.isEmpty()) {
        throw new CheckpointException(
            file.mapped().path()
                + ": holds "
                + list(extra)
                + ", which "
                + INDEX
                + " does not place there: download index and shards of the same revision");
      }
    }
  }

  /** Returns the tensors of each shard by its file name. */
  private static Map<String, Set<String>> readIndex(Path folder) throws IOException {
    Path file = folder.resolve(INDEX);
    JsonNode weightMap = readObject(file).path("weight_map");
    if (!weightMap.isObject() || weightMap.isEmpty()) {
      throw new CheckpointException(
          file + ": 'weight_map' must be an object from tensor names to shards: download it again");
    }
    Map<String, Set<String>> shards = new TreeMap<>();
    for (Map.Entry<String, JsonNode> pair : weightMap.properties()) {
      String shard = pair.getValue().asText();
      // A shard is a sibling of the index: a path would let an index reach any file.
      if (!pair.getValue().isTextual() || !shard.matches("[^/\\\\]+\\.safetensors")) {
        throw new CheckpointException(
            file
                + ": tensor '"
                + pair.getKey()
                + "' is mapped to "
                + pair.getValue()
                + ", wanted the name of a .safetensors file in the same folder");
      }
      shards.computeIfAbsent(shard, key -> new TreeSet<>()).add(pair.getKey());
    }
    return shards;
  }

  private static Optional<ModelConfig> readConfig(Path folder) throws IOException {
    Path file = folder.resolve("config.json");
    return Files.exists(file) ? Optional.of(ModelConfig.of(readObject(file))) : Optional.empty();
  }

  static ObjectNode readObject(Path file) throws IOException {
    byte[] content = Files.readAllBytes(file);
    try {
      return StrictJson.object(content);
    } catch (JsonProcessingException e) {
      throw new CheckpointException(
          file + ": is not valid JSON: " + e.getOriginalMessage() + "; download it again", e);
    } catch (StrictJson.NotAnObjectException e) {
      throw new CheckpointException(file + ": is " + e.getMessage() + ": download it again", e);
    }
  }

  private static List<Path> companions(Path folder) throws IOException {
    return fileNames(folder).stream()
        .filter(file -> COMPANION.matcher(file).matches())
        .map(folder::resolve)
        .toList();
  }

  private static List<String> fileNames(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries
          .filter(Files::isRegularFile)
          .map(file -> file.getFileName().toString())
          .sorted()
          .toList();
    }
  }

  private static boolean tied(ModelConfig config) {
    String key = "tie_word_embeddings";
    JsonNode text = config.json().path("text_config");
    boolean inner = text instanceof ObjectNode object && ModelConfig.of(object).flag(key, false);
    return config.flag(key, inner);
  }

  /**
   * Leaves out heads that the model ties to its token embedding when it is loaded.
   *
   * <p>Loaders overwrite such a head, so merging it would cost memory and change nothing.
   */
  private void dropTiedHeads(Map<String, TensorInfo> infos) {
    Optional<TensorInfo> embedding =
        infos.values().stream()
            .filter(t -> TOKEN_EMBEDDING.matcher(t.name()).matches())
            .findFirst();
    if (embedding.isEmpty()) {
      return;
    }
    for (String head : infos.keySet().stream().filter(t -> HEAD.matcher(t).matches()).toList()) {
      TensorInfo info = infos.remove(head);
      if (!info.shape().equals(embedding.get().shape())) {
        throw new CheckpointException(
            location
                + ": config.json says tie_word_embeddings, but '"
                + head
                + "' has shape "
                + info.shape()
                + " and '"
                + embedding.get().name()
                + "' has "
                + embedding.get().shape()
                + ": correct config.json, or remove the head");
      }
      if (info.dtype() != embedding.get().dtype() || !sameStart(info, embedding.get())) {
        LOG.warn(
            "{}: '{}' is left out as config.json ties it to '{}', but its values differ",
            location,
            head,
            embedding.get().name());
      }
    }
  }

  /** Compares as much as costs nothing. */
  private boolean sameStart(TensorInfo a, TensorInfo b) {
    byte[] left = new byte[(int) Math.min(1 << 16, a.byteSize())];
    byte[] right = new byte[left.length];
    fileOf.get(a.name()).tensor(a).readBytes(0, left, 0, left.length);
    fileOf.get(b.name()).tensor(b).readBytes(0, right, 0, right.length);
    return Arrays.equals(left, right);
  }

  static String list(Collection<String> names) {
    String shown =
        names.stream()
            .limit(NAMES_SHOWN)
            .map(name -> "'" + name + "'")
            .collect(Collectors.joining(", "));
    int rest = names.size() - NAMES_SHOWN;
    return rest > 0 ? shown + " and " + rest + " more" : shown;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Path location() {
    return location;
  }

  @Override
  public String sha256() {
    String known = digest;
    if (known != null) {
      return known;
    }
    synchronized (digestLock) {
      known = digest;
      if (known == null) {
        known = computeDigest();
        digest = known;
      }
      return known;
    }
  }

  private String computeDigest() {
    if (!Files.isDirectory(location) || files.size() == 1 && isSingle(files.get(0))) {
      return HexFormat.of().formatHex(digestOf(files.get(0).mapped()));
    }
    MessageDigest lines = newSha256();
    for (SafetensorsFile file : files) {
      String line =
          HexFormat.of().formatHex(digestOf(file.mapped()))
              + " "
              + file.mapped().path().getFileName()
              + "\n";
      lines.update(line.getBytes(StandardCharsets.UTF_8));
    }
    return HexFormat.of().formatHex(lines.digest());
  }

  private static boolean isSingle(SafetensorsFile file) {
    return file.mapped().path().getFileName().toString().equals(SINGLE);
  }

  static byte[] digestOf(MappedFile file) {
    MessageDigest sha256 = newSha256();
    byte[] block = new byte[1 << 16];
    for (long position = 0; position < file.size(); ) {
      if (Thread.currentThread().isInterrupted()) {
        throw new UncheckedIOException(
            new InterruptedIOException(
                file.path() + ": interrupted while its digest was computed"));
      }
      int count = (int) Math.min(block.length, file.size() - position);
      file.readBytes(position, block, 0, count);
      sha256.update(block, 0, count);
      position += count;
    }
    return sha256.digest();
  }

  static MessageDigest newSha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  @Override
  public Map<String, TensorInfo> tensors() {
    return tensors;
  }

  @Override
  public TensorView tensor(String tensor) {
    TensorInfo info = tensors.get(tensor);
    if (info == null) {
      throw new IllegalArgumentException(
          "checkpoint '" + name + "' has no tensor '" + tensor + "'");
    }
    if (closed) {
      throw new IllegalStateException("checkpoint '" + name + "' is closed");
    }
    return fileOf.get(tensor).tensor(info);
  }

  @Override
  public Optional<ModelConfig> config() {
    return config;
  }

  @Override
  public ModelLayout layout() {
    return layout;
  }

  @Override
  public List<Path> companionFiles() {
    return companionFiles;
  }

  @Override
  public Map<String, String> metadata() {
    return metadata;
  }

  @Override
  public void close() {
    closed = true;
    files.forEach(SafetensorsFile::close);
  }

  @Override
  public String toString() {
    return name + " (" + location + ")";
  }
}
