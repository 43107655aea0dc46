package io.evomerge.tensor;

import java.util.Locale;
import java.util.Optional;

/**
 * Element type of a tensor.
 *
 * <p>The names of the constants are those of the safetensors format (Hugging Face, "safetensors"
 * format specification).
 */
public enum DType {
  /** IEEE 754 binary64. */
  F64(8, true, "float64"),
  /** IEEE 754 binary32. */
  F32(4, true, "float32"),
  /** IEEE 754 binary16. */
  F16(2, true, "float16"),
  /** The upper half of a binary32: 8 exponent bits, 7 fraction bits. */
  BF16(2, true, "bfloat16"),
  /** Signed 64-bit integer. */
  I64(8, false, "int64"),
  /** Signed 32-bit integer. */
  I32(4, false, "int32"),
  /** Signed 16-bit integer. */
  I16(2, false, "int16"),
  /** Signed 8-bit integer. */
  I8(1, false, "int8"),
  /** Unsigned 8-bit integer. */
  U8(1, false, "uint8"),
  /** One byte, 0 or 1. */
  BOOL(1, false, "bool");

  private final int size;
  private final boolean floating;
  private final String configName;

  DType(int size, boolean floating, String configName) {
    this.size = size;
    this.floating = floating;
    this.configName = configName;
  }

  /** Returns the bytes of one element. */
  public int size() {
    return size;
  }

  /** Returns whether elements are floating-point numbers, which can be merged. */
  public boolean isFloating() {
    return floating;
  }

  /**
   * Returns the name used in {@code config.json} ({@code torch_dtype}), e.g. {@code "bfloat16"}.
   */
  public String configName() {
    return configName;
  }

  /**
   * Finds a type by its safetensors name (any case) or its {@code config.json} name.
   *
   * @param name e.g. {@code "BF16"} or {@code "bfloat16"}
   * @return the type, or empty if the name is unknown
   */
  public static Optional<DType> byName(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    for (DType type : values()) {
      if (type.name().toLowerCase(Locale.ROOT).equals(lower) || type.configName.equals(lower)) {
        return Optional.of(type);
      }
    }
    return Optional.empty();
  }
}
