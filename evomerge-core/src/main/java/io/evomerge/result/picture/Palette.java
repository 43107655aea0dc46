package io.evomerge.result.picture;

/**
 * Colours, as 0xRRGGBB: those of Okabe and Ito, "Color Universal Design", 2008, which people with
 * any colour vision can tell apart, and mixtures of them with white and black.
 */
final class Palette {

  static final int WHITE = 0xffffff;
  static final int INK = 0x1a1a1a;
  static final int SOFT_INK = 0x555555;
  static final int RULE = 0x6b6b6b;
  static final int PALE = 0xe4e4e4;
  static final int BLANK = 0xf2f2f2;

  private static final int BLUE = 0x0072b2;
  private static final int ORANGE = 0xe69f00;
  private static final int GREEN = 0x009e73;
  private static final int VERMILLION = 0xd55e00;

  // Neighbours differ in lightness too, so that they do in grey.
  private static final int[] MODELS = {
    BLUE, ORANGE, GREEN, 0xcc79a7, VERMILLION, 0x56b4e9, 0x8c8c8c
  };

  private Palette() {}

  static int model(int index) {
    return MODELS[index % MODELS.length];
  }

  /** White at 0, blue at 1, vermillion at -1. */
  static int diverging(double share) {
    return share < 0 ? mix(WHITE, VERMILLION, -share) : mix(WHITE, BLUE, share);
  }

  /** White at 0, green at 1. */
  static int sequential(double share) {
    return mix(WHITE, GREEN, share);
  }

  /** The first colour at share 0, the second one at 1. */
  static int mix(int from, int to, double share) {
    int mixed = 0;
    for (int shift = 16; shift >= 0; shift -= 8) {
      int a = (from >> shift) & 0xff;
      int b = (to >> shift) & 0xff;
      mixed |= (int) Math.rint(a + (b - a) * Math.min(1, share)) << shift;
    }
    return mixed;
  }

  static int darker(int color) {
    return mix(color, 0, 0.3);
  }

  /** Black or white, whichever has the higher contrast (WCAG 2.1): at least 4.5 on any colour. */
  static int textOn(int background) {
    double luminance = luminance(background);
    return (luminance + 0.05) / 0.05 >= 1.05 / (luminance + 0.05) ? 0 : WHITE;
  }

  private static double luminance(int color) {
    return 0.2126 * linear(color >> 16) + 0.7152 * linear(color >> 8) + 0.0722 * linear(color);
  }

  private static double linear(int channel) {
    double c = (channel & 0xff) / 255.0;
    return c <= 0.04045 ? c / 12.92 : StrictMath.pow((c + 0.055) / 1.055, 2.4);
  }
}
