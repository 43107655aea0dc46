package io.evomerge.internal.version;

/** The version of the library, as its jar says. */
public final class Version {

  private Version() {}

  /** Returns the version, or {@code "development"} for classes that do not come from a jar. */
  public static String current() {
    String version = Version.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }
}
