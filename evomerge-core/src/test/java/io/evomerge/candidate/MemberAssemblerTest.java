package io.evomerge.candidate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.checkpoint.TestCheckpoints;
import io.evomerge.exception.MergeException;
import io.evomerge.exception.RecipeException;
import io.evomerge.genome.BirthSpace;
import io.evomerge.genome.Genome;
import io.evomerge.recipe.BirthDecoder;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorBuffer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemberAssemblerTest {

  /** In the order in which weights stand in the vector of a model. */
  private static final List<String> ORDER =
      List.of(
          "model.embed_tokens.weight",
          "model.layers.0.mlp.up_proj.weight",
          "model.layers.1.mlp.up_proj.weight",
          "model.norm.weight",
          "lm_head.weight");

  private static final Map<String, List<Long>> SHAPES =
      Map.of(
          "model.embed_tokens.weight", List.of(7L, 3L),
          "model.layers.0.mlp.up_proj.weight", List.of(4L, 3L),
          "model.layers.1.mlp.up_proj.weight", List.of(4L, 3L),
          "model.norm.weight", List.of(3L),
          "lm_head.weight", List.of(7L, 3L));

  private static final int WEIGHTS = 21 + 12 + 12 + 3 + 21;

  @TempDir Path folder;
  private Checkpoint base;
  private Checkpoint one;
  private Checkpoint two;

  @BeforeEach
  void open() throws IOException {
    base = model("base", 1, DType.F32);
    one = model("one", 2, DType.F32);
    two = model("two", 3, DType.F32);
  }

  private Checkpoint model(String name, long seed, DType type) throws IOException {
    Path path = folder.resolve(name);
    TestCheckpoints.write(
        path,
        TestCheckpoints.random(SHAPES, seed),
        SHAPES,
        type,
        TestCheckpoints.llamaConfig(2, 3));
    return Checkpoints.open(path);
  }

  @AfterEach
  void close() {
    List.of(base, one, two).forEach(Checkpoint::close);
  }

  private static double[] flat(Checkpoint model) {
    List<Double> all = new ArrayList<>();
    for (String name : ORDER) {
      for (float value : TestCheckpoints.read(model, name)) {
        all.add((double) value);
      }
    }
    return all.stream().mapToDouble(Double::doubleValue).toArray();
  }

  private static double[] flat(CandidateModel model) {
    List<Double> all = new ArrayList<>();
    for (String name : ORDER) {
      TensorBuffer buffer = model.tensors().get(name);
      float[] values = new float[(int) buffer.info().elementCount()];
      buffer.readFloats(0, values, 0, values.length);
      for (float value : values) {
        all.add((double) value);
      }
    }
    return all.stream().mapToDouble(Double::doubleValue).toArray();
  }

  private BirthDecoder slerps() {
    return new BirthDecoder(
        BirthSpace.splitSlerp(2), Optional.empty(), List.of(one.ref(), two.ref()));
  }

  private BirthDecoder taskVectors() {
    return new BirthDecoder(
        BirthSpace.taskVectors(2, 2), Optional.of(base.ref()), List.of(one.ref(), two.ref()));
  }

  private MemberAssembler assembler(BirthDecoder births) {
    return MemberAssembler.builder()
        .base(base)
        .sources(List.of(one, two))
        .births(births::birth)
        .build();
  }

  private static double[] made(MemberAssembler assembler, MergeRecipe recipe) {
    try (WeightStore store = assembler.newStore()) {
      return flat(assembler.assemble(recipe, store));
    }
  }

  @Test
  void aSplitSlerpIsTheFormulaOverTheWholeModelsAsVectors() {
    double[] a = flat(one);
    double[] b = flat(two);
    double angle = Math.acos(dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)));
    BirthDecoder births = slerps();
    try (MemberAssembler assembler = assembler(births)) {
      int child = 2;
      // In the middle of the second tensor, at both ends, and between two tensors.
      for (int split : new int[] {27, 0, WEIGHTS, 33}) {
        double weight = 0.3;
        MergeRecipe recipe =
            births.decode(
                Genome.of(
                    child++,
                    0,
                    1,
                    weight,
                    (split + 0.5) / WEIGHTS > 1 ? 1 : (split + 0.5) / WEIGHTS,
                    0,
                    0));
        double[] expected = new double[WEIGHTS];
        for (int i = 0; i < WEIGHTS; i++) {
          double w = i < split ? weight : 1 - weight;
          expected[i] =
              Math.sin((1 - w) * angle) / Math.sin(angle) * a[i]
                  + Math.sin(w * angle) / Math.sin(angle) * b[i];
        }
        assertThat(made(assembler, recipe)).containsExactly(expected, within(1e-7));
      }
    }
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  @Test
  void noiseHasItsDeviationAndIsThatOfTheSeed() {
    BirthDecoder births = slerps();
    try (MemberAssembler assembler = assembler(births)) {
      double[] plain = made(assembler, births.decode(Genome.of(2, 0, 1, 0.5, 1, 0, 0)));
      double[] noisy = made(assembler, births.decode(Genome.of(3, 0, 1, 0.5, 1, 0.1, 7)));
      double[] same = made(assembler, births.decode(Genome.of(4, 0, 1, 0.5, 1, 0.1, 7)));
      double[] other = made(assembler, births.decode(Genome.of(5, 0, 1, 0.5, 1, 0.1, 8)));
      assertThat(same).isEqualTo(noisy).isNotEqualTo(other);
      double squares = 0;
      for (int i = 0; i < WEIGHTS; i++) {
        squares += (noisy[i] - plain[i]) * (noisy[i] - plain[i]);
      }
      assertThat(Math.sqrt(squares / WEIGHTS)).isEqualTo(0.1, within(0.03));
    }
  }

  @Test
  void aMeanOfTaskVectorsIsTheFormula() {
    double[] a = flat(one);
    double[] b = flat(two);
    double[] origin = flat(base);
    BirthDecoder births = taskVectors();
    try (MemberAssembler assembler = assembler(births)) {
      double[] got = made(assembler, births.decode(Genome.of(2, 0, 1, 0.9, 1.1, 0, 0, 0, 0)));
      for (int i = 0; i < WEIGHTS; i++) {
        double expected =
            origin[i] + (0.9 * (a[i] - origin[i]) + 1.1 * (b[i] - origin[i])) / (0.9 + 1.1);
        assertThat(got[i]).isEqualTo(expected, within(1e-7));
      }
    }
  }

  @Test
  void aMutationScalesTheSingularValuesOfTheExpertsTaskVectorWithinItsBound() {
    BirthDecoder births = taskVectors();
    try (MemberAssembler assembler = assembler(births)) {
      double[] plain = made(assembler, births.decode(Genome.of(2, 0, 1, 1, 1, 0, 1, 5, 0)));
      double[] mutated = made(assembler, births.decode(Genome.of(3, 0, 1, 1, 1, 0.5, 1, 5, 0)));
      double[] expert = flat(two);
      double[] origin = flat(base);
      // A tall matrix (7 x 3), a tall one in a layer (4 x 3), and a vector, which is left alone.
      assertMutation(mutated, plain, expert, origin, 0, 7, 3);
      assertMutation(mutated, plain, expert, origin, 21, 4, 3);
      for (int i = 45; i < 48; i++) {
        assertThat(mutated[i]).isEqualTo(plain[i]);
      }
    }
  }

  /**
   * With D the task vector, the change is M D or D M with M symmetric and eigenvalues in [0, 0.5];
   * so D^T C is symmetric and, as a form, between 0 and 0.5 D^T D.
   */
  private static void assertMutation(
      double[] mutated, double[] plain, double[] expert, double[] origin, int at, int m, int n) {
    double[][] form = new double[n][n];
    double[][] whole = new double[n][n];
    double change = 0;
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        for (int row = 0; row < m; row++) {
          int left = at + row * n + i;
          int right = at + row * n + j;
          double difference = mutated[right] - plain[right];
          form[i][j] += (expert[left] - origin[left]) * difference;
          whole[i][j] += (expert[left] - origin[left]) * (expert[right] - origin[right]);
          change += Math.abs(difference);
        }
      }
    }
    assertThat(change).isGreaterThan(1e-3);
    Random random = new Random(1);
    for (int trial = 0; trial < 50; trial++) {
      double[] x = {random.nextGaussian(), random.nextGaussian(), random.nextGaussian()};
      double value = 0;
      double bound = 0;
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
          assertThat(form[i][j]).isEqualTo(form[j][i], within(1e-6));
          value += x[i] * form[i][j] * x[j];
          bound += 0.5 * x[i] * whole[i][j] * x[j];
        }
      }
      assertThat(value).isBetween(-1e-6, bound + 1e-6);
    }
  }

  @Test
  void childrenOfOneParentAreItself() {
    BirthDecoder births = slerps();
    try (MemberAssembler assembler = assembler(births)) {
      assertThat(made(assembler, births.decode(Genome.of(2, 1, 1, 0.3, 0.5, 0, 0))))
          .isEqualTo(flat(two));
      // A copy's child names the model that was copied.
      MergeRecipe grandchild = births.decode(Genome.of(3, 0, 2, 0.3, 0.5, 0, 0));
      assertThat(grandchild.sources()).containsExactly(one.ref(), two.ref());
    }
  }

  @Test
  void membersAreRoundedToTheTypeOfTheirFiles() throws IOException {
    try (Checkpoint a = model("a", 5, DType.BF16);
        Checkpoint b = model("b", 6, DType.BF16)) {
      BirthDecoder births =
          new BirthDecoder(BirthSpace.splitSlerp(2), Optional.empty(), List.of(a.ref(), b.ref()));
      try (MemberAssembler assembler =
          MemberAssembler.builder().sources(List.of(a, b)).births(births::birth).build()) {
        for (double value : made(assembler, births.decode(Genome.of(2, 0, 1, 0.37, 0.4, 0, 0)))) {
          assertThat(Float.floatToIntBits((float) value) & 0xFFFF).isZero();
        }
      }
    }
  }

  /** A long line in which every child has the one before and a source as parents. */
  private static List<MergeRecipe> line(BirthDecoder births, int length) {
    List<MergeRecipe> line = new ArrayList<>();
    for (int child = 2; child < 2 + length; child++) {
      double[] genome = {
        child, child == 2 ? 0 : child - 1, child % 2, 0.1 + child % 7 / 10.0, 0.4, 0.01, child
      };
      if (child == 2) {
        genome[2] = 1;
      }
      line.add(births.decode(Genome.of(genome)));
    }
    return line;
  }

  @Test
  void aForgottenLineIsBornAgainWithTheSameBitsHoweverLong() {
    BirthDecoder births = slerps();
    List<MergeRecipe> line = line(births, 600);
    double[] straight = new double[0];
    try (MemberAssembler assembler = assembler(births)) {
      for (MergeRecipe recipe : line) {
        straight = made(assembler, recipe);
      }
    }
    try (MemberAssembler fresh = assembler(births)) {
      assertThat(made(fresh, line.get(line.size() - 1))).isEqualTo(straight);
    }
  }

  @Test
  void membersStayWithinTheirMemoryAndThoseNotNeededGo() {
    BirthDecoder births = slerps();
    List<MergeRecipe> line = line(births, 20);
    Path kept = folder.resolve("kept");
    try (MemberAssembler assembler =
        MemberAssembler.builder()
            .sources(List.of(one, two))
            .births(births::birth)
            .memory(3 * 4 * WEIGHTS)
            .folder(kept)
            .build()) {
      for (MergeRecipe recipe : line) {
        made(assembler, recipe);
        assertThat(assembler.membersInMemory()).isLessThanOrEqualTo(3);
      }
      assertThat(kept.toFile().list()).hasSize(17);
      Set<String> wanted = new HashSet<>(List.of(line.get(3).digest(), line.get(19).digest()));
      assembler.retain(wanted);
      assertThat(kept.toFile().list()).containsExactly(line.get(3).digest() + ".safetensors");
      double[] read = made(assembler, line.get(3));
      try (MemberAssembler fresh = assembler(births)) {
        assertThat(made(fresh, line.get(3))).isEqualTo(read);
      }
    }
    assertThat(kept).isEmptyDirectory();
  }

  @Test
  void aDamagedFileOfAMemberIsNoHarm() throws IOException {
    BirthDecoder births = slerps();
    List<MergeRecipe> line = line(births, 5);
    Path kept = Files.createDirectories(folder.resolve("kept"));
    Files.write(kept.resolve(line.get(3).digest() + ".safetensors"), new byte[9]);
    try (MemberAssembler assembler =
            MemberAssembler.builder()
                .sources(List.of(one, two))
                .births(births::birth)
                .folder(kept)
                .build();
        MemberAssembler plain = assembler(births)) {
      assertThat(made(assembler, line.get(4))).isEqualTo(made(plain, line.get(4)));
    }
  }

  @Test
  void modelsThatAreNotFiniteHaveNoChildrenAndSpoilNothing() throws IOException {
    Map<String, float[]> broken = new TreeMap<>(TestCheckpoints.random(SHAPES, 4));
    broken.get("lm_head.weight")[5] = Float.NaN;
    Path path = folder.resolve("broken");
    TestCheckpoints.write(
        path, new LinkedHashMap<>(broken), SHAPES, DType.F32, TestCheckpoints.llamaConfig(2, 3));
    try (Checkpoint bad = Checkpoints.open(path)) {
      BirthDecoder births =
          new BirthDecoder(
              BirthSpace.splitSlerp(2), Optional.empty(), List.of(one.ref(), bad.ref()));
      try (MemberAssembler assembler =
          MemberAssembler.builder().sources(List.of(one, bad)).births(births::birth).build()) {
        MergeRecipe child = births.decode(Genome.of(2, 0, 1, 0.3, 0.5, 0, 0));
        MergeRecipe grandchild = births.decode(Genome.of(3, 0, 2, 0.3, 0.5, 0, 0));
        for (MergeRecipe recipe : List.of(child, grandchild, child)) {
          assertThatExceptionOfType(MergeException.class)
              .isThrownBy(() -> made(assembler, recipe))
              .withMessageContaining("lm_head.weight");
        }
        MergeRecipe good = births.decode(Genome.of(4, 0, 0, 0.3, 0.5, 0.1, 3));
        assertThat(made(assembler, good)).isNotEqualTo(flat(one));
      }
    }
  }

  @Test
  void whatIsNoBirthIsRefused() {
    BirthDecoder births = slerps();
    try (MemberAssembler assembler = assembler(births)) {
      MergeRecipe linear =
          MergeRecipe.builder("linear").source(one.ref()).source(two.ref()).build();
      assertThatExceptionOfType(RecipeException.class)
          .isThrownBy(() -> made(assembler, linear))
          .withMessageContaining("'linear'");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> births.decode(Genome.of(5, 0, 4, 0.3, 0.5, 0, 0)))
          .withMessageContaining("parents before children");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> births.decode(Genome.of(2, 0, 2, 0.3, 0.5, 0, 0)))
          .withMessageContaining("lower number");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> births.decode(Genome.of(2, 0, 1, 1.3, 0.5, 0, 0)));
      births.decode(Genome.of(2, 0, 1, 0.3, 0.5, 0, 0));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> births.decode(Genome.of(2, 0, 1, 0.4, 0.5, 0, 0)))
          .withMessageContaining("born before");
    }
  }
}
