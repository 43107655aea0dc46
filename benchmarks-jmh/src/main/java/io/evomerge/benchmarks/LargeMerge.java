package io.evomerge.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import io.evomerge.candidate.MergedModelWriter;
import io.evomerge.candidate.WrittenModel;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointWriter;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.genome.ParameterValues;
import io.evomerge.genome.Semantics;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeOperators;
import io.evomerge.merge.MergeTask;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.FloatCodec;
import io.evomerge.tensor.TensorBuffer;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Merges a set of models that is larger than the heap, and tells how fast and in how much memory.
 *
 * <p>The set is made first if it is not there: a base and two fine-tuned models in Llama's shapes,
 * bfloat16, in shards of 1 GB, random numbers. A few tensors of the result are merged again another
 * way and compared.
 */
final class LargeMerge {

  private static final int HIDDEN = 2048;
  private static final int INTERMEDIATE = 8192;
  private static final int KEYS = 512;
  private static final int VOCABULARY = 32_000;
  private static final List<String> MODELS = List.of("base", "one", "two");
  private static final Map<String, Double> DENSITIES = Map.of("one", 0.4, "two", 0.7);

  private final Path folder;
  private final MergeOperator operator;
  private final Semantics semantics;
  private final Optional<DType> dtype;
  private final int parallelism;

  private LargeMerge(Map<String, String> options) {
    folder = Path.of(options.get("folder"));
    operator = MergeOperators.standard().get(options.getOrDefault("operator", "ties"));
    semantics =
        Semantics.valueOf(options.getOrDefault("semantics", "paper").toUpperCase(Locale.ROOT));
    dtype = Optional.ofNullable(options.get("dtype")).map(name -> DType.byName(name).orElseThrow());
    parallelism = Integer.parseInt(options.getOrDefault("parallelism", "2"));
  }

  /**
   * Runs it.
   *
   * @param args {@code --folder DIR}, {@code --gigabytes N} of all three models together, {@code
   *     --operator NAME}, {@code --semantics paper|mergekit}, {@code --dtype F32}, {@code
   *     --parallelism N}
   */
  public static void main(String[] args) throws IOException, InterruptedException {
    Map<String, String> options = new HashMap<>();
    for (int i = 0; i + 1 < args.length; i += 2) {
      options.put(args[i].replaceFirst("^--", ""), args[i + 1]);
    }
    if (!options.containsKey("folder") || args.length % 2 != 0) {
      System.err.println(
          "usage: large-merge --folder DIR [--gigabytes 12] [--operator ties|dare_ties|linear]"
              + " [--semantics paper|mergekit] [--dtype F32] [--parallelism 2]");
      return;
    }
    LargeMerge large = new LargeMerge(options);
    large.makeMissing(Double.parseDouble(options.getOrDefault("gigabytes", "12")));
    large.merge();
  }

  private void makeMissing(double gigabytes) throws IOException {
    double perModel = gigabytes * 1e9 / MODELS.size();
    long outer = 2L * 2 * VOCABULARY * HIDDEN;
    long perLayer =
        2L * (2L * HIDDEN * HIDDEN + 2L * KEYS * HIDDEN + 3L * HIDDEN * INTERMEDIATE + 2L * HIDDEN);
    int layers = (int) Math.max(1, Math.round((perModel - outer) / perLayer));
    Files.createDirectories(folder);
    for (String model : MODELS) {
      if (!Files.exists(folder.resolve(model))) {
        System.out.println("making " + folder.resolve(model) + " of " + layers + " layers");
        make(model, layers);
      }
    }
  }

  private void make(String model, int layers) throws IOException {
    List<TensorInfo> tensors = new ArrayList<>();
    add(tensors, "model.embed_tokens.weight", VOCABULARY, HIDDEN);
    add(tensors, "lm_head.weight", VOCABULARY, HIDDEN);
    add(tensors, "model.norm.weight", HIDDEN);
    for (int layer = 0; layer < layers; layer++) {
      String name = "model.layers." + layer;
      add(tensors, name + ".input_layernorm.weight", HIDDEN);
      add(tensors, name + ".post_attention_layernorm.weight", HIDDEN);
      add(tensors, name + ".self_attn.q_proj.weight", HIDDEN, HIDDEN);
      add(tensors, name + ".self_attn.k_proj.weight", KEYS, HIDDEN);
      add(tensors, name + ".self_attn.v_proj.weight", KEYS, HIDDEN);
      add(tensors, name + ".self_attn.o_proj.weight", HIDDEN, HIDDEN);
      add(tensors, name + ".mlp.gate_proj.weight", INTERMEDIATE, HIDDEN);
      add(tensors, name + ".mlp.up_proj.weight", INTERMEDIATE, HIDDEN);
      add(tensors, name + ".mlp.down_proj.weight", HIDDEN, INTERMEDIATE);
    }
    WriteOptions shards = WriteOptions.defaults().withMaxShardBytes(1_000_000_000);
    try (CheckpointWriter writer =
        CheckpointWriter.create(folder.resolve(model), tensors, Map.of(), shards)) {
      for (TensorInfo tensor : tensors) {
        fill(writer.sink(tensor.name()), model);
      }
      writer.write("config.json", config(layers).getBytes(StandardCharsets.UTF_8));
      writer.commit();
    }
  }

  private static void add(List<TensorInfo> tensors, String name, long... shape) {
    tensors.add(new TensorInfo(name, DType.BF16, Arrays.stream(shape).boxed().toList()));
  }

  /** Numbers around 0.02; a fine-tuned model differs from the base in the last three bits. */
  private static void fill(TensorSink sink, String model) {
    SplittableRandom base = new SplittableRandom(sink.info().name().hashCode());
    SplittableRandom tuned = new SplittableRandom((model + sink.info().name()).hashCode());
    boolean isBase = model.equals(MODELS.get(0));
    byte[] block = new byte[1 << 16];
    ByteBuffer bytes = ByteBuffer.wrap(block).order(ByteOrder.LITTLE_ENDIAN);
    for (long at = 0; at < sink.info().byteSize(); at += block.length) {
      int count = (int) Math.min(block.length, sink.info().byteSize() - at);
      for (int i = 0; i < count; i += 8) {
        // Four elements: random sign and fraction, exponents -11 to -8.
        long four = base.nextLong() & 0x81FF_81FF_81FF_81FFL | 0x3A00_3A00_3A00_3A00L;
        if (!isBase) {
          four ^= tuned.nextLong() & 0x0007_0007_0007_0007L;
        }
        bytes.putLong(i, four);
      }
      sink.writeBytes(at, block, 0, count);
    }
  }

  private static String config(int layers) {
    return String.format(
        Locale.ROOT,
        """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "bfloat16",
        "hidden_size": %d, "intermediate_size": %d, "num_hidden_layers": %d, "vocab_size": %d,
        "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "hidden_act": "silu",
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 2048,
        "tie_word_embeddings": false}
        """,
        HIDDEN,
        INTERMEDIATE,
        layers,
        VOCABULARY);
  }

  private void merge() throws IOException, InterruptedException {
    List<Checkpoint> open = new ArrayList<>();
    try {
      for (String model : MODELS) {
        open.add(Checkpoints.open(folder.resolve(model)));
      }
      merge(open.get(0), open.subList(1, open.size()));
    } finally {
      open.forEach(Checkpoint::close);
    }
  }

  private void merge(Checkpoint base, List<Checkpoint> sources)
      throws IOException, InterruptedException {
    boolean withBase = operator.baseModel() == MergeOperator.BaseModel.REQUIRED;
    List<Checkpoint> inputs = new ArrayList<>(sources);
    if (withBase) {
      inputs.add(0, base);
    }
    long inputBytes =
        inputs.stream()
            .flatMap(model -> model.tensors().values().stream())
            .mapToLong(TensorInfo::byteSize)
            .sum();
    long start = System.nanoTime();
    inputs.forEach(Checkpoint::sha256);
    double hashing = (System.nanoTime() - start) / 1e9;
    print(
        "inputs %.2f GB; sha256 of them %.1f s, %.0f MB/s",
        inputBytes / 1e9, hashing, inputBytes / 1e6 / hashing);

    MergeRecipe recipe = recipe(base, sources, withBase);
    Path target = folder.resolve("merged");
    AtomicReference<ProcessMemory> largest = new AtomicReference<>(ProcessMemory.now());
    Thread sampler = new Thread(() -> sample(largest), "memory-sampler");
    sampler.setDaemon(true);
    sampler.start();
    long cpuStart = cpuNanos();
    start = System.nanoTime();
    WrittenModel written =
        MergedModelWriter.builder()
            .parallelism(parallelism)
            .writeOptions(WriteOptions.defaults().withOverwrite(true))
            .build()
            .write(recipe, withBase ? Optional.of(base) : Optional.empty(), sources, target);
    double seconds = (System.nanoTime() - start) / 1e9;
    double cpuSeconds = (cpuNanos() - cpuStart) / 1e9;
    sampler.interrupt();
    sampler.join();
    print(
        "%s, %s semantics, %d threads, written as %s: %.1f s, read %.0f MB/s, wrote %.0f MB/s;"
            + " %.1f s of CPU, %.0f MB of input per second of it",
        operator.name(),
        semantics.name().toLowerCase(Locale.ROOT),
        parallelism,
        dtype.map(DType::name).orElse("BF16"),
        seconds,
        inputBytes / 1e6 / seconds,
        written.bytes() / 1e6 / seconds,
        cpuSeconds,
        inputBytes / 1e6 / cpuSeconds);
    print("largest while merging: %s", largest.get());
    print(
        "heap at the end %d MiB in use of at most %d MiB",
        ProcessMemory.usedHeap(), Runtime.getRuntime().maxMemory() >> 20);
    verify(base, sources, withBase, recipe, target);
  }

  /** On a machine that others use too, this says more than the clock. */
  private static long cpuNanos() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }

  private MergeRecipe recipe(Checkpoint base, List<Checkpoint> sources, boolean withBase) {
    MergeRecipe.Builder recipe =
        MergeRecipe.builder(operator.name())
            .semantics(semantics)
            .sources(sources.stream().map(Checkpoint::ref).toList())
            .seed(3);
    if (withBase) {
      recipe.base(base.ref());
    }
    parameters(sources)
        .forEach(
            (name, values) -> {
              if (values.length == 1) {
                recipe.parameter(name, values[0]);
              } else {
                recipe.perSource(name, values);
              }
            });
    dtype.ifPresent(recipe::dtype);
    return recipe.build();
  }

  private Map<String, double[]> parameters(List<Checkpoint> sources) {
    Map<String, double[]> all =
        Map.of(
            "weight",
            new double[] {0.6, 0.9},
            "t",
            new double[] {0.3},
            "density",
            sources.stream().mapToDouble(source -> DENSITIES.get(source.name())).toArray());
    Map<String, double[]> known = new HashMap<>(all);
    known
        .keySet()
        .removeIf(name -> operator.parameters().stream().noneMatch(p -> p.name().equals(name)));
    return known;
  }

  /** Merges some tensors again in blocks of another length and compares them with the files. */
  private void verify(
      Checkpoint base, List<Checkpoint> sources, boolean withBase, MergeRecipe recipe, Path target)
      throws IOException {
    try (Checkpoint merged = Checkpoints.open(target)) {
      int layers =
          (int) base.tensors().keySet().stream().filter(n -> n.endsWith("q_proj.weight")).count();
      for (String name :
          List.of(
              "model.norm.weight",
              "model.layers.0.self_attn.k_proj.weight",
              "model.layers." + (layers - 1) + ".mlp.down_proj.weight")) {
        TensorInfo info = merged.tensors().get(name);
        MergeTask.Builder task =
            MergeTask.builder(info)
                .parameters(ParameterValues.of(parameters(sources)))
                .semantics(semantics)
                .seed(recipe.seed())
                .blockLength(77_777);
        if (withBase) {
          task.base(base.tensor(name));
        }
        sources.forEach(source -> task.source(source.name(), source.tensor(name)));
        TensorBuffer expected = TensorBuffer.allocate(info);
        operator.merge(task.build(), expected);
        requireSame(expected, merged, info);
      }
    }
    System.out.println("three tensors merged again: the same bytes");
  }

  private static void requireSame(TensorBuffer expected, Checkpoint merged, TensorInfo info) {
    int count = Math.toIntExact(info.elementCount());
    int size = info.dtype().size();
    float[] values = new float[count];
    expected.readFloats(0, values, 0, count);
    byte[] wanted = new byte[count * size];
    FloatCodec.encode(info.dtype(), values, 0, ByteBuffer.wrap(wanted), 0, count);
    byte[] got = new byte[count * size];
    merged.tensor(info.name()).readBytes(0, got, 0, got.length);
    if (!Arrays.equals(wanted, got)) {
      throw new IllegalStateException("tensor '" + info.name() + "' was written wrongly");
    }
  }

  private static void sample(AtomicReference<ProcessMemory> largest) {
    try {
      while (true) {
        ProcessMemory now = ProcessMemory.now();
        largest.updateAndGet(now::max);
        Thread.sleep(100);
      }
    } catch (InterruptedException e) {
      // The merge is over.
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void print(String format, Object... values) {
    System.out.printf(Locale.ROOT, format + "%n", values);
  }
}
