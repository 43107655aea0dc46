package io.evomerge.benchmarks;

import io.evomerge.candidate.MergedModelWriter;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointWriter;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.ParameterValues;
import io.evomerge.genome.Semantics;
import io.evomerge.merge.MergeCache;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeOperator.BaseModel;
import io.evomerge.merge.MergeOperators;
import io.evomerge.merge.MergeTask;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.FloatCodec;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import io.evomerge.tensor.TensorViews;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * How fast whole models are merged, as a fraction of what moving the same bytes takes with the same
 * threads: bfloat16 models in Llama's shapes, in memory against a copy in memory, and from files to
 * files against reading and writing them.
 *
 * <p>The bytes that count are all that a method reads: the sources, and the base where the method
 * needs one. Inputs lie in direct memory, or in files that the system has cached; results are
 * bfloat16. Before it is timed, one tensor is merged in blocks of another length and compared.
 * {@code -p method=...} takes any of the library's methods, {@code -p megabytes=8} makes it small.
 */
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {
      "-Xmx1g",
      "-XX:MaxDirectMemorySize=8g",
      "--add-modules",
      "jdk.incubator.vector"
    })
@Warmup(iterations = 3)
@Measurement(iterations = 5)
public class MergeThroughputBenchmark {

  private static final int LAYERS = 4;

  /** Threads and what is shared out to them. */
  @State(Scope.Benchmark)
  public static class Team {

    /** How many threads merge, or move bytes. */
    @Param("2")
    public int threads;

    private ExecutorService pool;

    /** Starts the threads. */
    @Setup
    public void start() {
      pool = Executors.newFixedThreadPool(threads);
    }

    /** Ends the threads. */
    @TearDown
    public void end() {
      pool.shutdown();
    }

    private void forEach(int count, IntConsumer work)
        throws ExecutionException, InterruptedException {
      AtomicInteger next = new AtomicInteger();
      List<Future<?>> workers = new ArrayList<>();
      for (int t = 0; t < threads; t++) {
        workers.add(
            pool.submit(
                () -> {
                  for (int i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
                    work.accept(i);
                  }
                }));
      }
      for (Future<?> worker : workers) {
        worker.get();
      }
    }
  }

  /** A base, two models tuned from it, and room for one of them. */
  @State(Scope.Benchmark)
  public static class Models {

    /** Size of one model. */
    @Param("600")
    public int megabytes;

    private List<TensorInfo> tensors;
    private final List<List<ByteBuffer>> models = new ArrayList<>();
    private final List<ByteBuffer> output = new ArrayList<>();

    /** Makes the models. */
    @Setup
    public void make() {
      double scale = Math.sqrt(megabytes / 600.0);
      int hidden = multiple(2048 * scale);
      int inner = multiple(5632 * scale);
      int keys = multiple(256 * scale);
      int words = multiple(32_000 * scale);
      List<TensorInfo> all = new ArrayList<>();
      add(all, "model.embed_tokens.weight", words, hidden);
      add(all, "lm_head.weight", words, hidden);
      add(all, "model.norm.weight", hidden);
      for (int layer = 0; layer < LAYERS; layer++) {
        String name = "model.layers." + layer;
        add(all, name + ".input_layernorm.weight", hidden);
        add(all, name + ".post_attention_layernorm.weight", hidden);
        add(all, name + ".self_attn.q_proj.weight", hidden, hidden);
        add(all, name + ".self_attn.k_proj.weight", keys, hidden);
        add(all, name + ".self_attn.v_proj.weight", keys, hidden);
        add(all, name + ".self_attn.o_proj.weight", hidden, hidden);
        add(all, name + ".mlp.gate_proj.weight", inner, hidden);
        add(all, name + ".mlp.up_proj.weight", inner, hidden);
        add(all, name + ".mlp.down_proj.weight", hidden, inner);
      }
      all.sort(Comparator.comparingLong(TensorInfo::byteSize).reversed());
      tensors = List.copyOf(all);
      for (int model = 0; model < 3; model++) {
        List<ByteBuffer> buffers = new ArrayList<>();
        for (TensorInfo tensor : tensors) {
          buffers.add(fill(tensor, model));
        }
        models.add(buffers);
      }
      for (TensorInfo tensor : tensors) {
        output.add(ByteBuffer.allocateDirect((int) tensor.byteSize()));
      }
    }

    private static int multiple(double size) {
      return Math.max(64, (int) Math.round(size / 64) * 64);
    }

    private static void add(List<TensorInfo> tensors, String name, long... shape) {
      tensors.add(new TensorInfo(name, DType.BF16, Arrays.stream(shape).boxed().toList()));
    }

    /** Numbers below 0.03; a tuned model differs from the base in its last three bits. */
    private static ByteBuffer fill(TensorInfo tensor, int model) {
      SplittableRandom base = new SplittableRandom(tensor.name().hashCode());
      SplittableRandom tuned = new SplittableRandom(31L * tensor.name().hashCode() + model);
      ByteBuffer bytes = ByteBuffer.allocateDirect((int) tensor.byteSize());
      for (int at = 0; at < bytes.capacity(); at += 8) {
        long four = base.nextLong() & 0x81FF_81FF_81FF_81FFL | 0x3A00_3A00_3A00_3A00L;
        if (model > 0) {
          four ^= tuned.nextLong() & 0x0007_0007_0007_0007L;
        }
        bytes.putLong(at, Long.reverseBytes(four));
      }
      return bytes;
    }

    private long bytesPerModel() {
      return tensors.stream().mapToLong(TensorInfo::byteSize).sum();
    }
  }

  /** A method with parameters from its own specification. */
  @State(Scope.Benchmark)
  public static class Method {

    /** Name of a method of the library. */
    @Param({
      "linear",
      "slerp",
      "task_arithmetic",
      "ties",
      "dare_ties",
      "model_stock",
      "breadcrumbs",
      "della"
    })
    public String method;

    /** Whose definition of it. */
    @Param("PAPER")
    public Semantics semantics;

    /** What a second merge may find in the heap. */
    @Param("512")
    public int cacheMegabytes;

    private MergeOperator operator;
    private MergeCache cache;

    /** Finds the method, and verifies its merge of a tensor. */
    @Setup
    public void verify(Models models) {
      operator = MergeOperators.standard().get(method);
      if (operator == null) {
        throw new IllegalArgumentException(
            "unknown method " + method + ", known are " + MergeOperators.standard().keySet());
      }
      cache = MergeCache.ofBytes((long) cacheMegabytes << 20);
      int small = models.tensors.size() / 2;
      ByteBuffer expected = ByteBuffer.allocateDirect(models.output.get(small).capacity());
      operator.merge(
          task(models, small, MergeCache.none()).blockLength(10_001).build(),
          new MemorySink(models.tensors.get(small), expected));
      merge(models, small, MergeCache.none());
      if (!models.output.get(small).equals(expected)) {
        throw new IllegalStateException(method + " depends on the length of blocks");
      }
    }

    private void merge(Models models, int tensor, MergeCache kept) {
      operator.merge(
          task(models, tensor, kept).build(),
          new MemorySink(models.tensors.get(tensor), models.output.get(tensor)));
    }

    private MergeTask.Builder task(Models models, int tensor, MergeCache kept) {
      TensorInfo info = models.tensors.get(tensor);
      MergeTask.Builder task =
          MergeTask.builder(info)
              .parameters(ParameterValues.of(parameters(operator)))
              .semantics(semantics)
              .seed(3)
              .cache(kept);
      if (operator.baseModel() == BaseModel.REQUIRED) {
        task.base(TensorViews.of(info, models.models.get(0).get(tensor).duplicate()));
      }
      for (int s = 1; s <= sources(operator); s++) {
        task.source(
            "source-" + s, TensorViews.of(info, models.models.get(s).get(tensor).duplicate()));
      }
      return task;
    }
  }

  /** The models and a method's recipe, as folders. */
  @State(Scope.Benchmark)
  public static class Folders {

    private Path folder;
    private final List<Checkpoint> open = new ArrayList<>();
    private final List<Path> weights = new ArrayList<>();

    /** Writes the models; reading them for their digests puts them into the system's cache. */
    @Setup
    public void write(Models models) throws IOException {
      folder = Files.createTempDirectory("merge-throughput");
      for (int m = 0; m < 3; m++) {
        Path target = folder.resolve("model-" + m);
        List<TensorInfo> tensors = models.tensors;
        try (CheckpointWriter writer =
            CheckpointWriter.create(target, tensors, Map.of(), WriteOptions.defaults())) {
          for (int t = 0; t < tensors.size(); t++) {
            copy(models.models.get(m).get(t), writer.sink(tensors.get(t).name()));
          }
          writer.write("config.json", config(tensors).getBytes(StandardCharsets.UTF_8));
          writer.commit();
        }
        Checkpoint checkpoint = Checkpoints.open(target);
        checkpoint.sha256();
        open.add(checkpoint);
        weights.add(target.resolve("model.safetensors"));
      }
    }

    private static void copy(ByteBuffer from, TensorSink to) {
      byte[] block = new byte[1 << 20];
      for (int at = 0; at < from.capacity(); at += block.length) {
        int count = Math.min(block.length, from.capacity() - at);
        from.get(at, block, 0, count);
        to.writeBytes(at, block, 0, count);
      }
    }

    private static String config(List<TensorInfo> tensors) {
      Map<String, List<Long>> shapes = new HashMap<>();
      tensors.forEach(tensor -> shapes.put(tensor.name(), tensor.shape()));
      long hidden = shapes.get("model.norm.weight").get(0);
      return String.format(
          Locale.ROOT,
          """
          {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "bfloat16",
          "hidden_size": %d, "intermediate_size": %d, "num_hidden_layers": %d, "vocab_size": %d,
          "num_attention_heads": %d, "num_key_value_heads": %d, "head_dim": 64,
          "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
          "max_position_embeddings": 2048, "tie_word_embeddings": false}
          """,
          hidden,
          shapes.get("model.layers.0.mlp.up_proj.weight").get(0),
          LAYERS,
          shapes.get("lm_head.weight").get(0),
          hidden / 64,
          shapes.get("model.layers.0.self_attn.k_proj.weight").get(0) / 64);
    }

    /** Closes and removes them. */
    @TearDown
    public void remove() throws IOException {
      open.forEach(Checkpoint::close);
      delete(folder);
    }
  }

  private static int sources(MergeOperator operator) {
    return Math.min(2, operator.maxSources());
  }

  /** Returns how many models a method reads here. */
  static int inputs(String method) {
    MergeOperator operator = MergeOperators.standard().get(method);
    return sources(operator) + (operator.baseModel() == BaseModel.REQUIRED ? 1 : 0);
  }

  /** Something inside each range, and different for the sources. */
  private static Map<String, double[]> parameters(MergeOperator operator) {
    Map<String, double[]> values = new HashMap<>();
    for (ParameterSpec spec : operator.parameters()) {
      if (spec.name().equals("density")) {
        values.put("density", new double[] {0.5});
      } else if (spec.name().equals("weight") && sources(operator) == 2) {
        values.put("weight", new double[] {0.6, 0.9});
      } else if (Double.isNaN(spec.defaultValue())) {
        double middle = (spec.searchMin() + spec.searchMax()) / 2;
        values.put(spec.name(), new double[] {middle});
      }
    }
    return values;
  }

  /** Merges all tensors; nothing is kept from one merge to the next. */
  @Benchmark
  public Object merge(Team team, Models models, Method method)
      throws ExecutionException, InterruptedException {
    team.forEach(models.tensors.size(), i -> method.merge(models, i, MergeCache.none()));
    return models.output;
  }

  /** Merges all tensors; what the merges before have kept is there. */
  @Benchmark
  public Object mergeAgain(Team team, Models models, Method method)
      throws ExecutionException, InterruptedException {
    team.forEach(models.tensors.size(), i -> method.merge(models, i, method.cache));
    return models.output;
  }

  /** Copies one model. */
  @Benchmark
  public Object copyModel(Team team, Models models)
      throws ExecutionException, InterruptedException {
    team.forEach(
        models.tensors.size(),
        i -> {
          ByteBuffer from = models.models.get(1).get(i);
          models.output.get(i).put(0, from, 0, from.capacity());
        });
    return models.output;
  }

  /** Merges folders into a folder that is on disk at the end. */
  @Benchmark
  public Object mergeFiles(Team team, Folders folders, Method method) throws IOException {
    boolean withBase = method.operator.baseModel() == BaseModel.REQUIRED;
    List<Checkpoint> sources = folders.open.subList(1, 1 + sources(method.operator));
    MergeRecipe.Builder recipe =
        MergeRecipe.builder(method.method)
            .semantics(method.semantics)
            .sources(sources.stream().map(Checkpoint::ref).toList())
            .seed(3);
    if (withBase) {
      recipe.base(folders.open.get(0).ref());
    }
    parameters(method.operator)
        .forEach(
            (name, values) -> {
              if (values.length == 1) {
                recipe.parameter(name, values[0]);
              } else {
                recipe.perSource(name, values);
              }
            });
    return MergedModelWriter.builder()
        .parallelism(team.threads)
        .writeOptions(WriteOptions.defaults().withOverwrite(true))
        .build()
        .write(
            recipe.build(),
            withBase ? Optional.of(folders.open.get(0)) : Optional.empty(),
            sources,
            folders.folder.resolve("merged"));
  }

  /** Reads what a method reads, and writes a file of one model's size to disk. */
  @Benchmark
  public Object readAndWriteFiles(Team team, Folders folders, Method method, Models models)
      throws IOException, ExecutionException, InterruptedException {
    int first = method.operator.baseModel() == BaseModel.REQUIRED ? 0 : 1;
    List<Path> inputs = folders.weights.subList(first, 1 + sources(method.operator));
    Path target = folders.folder.resolve("written");
    long size = models.bytesPerModel();
    int chunk = 1 << 20;
    List<FileChannel> channels = new ArrayList<>();
    try (FileChannel out =
        FileChannel.open(target, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      for (Path input : inputs) {
        channels.add(FileChannel.open(input, StandardOpenOption.READ));
      }
      team.forEach(
          (int) ((size + chunk - 1) / chunk),
          i -> {
            ByteBuffer buffer = ByteBuffer.allocateDirect(chunk);
            long at = (long) i * chunk;
            try {
              for (FileChannel channel : channels) {
                channel.read(buffer.clear(), at);
              }
              buffer.clear().limit((int) Math.min(chunk, size - at));
              out.write(buffer, at);
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
      out.force(true);
    } finally {
      for (FileChannel channel : channels) {
        channel.close();
      }
    }
    Files.delete(target);
    return target;
  }

  private static void delete(Path folder) throws IOException {
    Files.walkFileTree(
        folder,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.delete(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path directory, IOException failure)
              throws IOException {
            Files.delete(directory);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  /** Takes bfloat16 into memory. */
  private record MemorySink(TensorInfo info, ByteBuffer bytes) implements TensorSink {

    @Override
    public void writeFloats(long offset, float[] source, int sourceOffset, int length) {
      FloatCodec.encode(DType.BF16, source, sourceOffset, bytes, (int) (2 * offset), length);
    }

    @Override
    public void writeBytes(long byteOffset, byte[] source, int sourceOffset, int length) {
      bytes.put((int) byteOffset, source, sourceOffset, length);
    }
  }
}
