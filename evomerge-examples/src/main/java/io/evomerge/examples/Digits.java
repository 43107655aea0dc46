package io.evomerge.examples;

import io.evomerge.candidate.CandidateModel;
import io.evomerge.checkpoint.CheckpointWriter;
import io.evomerge.checkpoint.WriteOptions;
import io.evomerge.fitness.Fitness;
import io.evomerge.fitness.FitnessFunction;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.function.IntPredicate;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.zip.GZIPInputStream;

/**
 * Handwritten digits of 8 x 8 pixels and a small network that reads them: 64 inputs, one hidden
 * layer, 10 outputs, rectified linear. See {@code digits.txt} for where the images come from.
 */
final class Digits {

  static final int PIXELS = 64;
  private static final int SIDE = 8;
  private static final float INK = 16;
  static final int CLASSES = 10;

  /** Tensors of a network: [inputs, outputs] and [outputs] of both layers. */
  private static final String[] NAMES = {
    "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"
  };

  private final float[][] images;
  private final int[] labels;

  private Digits(float[][] images, int[] labels) {
    this.images = images;
    this.labels = labels;
  }

  /** Reads all images. */
  static Digits read() throws IOException {
    List<float[]> images = new ArrayList<>();
    List<Integer> labels = new ArrayList<>();
    try (InputStream file =
            Objects.requireNonNull(
                Digits.class.getResourceAsStream("digits.csv.gz"), "digits.csv.gz");
        BufferedReader lines =
            new BufferedReader(
                new InputStreamReader(new GZIPInputStream(file), StandardCharsets.US_ASCII))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        String[] numbers = line.split(",", -1);
        float[] pixels = new float[PIXELS];
        for (int i = 0; i < PIXELS; i++) {
          pixels[i] = Float.parseFloat(numbers[i]);
        }
        images.add(pixels);
        labels.add(Integer.parseInt(numbers[PIXELS]));
      }
    }
    return new Digits(
        images.toArray(float[][]::new), labels.stream().mapToInt(Integer::intValue).toArray());
  }

  int size() {
    return labels.length;
  }

  /** The images from one index up to, not including, another. */
  Digits part(int from, int to) {
    return new Digits(Arrays.copyOfRange(images, from, to), Arrays.copyOfRange(labels, from, to));
  }

  /** The images of some of the digits. */
  Digits of(IntPredicate digit) {
    return at(i -> digit.test(labels[i]));
  }

  /** The images at some of the indices. */
  Digits at(IntPredicate index) {
    int[] which = IntStream.range(0, size()).filter(index).toArray();
    float[][] some = new float[which.length][];
    int[] theirs = new int[which.length];
    for (int i = 0; i < which.length; i++) {
      some[i] = images[which[i]];
      theirs[i] = labels[which[i]];
    }
    return new Digits(some, theirs);
  }

  /** The same digits, each image a quarter turn to the left. */
  Digits turned() {
    return map(
        image -> {
          float[] turned = new float[PIXELS];
          for (int row = 0; row < SIDE; row++) {
            for (int column = 0; column < SIDE; column++) {
              turned[(SIDE - 1 - column) * SIDE + row] = image[row * SIDE + column];
            }
          }
          return turned;
        });
  }

  /** The same digits in white on black: ink where there was paper. */
  Digits negative() {
    return map(
        image -> {
          float[] negative = new float[PIXELS];
          for (int i = 0; i < PIXELS; i++) {
            negative[i] = INK - image[i];
          }
          return negative;
        });
  }

  private Digits map(UnaryOperator<float[]> change) {
    return new Digits(Arrays.stream(images).map(change).toArray(float[][]::new), labels);
  }

  /** All images of some sets. */
  static Digits union(List<Digits> sets) {
    return new Digits(
        sets.stream().flatMap(set -> Arrays.stream(set.images)).toArray(float[][]::new),
        sets.stream().flatMapToInt(set -> Arrays.stream(set.labels)).toArray());
  }

  /** Whether each image is read rightly: the items of a fitness. */
  FitnessFunction fitness(String name) {
    return new FitnessFunction() {
      @Override
      public double score(CandidateModel candidate) {
        return evaluate(candidate).score();
      }

      @Override
      public Fitness evaluate(CandidateModel candidate) {
        float[][] network = new float[NAMES.length][];
        for (int i = 0; i < NAMES.length; i++) {
          var tensor = candidate.tensors().get(NAMES[i]);
          network[i] = new float[(int) tensor.info().elementCount()];
          tensor.readFloats(0, network[i], 0, network[i].length);
        }
        double[] right = right(network);
        return new Fitness(Arrays.stream(right).average().orElse(0), right, Map.of());
      }

      @Override
      public String description() {
        return name + ", " + size() + " digits";
      }
    };
  }

  /** The share of the images that a network reads rightly. */
  double accuracy(float[][] network) {
    return Arrays.stream(right(network)).average().orElse(0);
  }

  private double[] right(float[][] network) {
    int hidden = network[1].length;
    float[] first = new float[hidden];
    float[] second = new float[CLASSES];
    double[] right = new double[size()];
    for (int i = 0; i < right.length; i++) {
      forward(network, images[i], first, second);
      int best = 0;
      for (int k = 1; k < CLASSES; k++) {
        best = second[k] > second[best] ? k : best;
      }
      right[i] = best == labels[i] ? 1 : 0;
    }
    return right;
  }

  private static void forward(float[][] network, float[] image, float[] first, float[] second) {
    System.arraycopy(network[1], 0, first, 0, first.length);
    for (int p = 0; p < PIXELS; p++) {
      if (image[p] != 0) {
        addRow(image[p], network[0], p, first);
      }
    }
    System.arraycopy(network[3], 0, second, 0, second.length);
    for (int h = 0; h < first.length; h++) {
      first[h] = Math.max(first[h], 0);
      if (first[h] != 0) {
        addRow(first[h], network[2], h, second);
      }
    }
  }

  private static void addRow(float factor, float[] matrix, int row, float[] sum) {
    int at = row * sum.length;
    for (int k = 0; k < sum.length; k++) {
      sum[k] += factor * matrix[at + k];
    }
  }

  /**
   * Trains a network on these images as the paper does: normal start of deviation 0.01, Adam with
   * rate 0.003, each step on all images.
   */
  float[][] train(int hidden, int steps, long seed) {
    Random random = new Random(seed);
    float[][] network = {
      new float[PIXELS * hidden], new float[hidden], new float[hidden * CLASSES], new float[CLASSES]
    };
    for (float[] tensor : network) {
      for (int i = 0; i < tensor.length; i++) {
        tensor[i] = (float) (0.01 * random.nextGaussian());
      }
    }
    return tune(network, 0.003, steps);
  }

  /** Trains a copy of a network on these images by Adam, each step on all images. */
  float[][] tune(float[][] start, double rate, int steps) {
    float[][] network = new float[4][];
    double[][] mean = new double[4][];
    double[][] square = new double[4][];
    for (int t = 0; t < 4; t++) {
      network[t] = start[t].clone();
      mean[t] = new double[network[t].length];
      square[t] = new double[network[t].length];
    }
    int hidden = network[1].length;
    for (int step = 1; step <= steps; step++) {
      float[][] gradient = gradient(network, hidden);
      double correctMean = 1 - StrictMath.pow(0.9, step);
      double correctSquare = 1 - StrictMath.pow(0.999, step);
      for (int t = 0; t < 4; t++) {
        for (int i = 0; i < network[t].length; i++) {
          double g = gradient[t][i] / size();
          mean[t][i] = 0.9 * mean[t][i] + 0.1 * g;
          square[t][i] = 0.999 * square[t][i] + 0.001 * g * g;
          double root = Math.sqrt(square[t][i] / correctSquare) + 1e-8;
          network[t][i] -= (float) (rate * mean[t][i] / correctMean / root);
        }
      }
    }
    return network;
  }

  /** The sum over all images of the gradient of the cross entropy. */
  private float[][] gradient(float[][] network, int hidden) {
    float[][] sum = new float[4][];
    for (int t = 0; t < 4; t++) {
      sum[t] = new float[network[t].length];
    }
    float[] first = new float[hidden];
    float[] second = new float[CLASSES];
    float[] back = new float[hidden];
    for (int i = 0; i < size(); i++) {
      forward(network, images[i], first, second);
      softmax(second);
      second[labels[i]] -= 1;
      for (int h = 0; h < hidden; h++) {
        float value = 0;
        for (int k = 0; k < CLASSES; k++) {
          sum[2][h * CLASSES + k] += first[h] * second[k];
          value += network[2][h * CLASSES + k] * second[k];
        }
        back[h] = first[h] > 0 ? value : 0;
        sum[1][h] += back[h];
      }
      for (int k = 0; k < CLASSES; k++) {
        sum[3][k] += second[k];
      }
      for (int p = 0; p < PIXELS; p++) {
        if (images[i][p] != 0) {
          for (int h = 0; h < hidden; h++) {
            sum[0][p * hidden + h] += images[i][p] * back[h];
          }
        }
      }
    }
    return sum;
  }

  private static void softmax(float[] values) {
    float largest = Float.NEGATIVE_INFINITY;
    for (float value : values) {
      largest = Math.max(largest, value);
    }
    double sum = 0;
    for (int k = 0; k < values.length; k++) {
      values[k] = (float) StrictMath.exp(values[k] - largest);
      sum += values[k];
    }
    for (int k = 0; k < values.length; k++) {
      values[k] /= (float) sum;
    }
  }

  /** Writes a network as one safetensors file. */
  static Path write(float[][] network, Path file) throws IOException {
    long hidden = network[1].length;
    List<List<Long>> shapes =
        List.of(
            List.of((long) PIXELS, hidden),
            List.of(hidden),
            List.of(hidden, (long) CLASSES),
            List.of((long) CLASSES));
    List<TensorInfo> tensors = new ArrayList<>();
    for (int i = 0; i < NAMES.length; i++) {
      tensors.add(new TensorInfo(NAMES[i], DType.F32, shapes.get(i)));
    }
    try (CheckpointWriter writer =
        CheckpointWriter.createFile(file, tensors, Map.of(), WriteOptions.defaults())) {
      for (int i = 0; i < NAMES.length; i++) {
        writer.sink(NAMES[i]).writeFloats(0, network[i], 0, network[i].length);
      }
      writer.commit();
    }
    return file;
  }
}
