package io.evomerge.checkpoint;

import io.evomerge.exception.CheckpointException;
import io.evomerge.internal.text.DidYouMean;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An open PEFT folder, checked against the model that it adapts. */
final class LoraAdapter implements AutoCloseable {

  static final String CONFIG = "adapter_config.json";
  static final String WEIGHTS = "adapter_model.safetensors";
  private static final String PICKLE = "adapter_model.bin";
  private static final int WINDOW = 1 << 30;
  private static final String PREFIX = "base_model.model.";

  private static final Logger LOG = LoggerFactory.getLogger(LoraAdapter.class);

  /** The name of the adapter stands behind the part's in files that PEFT did not write itself. */
  private static final Pattern PART =
      Pattern.compile(
          "(?<module>.+)\\.(?<part>lora_A|lora_B|lora_embedding_A|lora_embedding_B"
              + "|lora_magnitude_vector)(\\.(?!bias)[^.]+)?(\\.weight)?");

  private static final Pattern WRAPPED =
      Pattern.compile("(?<module>.+)\\.(modules_to_save(\\.[^.]+)?|base_layer)\\.(?<end>[^.]+)");

  private static final Pattern UNKNOWN_PART =
      Pattern.compile(".*\\.(lora_.*|.*trainable_tokens.*|token_adapter\\..*)");

  private final Path folder;
  private final SafetensorsFile file;
  private final Map<String, TensorView> views = new TreeMap<>();

  private LoraAdapter(Path folder, SafetensorsFile file) {
    this.folder = folder;
    this.file = file;
  }

  /**
   * Opens an adapter.
   *
   * @throws IOException if a file is missing or cannot be read
   * @throws CheckpointException if it cannot be applied to the base; the message says why
   */
  static LoraAdapter open(Path folder, Checkpoint base) throws IOException {
    Path config = required(folder, CONFIG);
    LoraSettings settings = LoraSettings.of(config, HuggingFaceCheckpoint.readObject(config));
    LoraAdapter adapter =
        new LoraAdapter(folder, SafetensorsFile.open(required(folder, WEIGHTS), WINDOW));
    try {
      adapter.bind(settings, base);
    } catch (RuntimeException e) {
      adapter.close();
      throw e;
    }
    adapter.compareNames(settings.baseName(), base);
    return adapter;
  }

  private static Path required(Path folder, String name) throws IOException {
    if (!Files.isDirectory(folder)) {
      throw new NoSuchFileException(
          folder.toString(),
          null,
          "there is no such folder: give the folder of an adapter, with " + CONFIG);
    }
    Path path = folder.resolve(name);
    if (Files.exists(path)) {
      return path;
    }
    if (name.equals(WEIGHTS) && Files.exists(folder.resolve(PICKLE))) {
      throw new CheckpointException(
          folder
              + ": the weights are in '"
              + PICKLE
              + "', a pickle format that can run code and is not read: convert the adapter with"
              + " PEFT's save_pretrained(..., safe_serialization=True)");
    }
    throw new NoSuchFileException(
        path.toString(), null, "an adapter has " + CONFIG + " and " + WEIGHTS + ": download both");
  }

  /** Returns the tensors that differ from the base's, by name. */
  Map<String, TensorView> views() {
    return views;
  }

  /** Returns the digest of base and adapter: of lines as for shards. */
  String sha256(String base) throws IOException {
    MessageDigest config = HuggingFaceCheckpoint.newSha256();
    config.update(Files.readAllBytes(folder.resolve(CONFIG)));
    HexFormat hex = HexFormat.of();
    String lines =
        base
            + " base\n"
            + hex.formatHex(config.digest())
            + " "
            + CONFIG
            + "\n"
            + hex.formatHex(HuggingFaceCheckpoint.digestOf(file.mapped()))
            + " "
            + WEIGHTS
            + "\n";
    MessageDigest all = HuggingFaceCheckpoint.newSha256();
    all.update(lines.getBytes(StandardCharsets.UTF_8));
    return hex.formatHex(all.digest());
  }

  @Override
  public void close() {
    file.close();
  }

  private void bind(LoraSettings settings, Checkpoint base) {
    Map<String, Map<String, TensorView>> modules = new TreeMap<>();
    for (TensorInfo info : file.tensors().values()) {
      String key =
          info.name().startsWith(PREFIX) ? info.name().substring(PREFIX.length()) : info.name();
      Matcher part = PART.matcher(key);
      if (part.matches()) {
        TensorView before =
            modules
                .computeIfAbsent(part.group("module"), module -> new TreeMap<>())
                .put(part.group("part"), file.tensor(info));
        if (before != null) {
          throw refusal(info, "stands for the same as '" + before.info().name() + "'");
        }
      } else if (UNKNOWN_PART.matcher(key).matches()) {
        throw refusal(info, "is of a kind that is not supported: merge the adapter with PEFT");
      } else {
        replace(info, key, base);
      }
    }
    modules.forEach((module, parts) -> adapt(module, parts, settings, base));
    if (views.isEmpty()) {
      throw new CheckpointException(file.mapped().path() + ": the adapter has no tensors");
    }
  }

  private void replace(TensorInfo info, String key, Checkpoint base) {
    Matcher wrapped = WRAPPED.matcher(key);
    String name = wrapped.matches() ? wrapped.group("module") + "." + wrapped.group("end") : key;
    TensorInfo wanted = target(info, name, base);
    if (!wanted.shape().equals(info.shape())) {
      throw refusal(info, "has shape " + info.shape() + ", the base's has " + wanted.shape());
    }
    if (wanted.dtype() != info.dtype()
        && !(wanted.dtype().isFloating() && info.dtype().isFloating())) {
      throw refusal(info, "holds " + info.dtype() + ", the base's holds " + wanted.dtype());
    }
    views.put(wanted.name(), new ReplacedView(wanted, file.tensor(info)));
  }

  private void adapt(
      String module, Map<String, TensorView> parts, LoraSettings settings, Checkpoint base) {
    boolean embedding = parts.containsKey("lora_embedding_A");
    TensorView a = parts.remove(embedding ? "lora_embedding_A" : "lora_A");
    TensorView b = parts.remove(embedding ? "lora_embedding_B" : "lora_B");
    TensorView magnitude = parts.remove("lora_magnitude_vector");
    if (a == null || b == null || !parts.isEmpty()) {
      throw new CheckpointException(
          file.mapped().path()
              + ": module '"
              + module
              + "' must have exactly one pair of lora_A and lora_B: save the adapter again");
    }
    if ((magnitude != null) != settings.magnitudes()) {
      throw refusal(
          a.info(),
          (magnitude == null ? "has no" : "has a")
              + " lora_magnitude_vector, but use_dora is "
              + settings.magnitudes());
    }
    TensorInfo wanted = target(a.info(), module + ".weight", base);
    if (!wanted.dtype().isFloating()) {
      throw refusal(
          a.info(),
          "adapts '"
              + wanted.name()
              + "', which holds "
              + wanted.dtype()
              + ": take a base that is"
              + " not quantised");
    }
    boolean transposed = embedding || settings.transposed();
    checkShapes(module, a.info(), b.info(), wanted, transposed, settings.rank(module));
    if (magnitude != null) {
      long outputs = b.info().shape().get(0);
      if (magnitude.info().elementCount() != outputs) {
        throw refusal(
            magnitude.info(),
            "has shape " + magnitude.info().shape() + ", wanted " + outputs + " magnitudes");
      }
    }
    TensorView below =
        views.containsKey(wanted.name()) ? views.get(wanted.name()) : base.tensor(wanted.name());
    views.put(
        wanted.name(), new LowRankView(below, a, b, transposed, settings.scale(module), magnitude));
  }

  private void checkShapes(
      String module, TensorInfo a, TensorInfo b, TensorInfo wanted, boolean transposed, int rank) {
    List<Long> sizeA = a.shape();
    List<Long> sizeB = b.shape();
    if (sizeA.size() < 2 || sizeB.size() < 2 || wanted.shape().size() < 2) {
      throw refusal(a, "and its partner must be matrices, not " + sizeA + " and " + sizeB);
    }
    if (sizeA.get(0) != rank || sizeB.get(1) != rank) {
      throw refusal(
          a,
          "and its partner have shapes "
              + sizeA
              + " and "
              + sizeB
              + ", but "
              + CONFIG
              + " gives '"
              + module
              + "' rank "
              + rank);
    }
    List<Long> product = new ArrayList<>(sizeA);
    product.set(0, sizeB.get(0));
    boolean fits = sizeB.subList(2, sizeB.size()).stream().allMatch(side -> side == 1);
    if (transposed) {
      Collections.swap(product, 0, 1);
      fits &= sizeA.size() == 2;
    }
    if (!fits || !product.equals(wanted.shape())) {
      throw refusal(
          a,
          "and its partner give a change of shape "
              + product
              + ", but the base's '"
              + wanted.name()
              + "' has "
              + wanted.shape()
              + ": take the base that the adapter was"
              + " trained on");
    }
  }

  private TensorInfo target(TensorInfo info, String name, Checkpoint base) {
    TensorInfo wanted = base.tensors().get(name);
    if (wanted == null) {
      // Some files leave out the first part of the names, which loaders add.
      wanted = base.tensors().get(name.substring(name.indexOf('.') + 1));
    }
    if (wanted != null) {
      return wanted;
    }
    boolean tiedHead =
        base.layout().tiedEmbeddings() && HuggingFaceCheckpoint.HEAD.matcher(name).matches();
    throw refusal(
        info,
        "adapts '"
            + name
            + "', which the base '"
            + base.name()
            + "' does not have"
            + (tiedHead
                ? ": its head is tied to the token embedding"
                : DidYouMean.nearest(name, base.tensors().keySet())
                    .map(near -> "; did you mean '" + near + "'?")
                    .orElse(": take the base that the adapter was trained on")));
  }

  private void compareNames(String trainedOn, Checkpoint base) {
    Set<String> known = new TreeSet<>();
    known.add(base.name());
    known.add(lastPart(base.location().toString()));
    base.config()
        .map(config -> config.json().path("_name_or_path").asText(""))
        .ifPresent(name -> known.add(lastPart(name)));
    if (!trainedOn.isEmpty() && !known.contains(lastPart(trainedOn))) {
      LOG.info(
          "{} was trained on '{}' and is applied to '{}' ({})",
          folder,
          trainedOn,
          base.name(),
          base.location());
    }
  }

  private static String lastPart(String path) {
    String[] parts = path.replace('\\', '/').split("/+");
    return parts.length == 0 ? path : parts[parts.length - 1];
  }

  private CheckpointException refusal(TensorInfo info, String reason) {
    return new CheckpointException(
        file.mapped().path() + ": tensor '" + info.name() + "' " + reason);
  }
}
