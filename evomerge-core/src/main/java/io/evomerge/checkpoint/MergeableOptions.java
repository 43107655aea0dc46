package io.evomerge.checkpoint;

/**
 * In what models that are merged may differ.
 *
 * @param mixedDtypes whether the floating-point types of a tensor may differ
 * @param otherVocabularies whether tokens, and with them the number of rows of embeddings and head,
 *     may differ
 * @param otherLayers whether the transformer blocks may differ, in number and in tensors
 */
public record MergeableOptions(
    boolean mixedDtypes, boolean otherVocabularies, boolean otherLayers) {

  /** In nothing. */
  public static MergeableOptions strict() {
    return new MergeableOptions(false, false, false);
  }

  /**
   * Returns the same, with or without mixed floating-point types.
   *
   * @param allow whether they may differ
   */
  public MergeableOptions withMixedDtypes(boolean allow) {
    return new MergeableOptions(allow, otherVocabularies, otherLayers);
  }

  /**
   * Returns the same, with or without different vocabularies.
   *
   * @param allow whether they may differ
   */
  public MergeableOptions withOtherVocabularies(boolean allow) {
    return new MergeableOptions(mixedDtypes, allow, otherLayers);
  }

  /**
   * Returns the same, with or without different transformer blocks.
   *
   * @param allow whether they may differ
   */
  public MergeableOptions withOtherLayers(boolean allow) {
    return new MergeableOptions(mixedDtypes, otherVocabularies, allow);
  }
}
