package io.evomerge.allocation;

/**
 * The ways of scoring candidates on fewer items.
 *
 * <pre>{@code
 * EvoMerge.builder()
 *     ...
 *     .maximize("probability", task.scoredByProbability().on(backend))
 *     .items(ItemAllocations.racing())
 *     .stopWhen(StopCondition.itemEvaluations(96_000))
 * }</pre>
 */
public final class ItemAllocations {

  private ItemAllocations() {}

  /** A candidate is scored block by block until it is surely among the best of its generation. */
  public static Racing racing() {
    return Racing.DEFAULT;
  }

  /** The better part of a generation goes on to more items, round by round. */
  public static SuccessiveHalving successiveHalving() {
    return SuccessiveHalving.DEFAULT;
  }

  /** Each generation is scored on a random subset of its own, the same for all candidates. */
  public static CommonSubset commonSubset() {
    return CommonSubset.DEFAULT;
  }

  /** The score on all items is predicted from a subset by a model of the items. */
  public static ItemResponse itemResponse() {
    return ItemResponse.DEFAULT;
  }
}
