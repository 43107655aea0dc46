package io.evomerge.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class MergeCacheTest {

  private final AtomicInteger computed = new AtomicInteger();

  @Test
  void keepsWhatFitsItsBudgetAndOnlyThat() {
    MergeCache cache = MergeCache.ofBytes(10_000);
    MergeTask task = task("a", cache);
    for (int repetition = 0; repetition < 3; repetition++) {
      assertThat(task.cached("small", () -> array(1_000))).hasSize(1_000);
      assertThat(task.cached("large", () -> array(3_000))).hasSize(3_000);
    }
    assertThat(computed).hasValue(1 + 3);
    assertThat(cache.usedBytes()).isBetween(4_000L, cache.budgetBytes());
  }

  @Test
  void doesNotComputeWhatIsOnlyWantedIfKept() {
    MergeTask task = task("a", MergeCache.ofBytes(10_000));
    assertThat(task.cachedIfRoom("large", 12_000, () -> array(3_000))).isEmpty();
    assertThat(computed).hasValue(0);
    assertThat(task.cachedIfRoom("small", 4_000, () -> array(1_000))).isPresent();
    assertThat(task.cachedIfRoom("small", 4_000, () -> array(1_000))).isPresent();
    assertThat(computed).hasValue(1);
  }

  @Test
  void noneKeepsNothing() {
    MergeTask task = task("a", MergeCache.none());
    task.cached("key", () -> array(1));
    task.cached("key", () -> array(1));
    assertThat(task.cachedIfRoom("key", 4, () -> array(1))).isEmpty();
    assertThat(computed).hasValue(2);
    assertThat(MergeCache.none().usedBytes()).isZero();
  }

  @Test
  void valuesThatReportTheirSizeAreCountedByIt() {
    MergeCache cache = MergeCache.ofBytes(10_000);
    MergeCache.Sized sized = () -> 5_000;
    task("a", cache).cached("key", () -> sized);
    assertThat(cache.usedBytes()).isBetween(5_000L, 5_500L);
  }

  @Test
  void otherTensorsSourcesAndSeedsDoNotShareValues() {
    MergeCache cache = MergeCache.ofBytes(1 << 20);
    task("a", cache).cached("key", () -> array(1));
    task("b", cache).cached("key", () -> array(1));
    MergeTask.Builder builder =
        MergeTask.builder(Arrays32.info("a", 2)).source("other", Arrays32.view(1, 2)).cache(cache);
    builder.build().cached("key", () -> array(1));
    builder.seed(1).build().cached("key", () -> array(1));
    builder.base(Arrays32.view(1, 2)).build().cached("key", () -> array(1));
    assertThat(computed).hasValue(5);
    task("a", cache).cached("key", () -> array(1));
    assertThat(computed).hasValue(5);
  }

  @Test
  void clearForgetsEverything() {
    MergeCache cache = MergeCache.ofBytes(10_000);
    task("a", cache).cached("key", () -> array(1_000));
    cache.clear();
    assertThat(cache.usedBytes()).isZero();
    task("a", cache).cached("key", () -> array(1_000));
    assertThat(computed).hasValue(2);
  }

  @Test
  void aFailedComputationIsNotKept() {
    MergeCache cache = MergeCache.ofBytes(10_000);
    MergeTask task = task("a", cache);
    for (int repetition = 0; repetition < 2; repetition++) {
      assertThatThrownBy(() -> task.cached("key", MergeCacheTest::fail)).hasMessage("broken");
      assertThatThrownBy(() -> task.cachedIfRoom("key", 8, MergeCacheTest::fail))
          .hasMessage("broken");
    }
    assertThat(cache.usedBytes()).isZero();
    assertThat(task.cached("key", () -> array(2))).hasSize(2);
  }

  @Test
  void threadsThatAskAtTheSameTimeComputeOnce() throws Exception {
    MergeTask task = task("a", MergeCache.ofBytes(10_000));
    CountDownLatch started = new CountDownLatch(1);
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Future<float[]>> values = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        values.add(
            threads.submit(
                () -> {
                  started.await();
                  return task.cached("key", () -> array(100));
                }));
      }
      started.countDown();
      for (Future<float[]> value : values) {
        assertThat(value.get(10, TimeUnit.SECONDS)).isSameAs(values.get(0).get());
      }
    } finally {
      threads.shutdownNow();
    }
    assertThat(computed).hasValue(1);
  }

  @Test
  void aNegativeBudgetIsRefused() {
    assertThatThrownBy(() -> MergeCache.ofBytes(-1)).isInstanceOf(IllegalArgumentException.class);
  }

  private float[] array(int length) {
    computed.incrementAndGet();
    return new float[length];
  }

  private static float[] fail() {
    throw new IllegalStateException("broken");
  }

  private static MergeTask task(String tensor, MergeCache cache) {
    return MergeTask.builder(Arrays32.info(tensor, 2))
        .source("one", Arrays32.view(1, 2))
        .cache(cache)
        .build();
  }
}
