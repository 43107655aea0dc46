package io.evomerge.onnx.language;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AnswerCheckTest {

  private static boolean right(AnswerCheck check, String text, String answer) {
    return check.accepts(text, TextItem.of("?", answer));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          17 匹 です 。                | 17
          5 + 12 = 17 匹 です 。       | 17
          答えは１７です。              | 17
          答えは１，２３４．５です。     | 1234.5
          The answer is 1,234.50.      | 1234.5
          1,234,567                    | 1234567
          1,234.50                     | 1234.5
          007                          | 7
          17.0                         | 17
          -5                           | -5
          x = -5.                      | -5
          x=-5                         | -5
          （-5）                        | -5
          −5                           | -5
          －５                          | -5
          -$1,200                      | -1200
          -.5                          | -0.5
          .5                           | 0.5
          5-3                          | 3
          5 - 3                        | 3
          (2)-3                        | 3
          COVID-19                     | 19
          12-05                        | 5
          10m²                         | 10
          ٣٤                           | 34
          3, 4                         | 4
          1,23                         | 23
          1,2345                       | 2345
          3.14.15                      | 15
          $18                          | 18
          72                           | '#### 72'
          """)
  void theLastNumberIsReadAsANumber(String text, String answer) {
    assertThat(right(AnswerCheck.lastNumber(), text, answer)).isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          17 匹 です 。                | 7
          17 or 18                     | 17
          ''                           | 0
          no number                    | 0
          十七 匹                      | 17
          -5                           | 5
          5                            | -5
          17.5                         | 17
          1,234                        | 234
          10m²                         | 2
          """)
  void anotherNumberIsWrong(String text, String answer) {
    assertThat(right(AnswerCheck.lastNumber(), text, answer)).isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          8 stones .                   | 8 stones
          8 STONES.                    | 8 stones
          TITLE                        | title
          Istanbul Izmir               | ISTANBUL IZMIR
          ' a   b\t'                   | A B
          Ｔｏｋｙｏ！                   | tokyo
          Straße                       | STRASSE
          ΟΔΟΣ                         | οδος
          17　匹 です 。                | 17 匹 です
          ｶﾀｶﾅ                         | カタカナ
          wait...                      | Wait…
          """)
  void normalizedTextsAreEqual(String text, String answer) {
    assertThat(right(AnswerCheck.normalizedText(), text, answer)).isTrue();
    assertThat(right(AnswerCheck.normalizedText(), answer, text)).isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          8 stones                     | 8 stone
          ab                           | a b
          .5                           | 5
          (a)                          | a
          ''                           | a
          """)
  void otherTextsAreNot(String text, String answer) {
    assertThat(right(AnswerCheck.normalizedText(), text, answer)).isFalse();
  }

  @Test
  void exactTextForgivesOnlyWhiteSpaceAround() {
    assertThat(right(AnswerCheck.exactText(), " 8 stones .\n", "8 stones .")).isTrue();
    assertThat(right(AnswerCheck.exactText(), "8 stones", "8 stones .")).isFalse();
    assertThat(right(AnswerCheck.exactText(), "8  stones .", "8 stones .")).isFalse();
    assertThat(right(AnswerCheck.exactText(), "8 Stones .", "8 stones .")).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"17 匹 です 。", "です", "カタカナ", "ｶﾀｶﾅ", "はい！ 17"})
  void kanaWithoutLatinLettersIsJapanese(String text) {
    assertThat(Language.JAPANESE.matches(text)).isTrue();
    assertThat(Language.ENGLISH.matches(text)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"17", "17 匹 。", "", "17 fish", "17 匹 です fish", "Ａ です", "é です", "十七匹"})
  void allElseIsNotJapanese(String text) {
    assertThat(Language.JAPANESE.matches(text)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"17 fish .", "a", "café", "Ｆｉｓｈ"})
  void latinLettersAloneAreEnglish(String text) {
    assertThat(Language.ENGLISH.matches(text)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"17", "", "17 fish 。", "fish です", "fish 匹", "рыба"})
  void allElseIsNotEnglish(String text) {
    assertThat(Language.ENGLISH.matches(text)).isFalse();
  }

  @Test
  void anyLanguageIsAnyText() {
    assertThat(Language.ANY.matches("")).isTrue();
    assertThat(Language.ANY.matches("рыба")).isTrue();
  }

  @Test
  void answerAndFormAreToldApart() {
    AnswerCheck check = AnswerCheck.lastNumber().inLanguage(Language.JAPANESE).containing("です");
    TextItem item = TextItem.of("?", "17");
    assertThat(check.accepts("17 匹 です 。", item)).isTrue();
    assertThat(check.isRight("17 fish", item)).isTrue();
    assertThat(check.hasForm("17 fish")).isFalse();
    assertThat(check.accepts("17 fish", item)).isFalse();
    assertThat(check.hasForm("18 匹 です 。")).isTrue();
    assertThat(check.accepts("18 匹 です 。", item)).isFalse();
    // kana, but not the phrase
    assertThat(check.accepts("17 つ 。", item)).isFalse();
    assertThat(check).hasToString("last number, in JAPANESE, containing 'です'");
  }

  @Test
  void demandsAddUpInCopies() {
    AnswerCheck plain = AnswerCheck.exactText();
    AnswerCheck strict = plain.containing("a").containing("b");
    assertThat(strict.hasForm("ab")).isTrue();
    assertThat(strict.hasForm("a")).isFalse();
    assertThat(plain.hasForm("")).isTrue();
    assertThatThrownBy(() -> plain.containing("")).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aHostMayBringItsOwnRule() {
    AnswerCheck check =
        AnswerCheck.custom("ends in the answer", (text, item) -> text.endsWith(item.answer()));
    assertThat(right(check, "it is x", "x")).isTrue();
    assertThat(right(check, "x it is", "x")).isFalse();
    assertThat(check).hasToString("ends in the answer");
  }

  @Test
  void theTestsRunInTheLocaleThatTripsCareless() {
    assertThat(Locale.getDefault().getLanguage()).isEqualTo("tr");
    assertThat("I".toLowerCase(Locale.getDefault())).isEqualTo("ı");
  }
}
