package io.evomerge.onnx.language;

import java.math.BigDecimal;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BiPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Tells whether a generated text is right: it must give the item's answer, and it must have the
 * form that is asked for (a language, a phrase).
 *
 * <p>The two are told apart, so that a report can say how much of a score is skill and how much is
 * form. Immutable and thread-safe; {@code inLanguage} and {@code containing} return a changed copy.
 * Nothing depends on the default locale.
 */
public final class AnswerCheck {

  // a sign counts only where it cannot be a minus between two terms or a hyphen
  private static final Pattern NUMBER =
      Pattern.compile(
          "(?:(?<![\\p{L}\\p{N})\\]%])-\\p{Sc}?)?"
              + "(?:\\d{1,3}(?:,\\d{3})+(?!,?\\d)|\\d+|(?<![\\d.])(?=\\.\\d))(?:\\.\\d+)?");
  private static final Pattern NOT_IN_A_NUMBER = Pattern.compile("[,\\p{Sc}]");
  private static final Pattern SPACE = Pattern.compile("[\\s\\p{Z}]+");
  private static final Pattern FINAL_PUNCTUATION = Pattern.compile("[ .,;:!?…。、]+$");

  /** How the answer is looked for in the text. */
  private interface Matching {
    boolean matches(String text, TextItem item);

    default Optional<String> problem(TextItem item) {
      return Optional.empty();
    }
  }

  private final String description;
  private final Matching matching;
  private final Language language;
  private final List<String> phrases;

  private AnswerCheck(
      String description, Matching matching, Language language, List<String> phrases) {
    this.description = description;
    this.matching = matching;
    this.language = language;
    this.phrases = phrases;
  }

  private static AnswerCheck of(String description, Matching matching) {
    return new AnswerCheck(description, matching, Language.ANY, List.of());
  }

  /** Returns a check that the whole text is the answer, but for white space around it. */
  public static AnswerCheck exactText() {
    return of("exact text", (text, item) -> text.strip().equals(item.answer().strip()));
  }

  /**
   * Returns a check that the whole text is the answer after both were put into Unicode form NFKC,
   * case folded, rid of punctuation at the end ({@code . , ; : ! ? … 。 、}) and of white space
   * around, and with any white space inside taken as one space.
   */
  public static AnswerCheck normalizedText() {
    return of(
        "normalized text",
        new Matching() {
          @Override
          public boolean matches(String text, TextItem item) {
            return normalize(text).equals(normalize(item.answer()));
          }

          @Override
          public Optional<String> problem(TextItem item) {
            return normalize(item.answer()).isEmpty()
                ? Optional.of("the answer '" + item.answer() + "' has nothing to compare")
                : Optional.empty();
          }
        });
  }

  /**
   * Returns a check that the last number in the text equals, as a number, the last one in the
   * answer.
   *
   * <p>Read are decimal digits of any script ({@code １７} as {@code 17}), commas between groups of
   * three digits, a decimal point, and a minus sign ({@code -}, {@code −} or full width) directly
   * before the digits that no letter, digit or closing bracket precedes; so {@code 5-3} ends in 3.
   * Numbers in words, kanji, fractions and exponents are not read.
   */
  public static AnswerCheck lastNumber() {
    return of(
        "last number",
        new Matching() {
          @Override
          public boolean matches(String text, TextItem item) {
            Optional<BigDecimal> wanted = lastNumber(item.answer());
            Optional<BigDecimal> got = lastNumber(text);
            return wanted.isPresent() && got.isPresent() && got.get().compareTo(wanted.get()) == 0;
          }

          @Override
          public Optional<String> problem(TextItem item) {
            return lastNumber(item.answer()).isEmpty()
                ? Optional.of("the answer '" + item.answer() + "' has no number")
                : Optional.empty();
          }
        });
  }

  /**
   * Returns a check by the host's own rule.
   *
   * @param description for reports, e.g. {@code "answer in a box"}
   * @param rule tells from generated text and item whether the answer is right; must be thread-safe
   *     and depend on nothing else
   */
  public static AnswerCheck custom(String description, BiPredicate<String, TextItem> rule) {
    return of(description, rule::test);
  }

  /**
   * Returns this check with a demand on the language of the text.
   *
   * @param language {@link Language#ANY} unless asked for
   */
  public AnswerCheck inLanguage(Language language) {
    return new AnswerCheck(description, matching, language, phrases);
  }

  /**
   * Returns this check with the demand that the text contains a phrase, beside those asked for
   * before.
   *
   * @param phrase compared as it is; e.g. {@code "です"} for a whole Japanese sentence
   * @throws IllegalArgumentException if it is empty
   */
  public AnswerCheck containing(String phrase) {
    if (phrase.isEmpty()) {
      throw new IllegalArgumentException("the phrase is empty, which every text contains");
    }
    List<String> all = new ArrayList<>(phrases);
    all.add(phrase);
    return new AnswerCheck(description, matching, language, List.copyOf(all));
  }

  /**
   * Returns whether a text gives the item's answer, in whatever form.
   *
   * @param text as generated
   * @param item that was asked
   */
  public boolean isRight(String text, TextItem item) {
    return matching.matches(text, item);
  }

  /**
   * Returns whether a text has the language and the phrases that are asked for.
   *
   * @param text as generated
   */
  public boolean hasForm(String text) {
    return language.matches(text) && phrases.stream().allMatch(text::contains);
  }

  /**
   * Returns whether a text counts: right and in the form asked for.
   *
   * @param text as generated
   * @param item that was asked
   */
  public boolean accepts(String text, TextItem item) {
    return isRight(text, item) && hasForm(text);
  }

  /** Returns why no text could ever be right for an item, if so. */
  Optional<String> problem(TextItem item) {
    return matching.problem(item);
  }

  private static String normalize(String text) {
    String folded =
        Normalizer.normalize(text, Normalizer.Form.NFKC)
            .toUpperCase(Locale.ROOT)
            .toLowerCase(Locale.ROOT);
    String spaced = SPACE.matcher(folded).replaceAll(" ");
    return FINAL_PUNCTUATION.matcher(spaced).replaceAll("").strip();
  }

  private static Optional<BigDecimal> lastNumber(String text) {
    Matcher matcher = NUMBER.matcher(plainDigits(text));
    String last = null;
    while (matcher.find()) {
      last = matcher.group();
    }
    return Optional.ofNullable(last)
        .map(number -> new BigDecimal(NOT_IN_A_NUMBER.matcher(number).replaceAll("")));
  }

  // not NFKC, which makes 10m² end in 2
  private static String plainDigits(String text) {
    StringBuilder plain = new StringBuilder(text.length());
    text.codePoints()
        .forEach(
            codePoint -> {
              if (Character.isDigit(codePoint)) {
                plain.append((char) ('0' + Character.digit(codePoint, 10)));
                return;
              }
              switch (codePoint) {
                case '，' -> plain.append(',');
                case '．' -> plain.append('.');
                case '－', '−', '﹣' -> plain.append('-');
                default -> plain.appendCodePoint(codePoint);
              }
            });
    return plain.toString();
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(description);
    if (language != Language.ANY) {
      text.append(", in ").append(language);
    }
    phrases.forEach(phrase -> text.append(", containing '").append(phrase).append('\''));
    return text.toString();
  }
}
