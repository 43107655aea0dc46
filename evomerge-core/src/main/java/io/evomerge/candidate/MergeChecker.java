package io.evomerge.candidate;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.MergeableOptions;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.exception.ConfigurationException;
import io.evomerge.exception.EvoMergeException;
import io.evomerge.genome.ParameterValues;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeTask;
import io.evomerge.recipe.DataFlow;
import io.evomerge.recipe.LayerSlice;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorBuffer;
import io.evomerge.tensor.TensorInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** Tells what a merge would do and what keeps it from being done, from headers alone. */
final class MergeChecker {

  private static final long TRIAL_ROWS = 256;
  private static final long TRIAL_COLUMNS = 1024;
  private static final int TRIAL_RUNS = 4;

  /** Opens the models that a recipe names. */
  interface Opener {
    Checkpoint open(CheckpointRef ref) throws IOException;
  }

  private final Opener opener;
  private final Function<MergeRecipe, MergeOperator> operators;
  private final WriteOptions options;
  private final boolean allowMixedDtypes;
  private final int parallelism;
  private final PathForm pathForm;
  private final Set<String> problems = new LinkedHashSet<>();
  private final List<String> notes = new ArrayList<>();

  MergeChecker(
      Opener opener,
      Function<MergeRecipe, MergeOperator> operators,
      WriteOptions options,
      boolean allowMixedDtypes,
      int parallelism,
      PathForm pathForm) {
    this.opener = opener;
    this.operators = operators;
    this.options = options;
    this.allowMixedDtypes = allowMixedDtypes;
    this.parallelism = parallelism;
    this.pathForm = pathForm;
  }

  MergeReport check(MergeRecipe recipe, Optional<Path> folder) {
    List<Checkpoint> opened = new ArrayList<>();
    try {
      Optional<Checkpoint> base = recipe.base().flatMap(ref -> open("base", ref, opened));
      List<Checkpoint> sources = new ArrayList<>();
      for (CheckpointRef ref : recipe.sources()) {
        open("source", ref, opened).ifPresent(sources::add);
      }
      List<Checkpoint> pathModels = new ArrayList<>();
      for (CheckpointRef ref : recipe.dataFlow().map(DataFlow::models).orElse(List.of())) {
        open("model of the path", ref, opened).ifPresent(pathModels::add);
      }
      boolean allOpen =
          base.isPresent() == recipe.base().isPresent()
              && sources.size() == recipe.sources().size()
              && pathModels.size() == recipe.dataFlow().map(flow -> flow.models().size()).orElse(0);
      return check(recipe, base, sources, pathModels, allOpen, folder);
    } finally {
      opened.forEach(Checkpoint::close);
    }
  }

  /** Checks open models, which stay open. */
  MergeReport check(
      MergeRecipe recipe,
      Optional<Checkpoint> base,
      List<Checkpoint> sources,
      List<Checkpoint> pathModels,
      Optional<Path> folder) {
    checkNames("base", recipe.base().stream().toList(), base.stream().toList());
    checkNames("sources", recipe.sources(), sources);
    List<CheckpointRef> refs = recipe.dataFlow().map(DataFlow::models).orElse(List.of());
    checkNames("models of the path", refs, pathModels);
    return check(recipe, base, sources, pathModels, problems.isEmpty(), folder);
  }

  private MergeReport check(
      MergeRecipe recipe,
      Optional<Checkpoint> base,
      List<Checkpoint> sources,
      List<Checkpoint> pathModels,
      boolean complete,
      Optional<Path> folder) {
    Optional<MergeOperator> operator = attempt(() -> operators.apply(recipe));
    List<Checkpoint> models = new ArrayList<>(sources);
    base.ifPresent(model -> models.add(0, model));
    operator.ifPresent(
        method -> {
          if (complete) {
            problems.addAll(
                MergeInputs.structureProblems(method, base.orElse(null), sources, recipe));
          }
          models.stream().findFirst().ifPresent(model -> checkParameters(recipe, method, model));
        });
    if (complete && models.size() > 1) {
      attempt(
          () -> {
            Checkpoints.requireMergeable(
                models.get(0),
                models.subList(1, models.size()),
                new MergeableOptions(
                    allowMixedDtypes, recipe.vocabulary().isPresent(), !recipe.slices().isEmpty()));
            return true;
          });
    }
    if (folder.isPresent()) {
      List<Checkpoint> all = new ArrayList<>(models);
      all.addAll(pathModels);
      checkNotMerged(recipe, all, folder.get());
    }
    Optional<MergeInputs> inputs = Optional.empty();
    boolean worthTrying = problems.isEmpty() || recipe.dataFlow().isPresent();
    if (operator.isPresent() && complete && worthTrying) {
      inputs =
          attempt(
              () ->
                  new MergeInputs(
                      "merge",
                      operator.get(),
                      base.orElse(null),
                      sources,
                      pathModels,
                      recipe,
                      allowMixedDtypes));
    }
    if (inputs.isEmpty()) {
      recipe.dataFlow().ifPresent(flow -> checkPath(flow, recipe, models, pathModels));
      return failed(folder);
    }
    try (MergeInputs ready = inputs.get()) {
      return report(recipe, ready, operator.get(), folder);
    }
  }

  private void checkNames(String what, List<CheckpointRef> refs, List<Checkpoint> models) {
    List<String> wanted = refs.stream().map(CheckpointRef::name).toList();
    List<String> got = models.stream().map(Checkpoint::name).toList();
    if (!got.equals(wanted)) {
      problems.add("the recipe names the " + what + " " + wanted + ", open are " + got);
    }
  }

  /** Checks what of a path can be checked where the models do not fit together. */
  private void checkPath(
      DataFlow flow, MergeRecipe recipe, List<Checkpoint> models, List<Checkpoint> pathModels) {
    problems.addAll(FoldedScales.problems(flow, pathForm));
    Map<String, Integer> layers = new HashMap<>();
    pathModels.forEach(model -> layers.put(model.name(), model.layout().layerCount()));
    if (!recipe.slices().isEmpty()) {
      layers.put(flow.merged(), recipe.slices().stream().mapToInt(LayerSlice::length).sum());
    } else {
      models.stream()
          .findFirst()
          .ifPresent(model -> layers.put(flow.merged(), model.layout().layerCount()));
    }
    problems.addAll(LayerModels.hopProblems(flow, layers));
  }

  private void checkParameters(MergeRecipe recipe, MergeOperator operator, Checkpoint model) {
    if (!recipe.slices().isEmpty()) {
      return;
    }
    for (String name : model.tensors().keySet()) {
      attempt(() -> recipe.parametersFor(name, model.layout().role(name), operator.parameters()));
    }
  }

  private Optional<Checkpoint> open(String role, CheckpointRef ref, List<Checkpoint> opened) {
    try {
      Checkpoint checkpoint = opener.open(ref);
      opened.add(checkpoint);
      return Optional.of(checkpoint);
    } catch (IOException | RuntimeException e) {
      String what = e.getMessage() == null ? e.toString() : e.getMessage();
      problems.add(role + " '" + ref.name() + "': " + what);
      return Optional.empty();
    }
  }

  private <T> Optional<T> attempt(Supplier<T> work) {
    try {
      return Optional.of(work.get());
    } catch (ConfigurationException e) {
      problems.addAll(e.problems());
    } catch (EvoMergeException e) {
      problems.add(String.valueOf(e.getMessage()));
    }
    return Optional.empty();
  }

  private MergeReport failed(Optional<Path> folder) {
    OptionalLong free = folder.map(this::checkTarget).orElse(OptionalLong.empty());
    return new MergeReport(List.copyOf(problems), notes, 0, 0, 0, 0, 0, free, 0, Optional.empty());
  }

  private MergeReport report(
      MergeRecipe recipe, MergeInputs inputs, MergeOperator operator, Optional<Path> folder) {
    Function<TensorInfo, ParameterValues> parameters = inputs.parameters(recipe);
    long scratch = 0;
    for (TensorInfo info : inputs.merged()) {
      attempt(() -> parameters.apply(info));
      scratch = Math.max(scratch, inputs.scratchBytes(info));
    }
    Optional<ModelOutputs> planned =
        attempt(() -> ModelOutputs.of("merge", recipe, inputs, pathForm));
    if (planned.isEmpty()) {
      return failed(folder);
    }
    ModelOutputs outputs = planned.get();
    notes.addAll(outputs.notes());
    long written = outputs.bytesWritten();
    Optional<TensorInfo> largest =
        outputs.merged().stream().max(Comparator.comparingLong(TensorInfo::elementCount));
    long room = Runtime.getRuntime().maxMemory();
    // As many tensors at a time as half the heap has room for, but at least one.
    int atOnce = (int) Math.max(1, Math.min(parallelism, room / 2 / Math.max(1, scratch)));
    long heap = Math.max(scratch, Math.min(scratch * parallelism, room / 2));
    if (heap > room) {
      problems.add(
          "operator '"
              + operator.name()
              + "' needs about "
              + mebibytes(heap)
              + " of heap for the largest tensor, this program may take "
              + mebibytes(room)
              + ": give the JVM more with -Xmx");
    }
    OptionalLong free = folder.map(this::checkTarget).orElse(OptionalLong.empty());
    if (free.isPresent() && free.getAsLong() < written) {
      problems.add(
          "the model takes "
              + mebibytes(written)
              + ", only "
              + mebibytes(free.getAsLong())
              + " are free at "
              + folder.get()
              + ": make room or choose another target");
    }
    Optional<Duration> time = Optional.empty();
    if (problems.isEmpty() && largest.isPresent()) {
      TensorInfo typical = largest.get();
      time =
          trial(
                  recipe,
                  operator,
                  inputs.ofParticipants(parameters.apply(typical), inputs.participants(typical)),
                  inputs.participants(typical))
              .map(perElement -> duration(perElement, operator, outputs, atOnce));
    }
    return new MergeReport(
        List.copyOf(problems),
        notes,
        outputs.tensors().size(),
        outputs.layers(),
        outputs.parameterCount(),
        outputs.bytesRead(inputs),
        written,
        free,
        heap,
        time);
  }

  private Duration duration(
      double nanosPerElement, MergeOperator operator, ModelOutputs outputs, int atOnce) {
    boolean whole = holdsMatrices(operator);
    double nanos = 0;
    for (TensorInfo info : outputs.merged()) {
      List<Long> shape = info.shape();
      // Decompositions take time in proportion to the elements times the shorter side.
      double factor =
          whole && shape.size() == 2
              ? Math.max(1, (double) Math.min(shape.get(0), shape.get(1)) / TRIAL_ROWS)
              : 1;
      nanos += nanosPerElement * factor * info.elementCount();
    }
    int threads = Math.min(parallelism, Runtime.getRuntime().availableProcessors());
    return Duration.ofNanos((long) (nanos / (whole ? Math.min(threads, atOnce) : threads)));
  }

  /** An operator whose memory grows with the matrix has all of it there, to decompose it. */
  private static boolean holdsMatrices(MergeOperator operator) {
    return operator.scratchBytes(square(2 * TRIAL_COLUMNS), 2)
        > 2 * operator.scratchBytes(square(TRIAL_COLUMNS), 2);
  }

  private static TensorInfo square(long side) {
    return new TensorInfo("trial", DType.F32, List.of(side, side));
  }

  /** Merges random numbers and returns the nanoseconds per element, if the operator can do that. */
  private static Optional<Double> trial(
      MergeRecipe recipe, MergeOperator operator, ParameterValues values, List<Integer> sources) {
    TensorInfo info = new TensorInfo("trial", DType.F32, List.of(TRIAL_ROWS, TRIAL_COLUMNS));
    try {
      MergeTask.Builder task =
          MergeTask.builder(info).parameters(values).semantics(recipe.semantics());
      if (recipe.base().isPresent()) {
        task.base(random(info, -1));
      }
      for (int source : sources) {
        task.source(recipe.sources().get(source).name(), random(info, source));
      }
      MergeTask ready = task.build();
      TensorBuffer sink = TensorBuffer.allocate(info);
      long best = Long.MAX_VALUE;
      for (int run = 0; run < TRIAL_RUNS; run++) {
        long start = System.nanoTime();
        operator.merge(ready, sink);
        best = Math.min(best, System.nanoTime() - start);
      }
      return Optional.of((double) best / info.elementCount());
    } catch (RuntimeException e) {
      // It needs more than tensors: all of a model, or statistics.
      return Optional.empty();
    }
  }

  private static TensorBuffer random(TensorInfo info, long seed) {
    Random random = new Random(seed);
    TensorBuffer buffer = TensorBuffer.allocate(info);
    float[] row = new float[(int) TRIAL_COLUMNS];
    for (long r = 0; r < TRIAL_ROWS; r++) {
      for (int i = 0; i < row.length; i++) {
        row[i] = (float) random.nextGaussian();
      }
      buffer.writeFloats(r * TRIAL_COLUMNS, row, 0, row.length);
    }
    return buffer;
  }

  private void checkNotMerged(MergeRecipe recipe, List<Checkpoint> opened, Path folder) {
    try {
      for (String problem : MergedModelWriter.sourcesInTarget(recipe, opened, folder)) {
        problems.add("target " + folder + ": " + problem);
      }
    } catch (IOException e) {
      problems.add("target " + folder + ": " + e);
    }
  }

  /** Checks that the target can be written, and returns the free space there. */
  private OptionalLong checkTarget(Path folder) {
    try {
      if (Files.isRegularFile(folder)) {
        problems.add("target " + folder + " is a file: name a folder");
      } else if (Files.isDirectory(folder) && !options.overwrite() && !isEmpty(folder)) {
        problems.add("target " + folder + " is not empty: choose another, or allow overwriting");
      }
      Path existing = folder.toAbsolutePath().normalize();
      while (!Files.exists(existing) && existing.getParent() != null) {
        existing = existing.getParent();
      }
      if (!existing.equals(folder.toAbsolutePath().normalize()) && !Files.isDirectory(existing)) {
        problems.add(existing + " is a file, so nothing can be written below it");
      } else if (!Files.isWritable(existing)) {
        problems.add("cannot write in " + existing + ": choose another target");
      }
      return OptionalLong.of(Files.getFileStore(existing).getUsableSpace());
    } catch (IOException e) {
      problems.add("target " + folder + ": " + e);
      return OptionalLong.empty();
    }
  }

  private static boolean isEmpty(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.findAny().isEmpty();
    }
  }

  private static String mebibytes(long bytes) {
    return (bytes + (1 << 20) - 1 >> 20) + " MiB";
  }
}
