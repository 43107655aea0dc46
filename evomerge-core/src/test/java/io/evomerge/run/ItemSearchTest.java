package io.evomerge.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.allocation.ItemAllocation;
import io.evomerge.allocation.ItemAllocations;
import io.evomerge.allocation.ItemResponse;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.exception.JournalException;
import io.evomerge.fitness.Direction;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.ItemFitness;
import io.evomerge.fitness.ItemSubset;
import io.evomerge.fitness.Objective;
import io.evomerge.fitness.Outcome;
import io.evomerge.genome.Gene;
import io.evomerge.genome.SearchSpace;
import io.evomerge.optimizer.Optimizers;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.RecipeDecoder;
import io.evomerge.result.EvolutionResult;
import io.evomerge.result.SelectedModel;
import io.evomerge.result.TrialRecord;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The loop where candidates are scored on subsets of the items. */
class ItemSearchTest {

  private static final int ITEMS = 40;
  private static final SearchSpace SPACE =
      SearchSpace.of(
          new Gene.Real("x", 0, 1, 0.5),
          new Gene.Real("y", 0, 1, 0.5),
          new Gene.Real("z", 0, 1, 0));

  private static final RecipeDecoder DECODER =
      genome ->
          MergeRecipe.builder("linear")
              .source(new CheckpointRef("a", "a", "00".repeat(32)))
              .parameter("x", genome.value(0))
              .parameter("y", genome.value(1))
              .parameter("z", genome.value(2))
              .build();

  private static double[] scores(MergeRecipe recipe, ItemSubset items) {
    double x = recipe.parameters().get("x").numbers().get(0);
    double y = recipe.parameters().get("y").numbers().get(0);
    double z = recipe.parameters().get("z").numbers().get(0);
    IntStream indices = items.isAll() ? IntStream.range(0, ITEMS) : Arrays.stream(items.indices());
    return indices
        .mapToDouble(
            item -> {
              Random random = new Random(item);
              double off = x - 0.4 - 0.2 * random.nextDouble();
              double more = y - 0.1 - 0.4 * random.nextDouble();
              return -(off * off + more * more + z * z) * (0.5 + random.nextDouble());
            })
        .toArray();
  }

  private static Fitness fitness(MergeRecipe recipe, ItemSubset items) {
    double[] scores = scores(recipe, items);
    return new Fitness(Arrays.stream(scores).average().orElseThrow(), scores, Map.of())
        .onItems(items);
  }

  /** Scores after random delays, and notices what it was asked for twice. */
  private static class Fake implements TrialEvaluator {
    final int capacity;
    final ExecutorService pool;
    final Random delays = new Random(5);
    final AtomicInteger evaluated = new AtomicInteger();
    final Set<String> seen = ConcurrentHashMap.newKeySet();
    final Set<String> twice = ConcurrentHashMap.newKeySet();
    boolean jitter;

    Fake(int capacity) {
      this.capacity = capacity;
      pool = Executors.newFixedThreadPool(capacity);
    }

    Outcome score(TrialTask task) {
      return new Outcome.Scored(List.of(fitness(task.recipe(), task.items())));
    }

    @Override
    public int capacity() {
      return capacity;
    }

    @Override
    public CompletableFuture<Outcome> submit(TrialTask task) {
      int delay = jitter ? delays.nextInt(3) : 0;
      if (task.data() == TrialTask.Data.SEARCH && !task.items().isAll()) {
        for (int item : task.items().indices()) {
          String key = task.recipe().digest() + " " + item;
          if (!seen.add(key)) {
            twice.add(key);
          }
        }
      }
      return CompletableFuture.supplyAsync(
          () -> {
            if (delay > 0) {
              try {
                Thread.sleep(delay);
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
            }
            evaluated.incrementAndGet();
            return score(task);
          },
          pool);
    }

    @Override
    public void close() {
      pool.shutdown();
    }
  }

  private static SearchPlan plan(
      ItemAllocation allocation, StopCondition stop, Optional<Path> journal, boolean validated) {
    return new SearchPlan(
        SPACE,
        DECODER,
        List.of(
            new Objective(
                "score",
                Direction.MAXIMIZE,
                candidate -> 0,
                validated ? Optional.of(candidate -> 0) : Optional.empty())),
        allocation.over(Optimizers.cmaEs(), ITEMS, ItemFitness.Mean.ARITHMETIC),
        stop,
        11,
        journal,
        new Selection(2, 3, 2),
        16,
        Map.of("seed", "11"),
        Map.of(),
        List.of());
  }

  private static EvolutionResult run(SearchPlan plan, TrialEvaluator evaluator) {
    return EvolutionRun.start(plan, evaluator).awaitOrCancel();
  }

  static Stream<ItemAllocation> methods() {
    return Stream.of(
        ItemAllocations.racing(),
        ItemAllocations.successiveHalving(),
        ItemAllocations.commonSubset(),
        ItemAllocations.itemResponse().recalibrate(5),
        ItemAllocations.itemResponse().model(ItemResponse.Model.LOGISTIC));
  }

  @ParameterizedTest
  @MethodSource("methods")
  void anyNumberOfWorkersFindsTheSameAndScoresNoItemTwice(ItemAllocation method) {
    SearchPlan plan = plan(method, StopCondition.itemEvaluations(2000), Optional.empty(), true);
    Fake one = new Fake(1);
    EvolutionResult alone = run(plan, one);
    Fake four = new Fake(4);
    four.jitter = true;
    EvolutionResult together = run(plan, four);
    assertThat(together.trials()).isEqualTo(alone.trials());
    assertThat(together.best()).isEqualTo(alone.best());
    assertThat(together.bestOnSearch()).isEqualTo(alone.bestOnSearch());
    assertThat(together.finalists()).isEqualTo(alone.finalists());
    assertThat(one.twice).isEmpty();
    assertThat(four.twice).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("methods")
  void theWinnerIsScoredOnAllItems(ItemAllocation method) {
    for (boolean validated : new boolean[] {false, true}) {
      EvolutionResult result =
          run(
              plan(method, StopCondition.itemEvaluations(3000), Optional.empty(), validated),
              new Fake(2));
      for (SelectedModel model : List.of(result.best(), result.bestOnSearch())) {
        assertThat(model.fitness().get(0).exact()).isTrue();
        assertThat(model.score()).isEqualTo(fitness(model.recipe(), ItemSubset.all()).score());
      }
      assertThat(result.bestOnSearch().score()).isGreaterThan(-0.06);
    }
  }

  @Test
  void aJournalCutAtAnyLineIsResumedToTheSameEnd(@TempDir Path folder) throws IOException {
    SearchPlan plan =
        plan(
            ItemAllocations.racing().first(0.25).block(0.25).limit(0.75),
            StopCondition.itemEvaluations(700),
            Optional.of(folder),
            true);
    EvolutionResult whole = run(plan, new Fake(1));
    Path journal = folder.resolve("journal.jsonl");
    List<String> lines = Files.readAllLines(journal);
    assertThat(lines).anyMatch(line -> line.contains("\"on_items\":\""));
    for (int keep = 1; keep < lines.size(); keep++) {
      Files.writeString(
          journal,
          String.join("\n", lines.subList(0, keep))
              + "\n"
              + lines.get(keep).substring(0, lines.get(keep).length() / 2));
      Fake evaluator = new Fake(1);
      EvolutionResult resumed = run(plan, evaluator);
      assertThat(resumed.trials()).isEqualTo(whole.trials());
      assertThat(resumed.best()).isEqualTo(whole.best());
      // One may be under way when the replay comes to the end of the budget.
      assertThat(evaluator.evaluated.get())
          .as("after %s lines", keep)
          .isLessThanOrEqualTo(lines.size() - keep + 1);
    }
  }

  @Test
  void whatAJournalHoldsCanBeReadOnceSomethingIsExact(@TempDir Path folder) {
    EvolutionResult result =
        run(
            plan(
                ItemAllocations.commonSubset(),
                StopCondition.itemEvaluations(1500),
                Optional.of(folder),
                false),
            new Fake(1));
    EvolutionResult read = Journals.read(folder);
    assertThat(read.trials()).isEqualTo(result.trials());
    assertThat(read.best().score()).isEqualTo(result.best().score());
    assertThat(read.best().recipe()).isEqualTo(result.best().recipe());
  }

  @Test
  void aJournalOfOtherItemsIsRefused(@TempDir Path folder) throws IOException {
    SearchPlan plan =
        plan(
            ItemAllocations.commonSubset(),
            StopCondition.itemEvaluations(800),
            Optional.of(folder),
            false);
    run(plan, new Fake(1));
    Path journal = folder.resolve("journal.jsonl");
    String text = Files.readString(journal);
    Files.writeString(journal, text.replaceAll("\"on_items\":\"[^\"]*\"", "\"on_items\":\"1,2\""));
    assertThatThrownBy(() -> run(plan, new Fake(1)))
        .isInstanceOf(JournalException.class)
        .hasMessageContaining("was another point");
  }

  @Test
  void onlyScoresOnAllItemsLead() {
    EvolutionResult result =
        run(
            plan(
                ItemAllocations.successiveHalving(),
                StopCondition.itemEvaluations(2000),
                Optional.empty(),
                false),
            new Fake(2));
    List<TrialRecord> partial =
        result.trials().stream()
            .filter(
                trial ->
                    trial.outcome() instanceof Outcome.Scored scored
                        && !scored.fitness().get(0).exact())
            .toList();
    assertThat(partial).hasSizeGreaterThan(20);
    assertThat(partial)
        .anySatisfy(
            trial ->
                assertThat(((Outcome.Scored) trial.outcome()).fitness().get(0).score())
                    .isGreaterThan(result.best().score()));
  }

  @Test
  void itemsAreCountedAsTheyAreScored() {
    long[] counted = {0};
    SearchPlan plain =
        plan(ItemAllocations.racing(), StopCondition.itemEvaluations(900), Optional.empty(), false);
    SearchPlan listening =
        new SearchPlan(
            plain.space(),
            plain.decoder(),
            plain.objectives(),
            plain.optimizer(),
            plain.stopWhen(),
            plain.seed(),
            plain.journal(),
            plain.selection(),
            plain.failureLimit(),
            plain.settings(),
            plain.environment(),
            List.of(
                new RunListener() {
                  @Override
                  public void onTrial(TrialRecord trial, boolean improved, Progress progress) {
                    counted[0] = progress.itemEvaluations();
                  }
                }));
    EvolutionResult result = run(listening, new Fake(3));
    assertThat(result.stopDetail()).isEqualTo("900 item evaluations");
    assertThat(counted[0]).isBetween(900L, 900L + ITEMS);
    long sum =
        result.trials().stream()
            .map(trial -> ((Outcome.Scored) trial.outcome()).fitness().get(0).subset())
            .mapToLong(items -> items.isAll() ? ITEMS : items.size())
            .sum();
    assertThat(sum).isEqualTo(counted[0]);
  }

  @Test
  void scoresOfOtherItemsAndScoresThatAreNoNumbersAreFailures() {
    Fake broken =
        new Fake(2) {
          @Override
          Outcome score(TrialTask task) {
            if (task.items().isAll()) {
              return super.score(task);
            }
            double[] scores = scores(task.recipe(), task.items());
            int kind = Math.floorMod(task.recipe().digest().hashCode(), 8);
            if (kind == 0) {
              scores[0] = Double.NaN;
            }
            double[] told = kind == 1 ? Arrays.copyOf(scores, scores.length - 1) : scores;
            return new Outcome.Scored(
                List.of(
                    new Fitness(-1, told, Map.of())
                        .onItems(kind == 2 ? ItemSubset.all() : task.items())));
          }
        };
    EvolutionResult result =
        run(
            plan(
                ItemAllocations.commonSubset(),
                StopCondition.evaluations(60),
                Optional.empty(),
                false),
            broken);
    assertThat(result.failures().keySet())
        .anyMatch(reason -> reason.contains("scored NaN, wanted a finite number"))
        .anyMatch(reason -> reason.contains("9 item scores for 10 items"))
        .anyMatch(reason -> reason.contains("got scores of items all, wanted"));
    assertThat(result.best().fitness().get(0).exact()).isTrue();
  }
}
