package io.evomerge.candidate;

import java.nio.file.Path;
import java.util.List;

/**
 * An adapter on disk, and how much of the difference between two models it holds.
 *
 * @param folder a PEFT folder
 * @param tensors what became of every tensor that differs, in the order of their names
 */
public record ExtractedAdapter(Path folder, List<Part> tensors) {

  /** Copies. */
  public ExtractedAdapter {
    tensors = List.copyOf(tensors);
  }

  /** What became of a tensor's difference. */
  public enum Form {
    /** It is approximated by two thin matrices. */
    LOW_RANK,
    /** The model's tensor is in the adapter as it is. */
    WHOLE,
    /** It is not in the adapter. */
    LEFT_OUT
  }

  /**
   * One tensor's difference.
   *
   * @param name of the tensor in both models
   * @param form what became of it
   * @param rank of the approximation, else 0
   * @param squaredNorm sum of the squares of the difference; NaN if there is none, as shapes differ
   *     or the elements are not floating-point
   * @param kept fraction of it that the adapter holds, 0 to 1; rounding to the adapter's element
   *     type is not counted
   */
  public record Part(String name, Form form, int rank, double squaredNorm, double kept) {}

  /**
   * Returns the fraction of the squared norm of all differences that is kept, 1 if none differs.
   */
  public double kept() {
    double all = 0;
    double held = 0;
    for (Part part : tensors) {
      if (Double.isNaN(part.squaredNorm())) {
        continue;
      }
      all += part.squaredNorm();
      held += part.kept() * part.squaredNorm();
    }
    return all == 0 ? 1 : held / all;
  }

  /** Returns the tensors that differ and are not in the adapter. */
  public List<Part> leftOut() {
    return tensors.stream().filter(part -> part.form() == Form.LEFT_OUT).toList();
  }
}
