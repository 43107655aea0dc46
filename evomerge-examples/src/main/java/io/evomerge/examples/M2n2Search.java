package io.evomerge.examples;

import io.evomerge.EvoMerge;
import io.evomerge.Population;
import io.evomerge.fitness.FitnessFunction;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.merge.MergeOperators;
import io.evomerge.optimizer.CmaEs;
import io.evomerge.optimizer.M2n2;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.run.StopCondition;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The digits of the M2N2 paper: two networks that know half of them each become one. */
@Command(
    name = "m2n2",
    description = {
      "Merges a network trained on the digits 0 to 4 and one trained on 5 to 9 into one that reads"
          + " all, by M2N2 with and without each of its parts, and by CMA-ES, at equal evaluations."
    },
    mixinStandardHelpOptions = true)
final class M2n2Search implements Callable<Integer> {

  @Option(
      names = "--evaluations",
      description = "Models that each method scores, sources included. Default: ${DEFAULT-VALUE}.")
  private int evaluations = 1_000;

  @Option(names = "--seeds", description = "Repetitions. Default: ${DEFAULT-VALUE}.")
  private int seeds = 5;

  @Option(
      names = "--hidden",
      description = "Hidden units. Default: ${DEFAULT-VALUE}, as published.")
  private int hidden = 256;

  @Option(
      names = "--parallelism",
      description = "Models scored at once; no influence. Default: the processors, at most 4.")
  private int parallelism = Math.min(4, Runtime.getRuntime().availableProcessors());

  @Option(
      names = "--only",
      paramLabel = "NAME",
      description = "Only rows whose names begin with this, and m2n2. Default: all.")
  private String only = "";

  @Spec private CommandSpec spec = CommandSpec.create();

  /** What a method found: shares of digits read rightly. */
  private record Found(double search, double test) {}

  @Override
  public Integer call() throws IOException {
    Main.requireAtLeastOne(spec, "--evaluations", evaluations);
    Main.requireAtLeastOne(spec, "--seeds", seeds);
    Main.requireAtLeastOne(spec, "--hidden", hidden);
    Main.requireAtLeastOne(spec, "--parallelism", parallelism);
    PrintWriter print = spec.commandLine().getOut();
    Digits all = Digits.read();
    // The split of the paper's code: the first four fifths, in the order of the file.
    int cut = (int) (all.size() * 0.8);
    Digits search = all.part(0, cut);
    Digits test = all.part(cut, all.size());
    print.printf(
        Locale.ROOT,
        "%d digits to search with, %d to test; %d evaluations, %d seeds%n",
        search.size(),
        test.size(),
        evaluations,
        seeds);
    Map<String, M2n2> variants = new LinkedHashMap<>();
    M2n2 whole = Optimizers.m2n2();
    variants.put("m2n2", whole);
    variants.put("without attraction", whole.withoutAttraction());
    variants.put("without split point", whole.withoutSplit());
    variants.put("without competition", whole.competition(0));
    variants.put(
        "without all three (plain genetic algorithm)",
        whole.competition(0).withoutAttraction().withoutSplit());
    Comparison found = new Comparison("m2n2", seeds, "search", "test");
    try (TemporaryFolder folder = new TemporaryFolder("evomerge-m2n2")) {
      for (int s = 0; s < seeds; s++) {
        int seed = s;
        Path low =
            Digits.write(
                search.of(digit -> digit < 5).train(hidden, 10, 2L * seed),
                folder.file("low" + seed + ".safetensors"));
        Path high =
            Digits.write(
                search.of(digit -> digit >= 5).train(hidden, 10, 2L * seed + 1),
                folder.file("high" + seed + ".safetensors"));
        FitnessFunction searched = search.fitness("search");
        FitnessFunction tested = test.fitness("test");
        put(found, "0 to 4 alone", seed, () -> source(low, high, searched, tested, 0));
        put(found, "5 to 9 alone", seed, () -> source(low, high, searched, tested, 1));
        put(found, "mean of both", seed, () -> mean(low, high, searched, tested));
        put(
            found,
            "cma-es on a weight per source and layer",
            seed,
            () -> cmaEs(weights(low, high, searched), tested, seed));
        put(
            found,
            "cma-es on a slerp per layer",
            seed,
            () -> cmaEs(slerps(low, high, searched), tested, seed));
        for (Map.Entry<String, M2n2> variant : variants.entrySet()) {
          put(
              found,
              variant.getKey(),
              seed,
              () -> population(variant.getValue(), low, high, searched, tested, seed));
        }
        print.flush();
      }
    }
    found.print(print, "read rightly", 1);
    return 0;
  }

  private void put(Comparison found, String name, int seed, Supplier<Found> value) {
    if (name.startsWith(only) || name.equals("m2n2")) {
      Found one = value.get();
      found.put(name, seed, one.search(), one.test());
    }
  }

  private Population.Builder of(Path low, Path high, FitnessFunction searched) {
    return Population.builder()
        .source("low", low)
        .source("high", high)
        .maximize("digits", searched)
        .stopWhen(StopCondition.evaluations(evaluations))
        .parallelism(parallelism);
  }

  private Found population(
      M2n2 optimizer,
      Path low,
      Path high,
      FitnessFunction searched,
      FitnessFunction tested,
      int seed) {
    try (Population population = of(low, high, searched).optimizer(optimizer).seed(seed).build()) {
      var best = population.run().best();
      return new Found(best.score(), population.evaluate(best.recipe(), tested).score());
    }
  }

  private Found source(
      Path low, Path high, FitnessFunction searched, FitnessFunction tested, int number) {
    try (Population population =
        of(low, high, searched).stopWhen(StopCondition.evaluations(2)).build()) {
      population.run();
      var recipe = population.member(number);
      return new Found(
          population.evaluate(recipe, searched).score(),
          population.evaluate(recipe, tested).score());
    }
  }

  private Found mean(Path low, Path high, FitnessFunction searched, FitnessFunction tested) {
    try (EvoMerge search = weights(low, high, searched).build()) {
      var recipe = search.template().toBuilder().perSource("weight", 0.5, 0.5).build();
      return new Found(
          search.evaluate(recipe, searched).score(), search.evaluate(recipe, tested).score());
    }
  }

  /** A weight per source and layer; steps are small, as the scores fall off steeply. */
  private EvoMerge.Builder weights(Path low, Path high, FitnessFunction searched) {
    return EvoMerge.builder()
        .source("low", low)
        .source("high", high)
        .operator(MergeOperators.linear())
        .searchSpace(
            ParameterSpace.perLayer()
                .freeze("normalize", 0)
                .range("weight", -1, 2)
                .start("weight", 0.5)
                .step("weight", 0.1))
        .maximize("digits", searched)
        .parallelism(parallelism);
  }

  /** A share per layer on the arc from one model to the other. */
  private EvoMerge.Builder slerps(Path low, Path high, FitnessFunction searched) {
    return EvoMerge.builder()
        .source("low", low)
        .source("high", high)
        .operator(MergeOperators.slerp())
        .searchSpace(ParameterSpace.perLayer().start("t", 0.5))
        .maximize("digits", searched)
        .parallelism(parallelism);
  }

  private Found cmaEs(EvoMerge.Builder settings, FitnessFunction tested, int seed) {
    try (EvoMerge search =
        settings
            .optimizer(Optimizers.cmaEs().restarts(CmaEs.Restarts.BIPOP))
            .stopWhen(StopCondition.evaluations(evaluations))
            .seed(seed)
            .build()) {
      var best = search.run().best();
      return new Found(best.score(), search.evaluate(best.recipe(), tested).score());
    }
  }
}
