package io.evomerge.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PublicApiLinesTest {

  @TempDir java.nio.file.Path folder;

  @Test
  void showsWhatAUserCanUseAndNothingElse() {
    String name = Sample.class.getName();
    assertThat(PublicApi.lines(List.of(Sample.class)))
        .containsExactlyInAnyOrder(
            name
                + " : public abstract static class <T extends java.lang.Number> implements"
                + " java.lang.Comparable<T>",
            name + "#LIMIT: public static final int",
            name + "#<init>(java.util.List<T>): protected constructor throws java.io.IOException",
            name + "#first(java.util.Map<java.lang.String, T>): public final <U> U",
            name + "$Shape : public static sealed interface",
            name + "$Shape#area(): public abstract double",
            name + "$Shape#name(): public default java.lang.String",
            name + "$Square : public static final record implements " + name + "$Shape",
            name + "$Square#<init>(double): public constructor",
            name + "$Square#area(): public double");
  }

  @Test
  void refusesAModuleThatWasNotCompiled() {
    assertThatThrownBy(() -> new BuiltModule(folder).descriptor())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("compile it first");
  }

  /** Something of everything. */
  public abstract static class Sample<T extends Number> implements Comparable<T> {
    public static final int LIMIT = 3;
    final int hidden = 1;

    protected Sample(List<T> values) throws IOException {
      if (values.isEmpty()) {
        throw new IOException("empty");
      }
    }

    Sample() {}

    public final <U> U first(java.util.Map<String, T> values) throws IllegalStateException {
      throw new IllegalStateException("no " + values);
    }

    void invisible() {}

    /** A nested interface. */
    public sealed interface Shape permits Square {
      double area();

      default String name() {
        return "shape";
      }
    }

    /** Its only kind. */
    public record Square(double area) implements Shape {}

    record Invisible(int value) {}
  }
}
