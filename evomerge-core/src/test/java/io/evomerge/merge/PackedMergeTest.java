package io.evomerge.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.exception.MergeException;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.ParameterValues;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.FloatCodec;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorSink;
import io.evomerge.tensor.TensorView;
import io.evomerge.testing.TestSeeds;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Models in bfloat16, which these methods merge without widening them in memory. */
class PackedMergeTest {

  private static final float LARGEST = Float.intBitsToFloat(0x7F7F0000);

  @ParameterizedTest
  @CsvSource({
    "linear, false, 1",
    "linear, false, 2",
    "linear, false, 3",
    "slerp, false, 2",
    "slerp, true, 1",
    "nuslerp, false, 2",
    "nuslerp, true, 2",
    "multislerp, false, 3",
    "multislerp, true, 1",
    "multislerp, true, 3",
    "karcher, false, 2",
    "karcher, false, 4",
    "model_stock, true, 2",
    "model_stock, true, 3",
    "nearswap, true, 1"
  })
  void bfloat16HasTheBitsOfFloat32ThatIsRoundedAtTheEnd(String method, boolean base, int sources) {
    TestSeeds.check(
        "packed " + method + base + sources,
        20,
        random -> {
          int length = length(new SplittableRandom(random.nextLong()));
          Models models = Models.random(random.nextLong(), base, sources, length);
          int block = 1 + random.nextInt(6000);
          short[] expected = new short[length];
          float[] wide = models.merge(method, DType.F32, TensorMerge.DEFAULT_BLOCK_LENGTH);
          for (int i = 0; i < length; i++) {
            expected[i] = FloatCodec.floatToBf16(wide[i]);
          }
          float[] packed = models.merge(method, DType.BF16, block);
          for (int i = 0; i < length; i++) {
            assertThat((short) (Float.floatToRawIntBits(packed[i]) >>> 16))
                .as("element %d of %d, blocks of %d", i, length, block)
                .isEqualTo(expected[i]);
          }
        });
  }

  private static int length(SplittableRandom random) {
    return switch (random.nextInt(8)) {
      case 0 -> 1;
      case 1 -> Stripes.LENGTH + 1 + random.nextInt(3000);
      default -> 1 + random.nextInt(5000);
    };
  }

  @ParameterizedTest
  @ValueSource(strings = {"linear", "slerp", "nuslerp", "multislerp", "model_stock", "nearswap"})
  void aNumberThatIsNotFiniteIsRefusedByNameAndPlace(String method) {
    MergeOperator operator = MergeOperators.standard().get(method);
    boolean base = operator.baseModel() == MergeOperator.BaseModel.REQUIRED;
    int sources = Math.min(2, operator.maxSources());
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      for (int place : new int[] {0, 511, 512, 700, 2999}) {
        for (int input = base ? -1 : 0; input < sources; input++) {
          Models models = Models.random(place, base, sources, 3000);
          models.values(input)[place] = bad;
          String whose = input < 0 ? "the base" : "source 's" + input + "'";
          assertThatThrownBy(() -> models.merge(method, DType.BF16, 4096))
              .isInstanceOf(MergeException.class)
              .hasMessageContaining(whose + " has " + bad + " at element " + place);
        }
      }
    }
  }

  @Test
  void resultsBeyondTheLargestNumberAreInfiniteAsInFloat32() {
    Models models = Models.random(1, false, 2, 700);
    models.values(0)[600] = LARGEST;
    models.values(1)[600] = LARGEST;
    models.values(0)[0] = -LARGEST;
    models.values(1)[0] = -LARGEST;
    // Inputs are finite, and so is all else.
    float[] out = models.with("normalize", 0).merge("linear", DType.BF16, 4096);
    assertThat(out[600]).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(out[0]).isEqualTo(Float.NEGATIVE_INFINITY);
    out[600] = 0;
    out[0] = 0;
    for (float value : out) {
      assertThat(value).isFinite();
    }
  }

  @Test
  void taskVectorsBeyondTheLargestNumberAreRefused() {
    Models models = Models.random(2, true, 2, 700);
    models.values(-1)[600] = -LARGEST;
    models.values(1)[600] = LARGEST;
    assertThatThrownBy(() -> models.merge("model_stock", DType.BF16, 4096))
        .isInstanceOf(MergeException.class)
        .hasMessageContaining("source 's1' differs from the base by more than float32 can hold");
  }

  /** A few models of one tensor; all values are bfloat16. */
  private record Models(List<float[]> inputs, boolean base, Map<String, double[]> parameters) {

    static Models random(long seed, boolean base, int sources, int length) {
      SplittableRandom random = new SplittableRandom(seed);
      List<float[]> inputs = new ArrayList<>();
      float[] origin = new float[length];
      for (int i = 0; i < length; i++) {
        origin[i] = bf16(random.nextDouble() - 0.5);
      }
      if (base) {
        inputs.add(origin);
      }
      for (int s = 0; s < sources; s++) {
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
          values[i] =
              switch (random.nextInt(10)) {
                case 0 -> origin[i];
                case 1 -> -0f;
                case 2 -> bf16(random.nextDouble() * Float.MIN_NORMAL);
                default -> bf16(origin[i] + 0.01 * random.nextDouble());
              };
        }
        inputs.add(values);
      }
      double[] weights = new double[sources];
      Arrays.setAll(weights, s -> 0.75 + s);
      Map<String, double[]> parameters = new HashMap<>();
      parameters.put("weight", weights);
      parameters.put("t", new double[] {0.003});
      return new Models(inputs, base, parameters);
    }

    private static float bf16(double value) {
      return FloatCodec.bf16ToFloat(FloatCodec.floatToBf16((float) value));
    }

    Models with(String parameter, double value) {
      Map<String, double[]> changed = new HashMap<>(parameters);
      changed.put(parameter, new double[] {value});
      return new Models(inputs, base, changed);
    }

    /** Returns the values of a source, or of the base, which is -1. */
    float[] values(int input) {
      return inputs.get(base ? input + 1 : input);
    }

    float[] merge(String method, DType type, int blockLength) {
      TensorInfo info = Arrays32.info("t", inputs.get(0).length).withDtype(type);
      MergeOperator operator = MergeOperators.standard().get(method);
      Map<String, double[]> known = new HashMap<>(parameters);
      List<String> names = operator.parameters().stream().map(ParameterSpec::name).toList();
      known.keySet().retainAll(names);
      MergeTask.Builder task =
          MergeTask.builder(info).parameters(ParameterValues.of(known)).blockLength(blockLength);
      for (int i = 0; i < inputs.size(); i++) {
        float[] values = inputs.get(i);
        TensorView view =
            type == DType.BF16 ? Arrays32.bfloat16(info, values) : Arrays32.view(info, values);
        if (base && i == 0) {
          task.base(view);
        } else {
          task.source("s" + (base ? i - 1 : i), view);
        }
      }
      RoundingSink sink = new RoundingSink(new Arrays32.Sink(info));
      operator.merge(task.build(), sink);
      return sink.target().values();
    }
  }

  /** Takes floats, rounded to the type that is written. */
  private record RoundingSink(Arrays32.Sink target) implements TensorSink {

    @Override
    public TensorInfo info() {
      return target.info();
    }

    @Override
    public void writeFloats(long offset, float[] source, int sourceOffset, int length) {
      int size = info().dtype().size();
      byte[] bytes = new byte[size * length];
      FloatCodec.encode(info().dtype(), source, sourceOffset, bytes, 0, length);
      target.writeBytes(size * offset, bytes, 0, bytes.length);
    }

    @Override
    public void writeBytes(long byteOffset, byte[] source, int sourceOffset, int length) {
      target.writeBytes(byteOffset, source, sourceOffset, length);
    }
  }
}
