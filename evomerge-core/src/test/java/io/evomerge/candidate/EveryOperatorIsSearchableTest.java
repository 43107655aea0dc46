package io.evomerge.candidate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.evomerge.candidate.TinyModels.Family;
import io.evomerge.checkpoint.ActivationStatistics;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.CheckpointWriter;
import io.evomerge.checkpoint.TensorRole.Part;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.genome.Gene;
import io.evomerge.genome.Genome;
import io.evomerge.genome.ParameterSearchSpace;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.Semantics;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeOperator.BaseModel;
import io.evomerge.merge.MergeOperators;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterRecipeDecoder;
import io.evomerge.tensor.DType;
import io.evomerge.testing.TestSeeds;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Every parameter of every method is within reach of evolution, at every granularity. */
class EveryOperatorIsSearchableTest {

  @TempDir Path folder;

  private static final Map<String, ParameterSpace> SPACES =
      Map.of(
          "whole model", ParameterSpace.perModel(),
          "per group of layers", ParameterSpace.perLayerGroup(2),
          "per layer", ParameterSpace.perLayer(),
          "per component", ParameterSpace.perComponent());

  @TestFactory
  Stream<DynamicTest> genomesOfEveryOperatorBecomeModels() {
    List<DynamicTest> tests = new ArrayList<>();
    for (MergeOperator operator : MergeOperators.standard().values()) {
      SPACES.forEach(
          (name, space) ->
              tests.add(dynamicTest(operator.name() + ", " + name, () -> verify(operator, space))));
      tests.add(
          dynamicTest(
              operator.name() + ", all parameters",
              () -> verify(operator, everything(operator, ParameterSpace.perLayer()))));
    }
    return tests.stream();
  }

  /** Searches also what the operator does not declare as searched. */
  private static ParameterSpace everything(MergeOperator operator, ParameterSpace space) {
    ParameterSpace all = space;
    for (ParameterSpec spec : operator.parameters()) {
      all = all.search(spec.name());
    }
    return all;
  }

  private void verify(MergeOperator operator, ParameterSpace declared) throws Exception {
    Path own =
        folder.resolve(Integer.toHexString(System.identityHashCode(declared)) + operator.name());
    try (Family family = Family.write(own, DType.F32, false)) {
      boolean withBase = operator.baseModel() == BaseModel.REQUIRED || operator.maxSources() == 1;
      withBase &= operator.baseModel() != BaseModel.UNUSED;
      int count = Math.min(operator.maxSources(), family.sources().size());
      List<Checkpoint> sources = family.sources().subList(0, count);
      List<String> names = sources.stream().map(Checkpoint::name).toList();
      ParameterSpace space = declared;
      boolean searches = operator.parameters().stream().anyMatch(ParameterSpec::searched);
      if (!searches) {
        // Nothing that evolution could change by itself: e.g. a formula without parameters.
        space = everything(operator, declared);
      }
      if (operator.parameters().isEmpty()) {
        return;
      }
      ParameterSearchSpace bound = space.bind(family.base().layout(), operator.parameters(), names);
      assertThat(bound.dimension()).isPositive();
      for (ParameterSpec spec : operator.parameters()) {
        if (spec.searched()) {
          assertThat(bound.genes())
              .as("genes of " + spec.name())
              .anyMatch(gene -> gene.name().matches("(.*\\.)?" + spec.name() + "(\\[.*)?"));
        }
      }
      MergeRecipe.Builder template =
          MergeRecipe.builder(operator.name())
              .sources(sources.stream().map(Checkpoint::ref).toList());
      if (withBase) {
        template.base(family.base().ref());
      }
      if (operator.needsStatistics()) {
        for (Checkpoint source : sources) {
          template.statistics(source.name(), statistics(source, own));
        }
      }
      ParameterRecipeDecoder decoder = new ParameterRecipeDecoder(bound, template.build());
      Random random = TestSeeds.random("searchable." + operator.name(), 0);
      CandidateAssembler.Builder builder = CandidateAssembler.builder(operator).sources(sources);
      if (withBase) {
        builder.base(family.base());
      }
      try (CandidateAssembler assembler =
              builder.semantics(Semantics.PAPER).structure(template.build()).build();
          WeightStore store = assembler.newStore()) {
        for (int i = 0; i < 3; i++) {
          Genome genome = i == 0 ? start(bound) : random(bound, random);
          MergeRecipe recipe = decoder.decode(genome);
          assertThat(recipe.groups().size() + recipe.parameters().size()).isPositive();
          CandidateModel model = assembler.assemble(recipe, store);
          model
              .weights()
              .tensors()
              .forEach(
                  (name, tensor) -> {
                    for (float value : TinyModels.floats(tensor)) {
                      assertThat(Float.isFinite(value)).as(name).isTrue();
                    }
                  });
        }
      }
    }
  }

  /** Statistics of inputs that are independent of each other. */
  private static CheckpointRef statistics(Checkpoint model, Path folder) throws Exception {
    Path file = folder.resolve(model.name() + ".statistics.safetensors");
    Map<String, List<String>> weights = new TreeMap<>();
    model
        .layout()
        .roles()
        .forEach(
            (name, role) -> {
              if (role.part() == Part.LAYER && model.tensors().get(name).shape().size() == 2) {
                weights.put(name, List.of(name));
              }
            });
    try (CheckpointWriter writer =
        ActivationStatistics.create(file, model, 7, weights, WriteOptions.defaults())) {
      for (String name : weights.keySet()) {
        int width = model.tensors().get(name).shape().get(1).intValue();
        float[] matrix = new float[width * width];
        for (int i = 0; i < width; i++) {
          matrix[i * width + i] = 1 + i;
        }
        writer.sink(name).writeFloats(0, matrix, 0, matrix.length);
      }
      writer.commit();
    }
    return new CheckpointRef(model.name(), file.toString(), "");
  }

  private static Genome start(ParameterSearchSpace space) {
    return Genome.of(space.genes().stream().mapToDouble(Gene::start).toArray());
  }

  private static Genome random(ParameterSearchSpace space, Random random) {
    return Genome.of(
        space.genes().stream()
            .mapToDouble(
                gene -> {
                  double value = gene.min() + random.nextDouble() * (gene.max() - gene.min());
                  return gene instanceof Gene.Real ? value : Math.rint(value);
                })
            .toArray());
  }
}
