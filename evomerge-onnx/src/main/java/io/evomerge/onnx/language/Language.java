package io.evomerge.onnx.language;

import java.lang.Character.UnicodeBlock;
import java.lang.Character.UnicodeScript;

/** A language that an answer can be asked to be in, told by its script. */
public enum Language {
  /** No demand. */
  ANY {
    @Override
    public boolean matches(String text) {
      return true;
    }
  },

  /**
   * At least one hiragana or katakana letter and no Latin letter, whole or full width. Kana is
   * asked for because digits and kanji alone ({@code 17 匹}) would pass as Chinese too.
   */
  JAPANESE {
    @Override
    public boolean matches(String text) {
      return text.codePoints().anyMatch(Language::isKana)
          && text.codePoints().noneMatch(Language::isLatin);
    }
  },

  /** At least one Latin letter, and no kana, kanji or Japanese punctuation such as {@code 。}. */
  ENGLISH {
    @Override
    public boolean matches(String text) {
      return text.codePoints().anyMatch(Language::isLatin)
          && text.codePoints().noneMatch(Language::isJapanese);
    }
  };

  /**
   * Returns whether a text is in this language, as far as its script tells.
   *
   * @param text of any length; an empty one is in no language but {@link #ANY}
   */
  public abstract boolean matches(String text);

  private static boolean isKana(int codePoint) {
    UnicodeScript script = UnicodeScript.of(codePoint);
    return script == UnicodeScript.HIRAGANA || script == UnicodeScript.KATAKANA;
  }

  private static boolean isLatin(int codePoint) {
    return Character.isLetter(codePoint) && UnicodeScript.of(codePoint) == UnicodeScript.LATIN;
  }

  private static boolean isJapanese(int codePoint) {
    return isKana(codePoint)
        || UnicodeScript.of(codePoint) == UnicodeScript.HAN
        || UnicodeBlock.of(codePoint) == UnicodeBlock.CJK_SYMBOLS_AND_PUNCTUATION;
  }
}
