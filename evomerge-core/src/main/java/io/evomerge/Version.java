package io.evomerge;

/** The version of the library, as its jar says. */
final class Version {

  private Version() {}

  static String current() {
    String version = EvoMerge.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }
}
