package io.evomerge.examples;

import io.evomerge.EvoMerge;
import io.evomerge.allocation.ItemAllocation;
import io.evomerge.allocation.ItemAllocations;
import io.evomerge.allocation.ItemResponse;
import io.evomerge.allocation.Racing;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.merge.MergeOperators;
import io.evomerge.onnx.language.EvaluationReport;
import io.evomerge.onnx.language.TextEvaluator;
import io.evomerge.onnx.language.TextTask;
import io.evomerge.onnx.runtime.OnnxBackend;
import io.evomerge.optimizer.OptimizerFactory;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.result.EvolutionResult;
import io.evomerge.result.SelectedModel;
import io.evomerge.result.StopReason;
import io.evomerge.result.TrialRecord;
import io.evomerge.run.Progress;
import io.evomerge.run.RunListener;
import io.evomerge.run.StopCondition;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How much a search saves that does not score every candidate on every item. */
@Command(
    name = "cheap-fitness",
    description = {
      "Runs the quickstart's search with every candidate scored on all 'train' items, and with racing,"
          + " successive halving, common subsets and predicted scores on a share of the item evaluations;"
          + " compares the models on 'valid', which chooses, and on 'test'."
    },
    mixinStandardHelpOptions = true)
final class CheapFitness implements Callable<Integer> {

  private static final List<String> SOURCES = List.of("math-en", "math-en-2", "ja");

  /** Scored in full at the end: leaders by estimate, and the last mean. */
  private static final int CONFIRMATIONS = 5;

  /** What is compared. */
  enum Method {
    /** All candidates on all items, with the whole budget. */
    FULL,
    /** All candidates on all items, with the share of it that the other methods get. */
    FULL_SHARE,
    /** Racing for the better half of each generation. */
    RACING,
    /** Racing for the best of each generation. */
    RACING_FIRST,
    /** Successive halving within each generation. */
    HALVING,
    /** A random subset for each generation. */
    COMMON,
    /** Subset and item response theory. */
    IRT,
    /** As published: the same subset for the whole search. */
    IRT_FIXED,
    /** Subset and ridge regression. */
    REGRESSION;

    Optional<ItemAllocation> allocation() {
      return Optional.ofNullable(
          switch (this) {
            case FULL, FULL_SHARE -> null;
            case RACING -> ItemAllocations.racing().confirmations(CONFIRMATIONS);
            case RACING_FIRST -> racing().select(0.01).confirmations(CONFIRMATIONS);
            case HALVING -> ItemAllocations.successiveHalving().confirmations(CONFIRMATIONS);
            case COMMON -> ItemAllocations.commonSubset().confirmations(CONFIRMATIONS);
            case IRT -> logistic();
            case IRT_FIXED -> logistic().renewed(false);
            case REGRESSION -> ItemAllocations.itemResponse().confirmations(CONFIRMATIONS);
          });
    }

    private static Racing racing() {
      return ItemAllocations.racing();
    }

    private static ItemResponse logistic() {
      return ItemAllocations.itemResponse()
          .model(ItemResponse.Model.LOGISTIC)
          .confirmations(CONFIRMATIONS);
    }
  }

  @Option(
      names = "--seeds",
      split = ",",
      paramLabel = "SEED",
      description = "Searches of each kind. Default: 1,2,3,4,5.")
  private List<Long> seeds = List.of(1L, 2L, 3L, 4L, 5L);

  @Option(
      names = "--methods",
      split = ",",
      paramLabel = "METHOD",
      description = "Some of ${COMPLETION-CANDIDATES}. Default: all.")
  private List<Method> methods = List.of(Method.values());

  @Option(
      names = "--optimizers",
      split = ",",
      paramLabel = "NAME",
      description = {
        "cma-es, which runs with each method, and others, which run with full fitness only:"
            + " random-search, sobol-search, bayesian-optimization, differential-evolution,"
            + " particle-swarm, portfolio, commons-math-cma-es. Default: cma-es,random-search."
      })
  private List<String> optimizers = List.of("cma-es", "random-search");

  @Option(
      names = "--evaluations",
      description = "Candidates that full fitness scores. Default: ${DEFAULT-VALUE}.")
  private int evaluations = 600;

  @Option(
      names = "--share",
      description =
          "Share of the item evaluations that the other methods get. Default: ${DEFAULT-VALUE}.")
  private double share = 1 / 3.0;

  @Option(
      names = "--fitness",
      description =
          "What 'train' answers are scored by: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
  private PathStudy.Measure fitness = PathStudy.Measure.LOG_LIKELIHOOD;

  @Option(
      names = "--parallelism",
      description = "Candidates evaluated at once. Default: the processors of this machine.")
  private int parallelism = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--items",
      description = "Only so many items of each split, for a quick look. Default: all.")
  private @Nullable Integer items;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      description =
          "Journals, one folder per search, and cheap-fitness.csv. A search whose journal is there"
              + " goes on.")
  private @Nullable Path out;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws IOException {
    Main.requireAtLeastOne(spec, "--evaluations", evaluations);
    Main.requireAtLeastOne(spec, "--parallelism", parallelism);
    if (items != null) {
      Main.requireAtLeastOne(spec, "--items", items);
    }
    if (!(share > 0 && share <= 1)) {
      throw new ParameterException(
          spec.commandLine(), "--share: got " + share + ", wanted above 0 and at most 1");
    }
    Map<String, OptimizerFactory> chosen = chosenOptimizers();
    PrintWriter print = spec.commandLine().getOut();
    TextTask task = Zoo.japaneseMath();
    CheapFitnessTable table = new CheapFitnessTable(out);
    try (OnnxBackend backend = OnnxBackend.auto();
        TextEvaluator train = measured(part(task, "train")).on(backend);
        TextEvaluator valid = part(task, "valid").on(backend);
        TextEvaluator test = part(task, "test").on(backend)) {
      print.printf(
          Locale.ROOT,
          "Quickstart's search, %d 'train' items; full fitness: %d trials, %,d item evaluations;"
              + " others: at most %,d%n",
          train.itemCount(),
          evaluations,
          (long) evaluations * train.itemCount(),
          budget(train));
      CheapFitnessTable.header(print);
      for (long seed : seeds) {
        for (Map.Entry<String, OptimizerFactory> optimizer : chosen.entrySet()) {
          for (Method method : methods) {
            boolean full = method == Method.FULL || method == Method.FULL_SHARE;
            if (!full && !optimizer.getKey().equals("cma-es")) {
              continue;
            }
            if (!search(print, table, optimizer, method, seed, train, valid, test)) {
              print.println(
                  out == null
                      ? "Interrupted. With --out FOLDER it could go on another time."
                      : "Interrupted. Go on with the same command.");
              print.flush();
              return 130;
            }
          }
        }
      }
    }
    table.summary(print);
    return 0;
  }

  private Map<String, OptimizerFactory> chosenOptimizers() {
    Map<String, OptimizerFactory> known = new LinkedHashMap<>();
    for (OptimizerFactory each :
        List.of(
            Optimizers.cmaEs(),
            Optimizers.randomSearch(),
            Optimizers.bayesian(),
            Optimizers.sobolSearch(),
            Optimizers.differentialEvolution(),
            Optimizers.particleSwarm(),
            Optimizers.portfolio(),
            Optimizers.commonsMathCmaEs())) {
      known.put(each.name(), each);
    }
    Map<String, OptimizerFactory> chosen = new LinkedHashMap<>();
    for (String name : optimizers) {
      OptimizerFactory factory = known.get(name);
      if (factory == null) {
        throw new ParameterException(
            spec.commandLine(),
            "--optimizers: got " + name + ", wanted some of " + String.join(", ", known.keySet()));
      }
      chosen.put(name, factory);
    }
    return chosen;
  }

  private long budget(TextEvaluator train) {
    return Math.max(1, Math.round(share * evaluations * train.itemCount()));
  }

  private boolean search(
      PrintWriter print,
      CheapFitnessTable table,
      Map.Entry<String, OptimizerFactory> optimizer,
      Method method,
      long seed,
      TextEvaluator train,
      TextEvaluator valid,
      TextEvaluator test)
      throws IOException {
    Cost cost = new Cost(train.itemCount());
    String name =
        method.name().toLowerCase(Locale.ROOT).replace('_', '-') + "-" + optimizer.getKey();
    StopCondition stop;
    if (method == Method.FULL) {
      stop = StopCondition.evaluations(evaluations);
    } else if (method == Method.FULL_SHARE) {
      stop = StopCondition.evaluations(Math.max(1, Math.round(share * evaluations)));
    } else {
      long reserved = (CONFIRMATIONS + 1L) * train.itemCount();
      stop = StopCondition.itemEvaluations(Math.max(1, budget(train) - reserved));
    }
    Path zoo = Zoo.folder();
    EvoMerge.Builder builder =
        EvoMerge.builder()
            .base(zoo.resolve("base"))
            .sources(SOURCES.stream().map(zoo::resolve).toArray(Path[]::new))
            .operator(MergeOperators.ties())
            .searchSpace(
                ParameterSpace.perLayer()
                    .range("weight", -1, 2)
                    .start("weight", 0.7)
                    .start("weight", "ja", 0.4)
                    .step("weight", 0.3)
                    .freeze("density", 0.9))
            .optimizer(optimizer.getValue())
            .maximize("train", train, valid)
            .stopWhen(stop)
            .seed(seed)
            .parallelism(parallelism)
            .listener(cost);
    method.allocation().ifPresent(builder::items);
    if (out != null) {
      builder.journal(out.resolve(name + "-" + seed));
    }
    try (EvoMerge search = builder.build()) {
      EvolutionResult result = search.run();
      if (result.stopReason() == StopReason.CANCELLED) {
        return false;
      }
      EvaluationReport tested = Measurement.of(search, result.best().recipe(), test);
      table.add(
          print,
          new CheapFitnessTable.Row(
              name,
              seed,
              cost.itemEvaluations(),
              result.trials().size(),
              result.bestOnSearch().score(),
              result.best().score(),
              result.finalists().size(),
              result.best().validation().get(0).score(),
              tested.accuracy()));
    }
    return true;
  }

  private TextTask measured(TextTask task) {
    return switch (fitness) {
      case ACCURACY -> task;
      case PROBABILITY -> task.scoredByProbability();
      case LOG_LIKELIHOOD -> task.scoredByLogLikelihood();
    };
  }

  private TextTask part(TextTask task, String split) {
    TextTask part = task.split(split);
    return items == null ? part : part.limit(items);
  }

  /** Counts the item scores of a search, those of the full scores at its end included. */
  private static final class Cost implements RunListener {
    private final int itemCount;
    private long searched;
    private long confirmed;

    Cost(int itemCount) {
      this.itemCount = itemCount;
    }

    @Override
    public synchronized void onTrial(TrialRecord trial, boolean improved, Progress progress) {
      searched = progress.itemEvaluations();
    }

    @Override
    public synchronized void onConfirmation(SelectedModel model, int done, int total) {
      confirmed += itemCount;
    }

    synchronized long itemEvaluations() {
      return searched + confirmed;
    }
  }
}
