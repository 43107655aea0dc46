package io.evomerge.recipe;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/**
 * Text of doubles that reads back as the same double and is the same on every JDK ({@link
 * Double#toString} gives other digits for some numbers before JDK 19), so that digests agree.
 */
final class Numbers {
  private Numbers() {}

  /** Always with a point, and an exponent with a sign: what JSON and YAML 1.1 both read. */
  static String text(double value) {
    if (value == 0) {
      return 1 / value < 0 ? "-0.0" : "0.0";
    }
    BigDecimal exact = new BigDecimal(value);
    BigDecimal shortest = exact;
    // 17 digits always suffice (IEEE 754-2008, 5.12.2); fewer are kept if they read back the same.
    for (int digits = 15; digits <= 17; digits++) {
      shortest = exact.round(new MathContext(digits, RoundingMode.HALF_EVEN));
      if (shortest.doubleValue() == value) {
        break;
      }
    }
    shortest = shortest.stripTrailingZeros();
    int exponent = shortest.precision() - shortest.scale() - 1;
    if (exponent >= -4 && exponent < 9) {
      return shortest
          .setScale(Math.max(1, shortest.scale()), RoundingMode.UNNECESSARY)
          .toPlainString();
    }
    String digits = shortest.unscaledValue().abs().toString();
    return (value < 0 ? "-" : "")
        + digits.charAt(0)
        + "."
        + (digits.length() > 1 ? digits.substring(1) : "0")
        + "E"
        + (exponent < 0 ? "-" : "+")
        + Math.abs(exponent);
  }
}
