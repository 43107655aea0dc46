package io.evomerge.recipe.mergekit;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import java.math.BigDecimal;
import java.util.List;
import java.util.regex.Pattern;

/** Scalars that PyYAML and YAML 1.2 read alike. */
final class YamlText {

  private static final Pattern PLAIN = Pattern.compile("[A-Za-z_][A-Za-z0-9_./-]*");
  private static final Pattern RESERVED =
      Pattern.compile("(?i)y|n|yes|no|on|off|true|false|null|nan|inf");

  private YamlText() {}

  static String text(String text) {
    return PLAIN.matcher(text).matches() && !RESERVED.matcher(text).matches()
        ? text
        : '"' + new String(JsonStringEncoder.getInstance().quoteAsString(text)) + '"';
  }

  /** PyYAML takes a number with an exponent for a text unless it has a point and a sign. */
  static String number(double value) {
    double size = Math.abs(value);
    if (size == 0 || (size >= 1e-6 && size < 1e15)) {
      String plain = new BigDecimal(Double.toString(value)).toPlainString();
      return (1 / value < 0 && size == 0 ? "-" : "") + (plain.contains(".") ? plain : plain + ".0");
    }
    String text = Double.toString(value).replace("E", "e");
    return text.contains("e-") ? text : text.replace("e", "e+");
  }

  static String numbers(List<Double> values) {
    return "[" + String.join(", ", values.stream().map(YamlText::number).toList()) + "]";
  }
}
