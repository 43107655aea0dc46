package io.evomerge.result.picture;

import java.util.ArrayList;
import java.util.List;

/**
 * What a picture of two conflicting objectives shows: trials in grey, the front as connected dots,
 * and marked models with their names, such as the sources; immutable.
 *
 * <pre>{@code
 * Picture picture = result.frontChart(0, 1).marker(0.41, 0.02, "math-en").build().picture();
 * }</pre>
 *
 * @since 0.1
 */
public final class FrontChart {

  /** A point with what it is called. */
  record Dot(double x, double y, String name) {}

  /** What an objective is called, and which way is better. */
  record Axis(String name, boolean higherIsBetter) {}

  private static final double MOST = 1e290;

  private final String title;
  private final Axis across;
  private final Axis up;
  private final String trialsName;
  private final List<Dot> trials;
  private final List<Dot> front;
  private final List<Dot> markers;

  private FrontChart(Builder from) {
    title = from.title;
    across = from.across;
    up = from.up;
    trialsName = from.trialsName;
    trials = List.copyOf(from.trials);
    front = List.copyOf(from.front);
    markers = List.copyOf(from.markers);
  }

  /**
   * Starts a chart.
   *
   * @param across objective along the horizontal axis
   * @param acrossHigher whether higher is better there
   * @param up objective along the vertical axis
   * @param upHigher whether higher is better there
   */
  public static Builder builder(String across, boolean acrossHigher, String up, boolean upHigher) {
    return new Builder(new Axis(across, acrossHigher), new Axis(up, upHigher));
  }

  String title() {
    return title;
  }

  Axis across() {
    return across;
  }

  Axis up() {
    return up;
  }

  String trialsName() {
    return trialsName;
  }

  List<Dot> trials() {
    return trials;
  }

  List<Dot> front() {
    return front;
  }

  List<Dot> markers() {
    return markers;
  }

  /** Draws it. */
  public Picture picture() {
    return FrontDrawing.of(this);
  }

  /** Collects the points of a chart; not thread-safe. */
  public static final class Builder {

    private final Axis across;
    private final Axis up;
    private final List<Dot> trials = new ArrayList<>();
    private final List<Dot> front = new ArrayList<>();
    private final List<Dot> markers = new ArrayList<>();
    private String title;
    private String trialsName = "trials";

    private Builder(Axis across, Axis up) {
      this.across = across;
      this.up = up;
      title = across.name() + " against " + up.name();
    }

    /**
     * Sets the title.
     *
     * @param value default: the names of both objectives
     */
    public Builder title(String value) {
      title = value;
      return this;
    }

    /**
     * Says what the grey dots are.
     *
     * @param value a plural; default {@code "trials"}
     */
    public Builder trialsName(String value) {
      trialsName = value;
      return this;
    }

    /**
     * Adds a trial.
     *
     * @param x score on the horizontal objective, at most 1e290 in size
     * @param y score on the vertical objective, at most 1e290 in size
     * @param name what a reader is told who points at it
     * @throws IllegalArgumentException if a score is not finite or greater
     */
    public Builder trial(double x, double y, String name) {
      trials.add(dot(x, y, name));
      return this;
    }

    /**
     * Adds a model of the front.
     *
     * @param x score on the horizontal objective, at most 1e290 in size
     * @param y score on the vertical objective, at most 1e290 in size
     * @param name what a reader is told who points at it
     * @throws IllegalArgumentException if a score is not finite or greater
     */
    public Builder front(double x, double y, String name) {
      front.add(dot(x, y, name));
      return this;
    }

    /**
     * Adds a model whose name is written beside it.
     *
     * @param x score on the horizontal objective, at most 1e290 in size
     * @param y score on the vertical objective, at most 1e290 in size
     * @param name of the model, not empty
     * @throws IllegalArgumentException if a score is not finite or greater or the name is empty
     */
    public Builder marker(double x, double y, String name) {
      if (name.isBlank()) {
        throw new IllegalArgumentException("a marker needs a name");
      }
      markers.add(dot(x, y, name));
      return this;
    }

    private static Dot dot(double x, double y, String name) {
      if (!(Math.abs(x) <= MOST && Math.abs(y) <= MOST)) {
        throw new IllegalArgumentException(
            "'"
                + name
                + "': got the scores "
                + x
                + " and "
                + y
                + ", wanted numbers of at most 1e290");
      }
      return new Dot(x, y, name);
    }

    /**
     * Builds the chart.
     *
     * @throws IllegalArgumentException if it has no point
     */
    public FrontChart build() {
      if (trials.isEmpty() && front.isEmpty() && markers.isEmpty()) {
        throw new IllegalArgumentException("the chart '" + title + "' has no point");
      }
      return new FrontChart(this);
    }
  }
}
