package io.evomerge.result.picture;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/** Numbers as a reader wants them: the same text in every locale and on every JDK. */
final class Figures {

  private Figures() {}

  /** Two decimals; one digit where these would show nothing, three where there are too many. */
  static String brief(double value) {
    BigDecimal exact = new BigDecimal(value);
    double size = Math.abs(value);
    if (value == 0 || (size >= 0.005 && size < 1000)) {
      return sign(exact.setScale(2, RoundingMode.HALF_EVEN).toPlainString());
    }
    return size < 1000 ? powers(exact, 1) : powers(exact, 2);
  }

  /** Up to six digits, none of them needless. */
  static String full(double value) {
    BigDecimal rounded = new BigDecimal(value).round(new MathContext(6)).stripTrailingZeros();
    int exponent = rounded.precision() - rounded.scale() - 1;
    return sign(exponent >= -4 && exponent < 9 ? rounded.toPlainString() : rounded.toString());
  }

  private static String powers(BigDecimal exact, int digits) {
    BigDecimal rounded = exact.round(new MathContext(digits));
    int exponent = rounded.precision() - rounded.scale() - 1;
    return sign(
        rounded.movePointLeft(exponent).stripTrailingZeros().toPlainString() + "E" + exponent);
  }

  private static String sign(String text) {
    return text.replace('-', '\u2212');
  }
}
