package io.evomerge.candidate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.checkpoint.TestCheckpoints;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.FloatCodec;
import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import io.evomerge.tensor.TensorViews;
import io.evomerge.testing.TestSeeds;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RowMappedViewTest {

  private static TensorView view(DType dtype, List<Long> shape, float... values) {
    TensorInfo info = new TensorInfo("e", dtype, shape);
    return TensorViews.of(info, TestCheckpoints.encode(dtype, values));
  }

  private static float[] random(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  @Test
  void anyRangeOfAnyMapIsThatOfTheWholeTensor() {
    TestSeeds.check(
        "row maps",
        200,
        random -> {
          int width = random.nextBoolean() ? 1 + random.nextInt(7) : 1;
          boolean vector = width == 1 && random.nextBoolean();
          int rows = 1 + random.nextInt(12);
          int[] counts = {1 + random.nextInt(9), 1 + random.nextInt(9), 1 + random.nextInt(9)};
          List<DType> types = List.of(DType.F32, DType.BF16, DType.F16, DType.F64);
          List<TensorView> views = new ArrayList<>();
          for (int count : counts) {
            List<Long> shape = vector ? List.of((long) count) : List.of((long) count, (long) width);
            views.add(view(types.get(random.nextInt(4)), shape, random(random, count * width)));
          }
          int[] own = new int[rows];
          RowSource[] others = new RowSource[rows];
          float[] expected = new float[rows * width];
          for (int row = 0; row < rows; row++) {
            int follow = row > 0 ? own[row - 1] + 1 : 0;
            boolean follows = random.nextInt(3) > 0 && follow > 0 && follow < counts[0];
            own[row] = follows ? follow : random.nextInt(counts[0] + 1) - 1;
            RowSource.Row one = new RowSource.Row("1", random.nextInt(counts[1]));
            RowSource.Row two = new RowSource.Row("2", random.nextInt(counts[2]));
            others[row] =
                List.of(one, two, new RowSource.Zeros(), new RowSource.Mean(List.of(two, one)))
                    .get(random.nextInt(4));
            for (int i = 0; i < width; i++) {
              float a = TinyModels.floats(views.get(1))[one.row() * width + i];
              float b = TinyModels.floats(views.get(2))[two.row() * width + i];
              expected[row * width + i] =
                  own[row] >= 0
                      ? TinyModels.floats(views.get(0))[own[row] * width + i]
                      : others[row] == one
                          ? a
                          : others[row] == two
                              ? b
                              : others[row] instanceof RowSource.Zeros ? 0 : (b + a) / 2;
            }
          }
          TensorView mapped =
              new RowMappedView(
                  views.get(0), own, others, name -> views.get(Integer.parseInt(name)));
          DType dtype = views.get(0).info().dtype();
          List<Long> shape = vector ? List.of((long) rows) : List.of((long) rows, (long) width);
          assertThat(mapped.info()).isEqualTo(new TensorInfo("e", dtype, shape));
          byte[] bytes = TestCheckpoints.encode(dtype, expected);
          for (int i = 0; i < 10; i++) {
            int from = random.nextInt(expected.length + 1);
            int count = random.nextInt(expected.length - from + 1);
            float[] floats = new float[count + 3];
            mapped.readFloats(from, floats, 2, count);
            assertThat(Arrays.copyOfRange(floats, 2, 2 + count))
                .containsExactly(Arrays.copyOfRange(expected, from, from + count));
            int fromByte = random.nextInt(bytes.length + 1);
            int byteCount = random.nextInt(bytes.length - fromByte + 1);
            byte[] raw = new byte[byteCount + 3];
            mapped.readBytes(fromByte, raw, 1, byteCount);
            assertThat(Arrays.copyOfRange(raw, 1, 1 + byteCount))
                .containsExactly(Arrays.copyOfRange(bytes, fromByte, fromByte + byteCount));
          }
        });
  }

  @Test
  void longRowsAreReadInBlocks() {
    int width = 10_000;
    Random random = TestSeeds.random("long rows", 0);
    float[] a = random(random, width);
    float[] b = random(random, width);
    Map<String, TensorView> models =
        Map.of(
            "a", view(DType.F32, List.of(1L, (long) width), a),
            "b", view(DType.F32, List.of(1L, (long) width), b));
    RowSource mean =
        new RowSource.Mean(List.of(new RowSource.Row("a", 0), new RowSource.Row("b", 0)));
    TensorView own = view(DType.BF16, List.of(1L, (long) width), new float[width]);
    TensorView mapped =
        new RowMappedView(own, new int[] {0, -1}, new RowSource[] {null, mean}, models::get);
    float[] floats = TinyModels.floats(mapped);
    byte[] bytes = new byte[width * 4 - 3];
    mapped.readBytes(3, bytes, 0, bytes.length);
    byte[] encoded = new byte[width * 4];
    float[] expected = new float[2 * width];
    for (int i = 0; i < width; i++) {
      expected[width + i] = (a[i] + b[i]) / 2;
    }
    FloatCodec.encode(DType.BF16, expected, 0, encoded, 0, 2 * width);
    assertThat(floats).containsExactly(expected);
    assertThat(bytes).containsExactly(Arrays.copyOfRange(encoded, 3, width * 4));
  }

  @Test
  void bitsOfTheSameTypeAreKeptAlsoThoseThatNoFloatHas() {
    byte[] nan = {1, 0, (byte) 0xf0, 0x7f, 3, 2, 1, 0};
    TensorInfo info = new TensorInfo("e", DType.F32, List.of(2L, 1L));
    TensorView view = TensorViews.of(info, nan);
    TensorView mapped =
        new RowMappedView(
            view,
            new int[] {1, -1},
            new RowSource[] {null, new RowSource.Row("x", 0)},
            name -> view);
    byte[] bytes = new byte[8];
    mapped.readBytes(0, bytes, 0, 8);
    assertThat(bytes).containsExactly(3, 2, 1, 0, 1, 0, 0xf0, 0x7f);
  }

  @Test
  void rangesOutsideAreRefused() {
    TensorView own = view(DType.F32, List.of(2L, 2L), 1, 2, 3, 4);
    TensorView mapped = new RowMappedView(own, new int[] {1}, new RowSource[1], name -> own);
    assertThatThrownBy(() -> mapped.readFloats(1, new float[2], 0, 2))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> mapped.readFloats(0, new float[1], 0, 2))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> mapped.readBytes(5, new byte[4], 0, 4))
        .isInstanceOf(IndexOutOfBoundsException.class);
    mapped.readFloats(2, new float[0], 0, 0);
  }
}
