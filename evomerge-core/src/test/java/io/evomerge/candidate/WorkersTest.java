package io.evomerge.candidate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(30)
class WorkersTest {

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void everyIndexIsWorkedOnOnce(int threads) {
    try (Workers workers = new Workers("test", threads)) {
      for (int count : new int[] {0, 1, 2, 1000}) {
        AtomicIntegerArray done = new AtomicIntegerArray(count);
        workers.run(count, done::incrementAndGet);
        for (int i = 0; i < count; i++) {
          assertThat(done.get(i)).isEqualTo(1);
        }
      }
    }
  }

  @Test
  void callsFromWithinCallsDoNotWaitForEachOther() {
    try (Workers workers = new Workers("test", 2)) {
      AtomicIntegerArray done = new AtomicIntegerArray(20 * 20);
      CountDownLatch both = new CountDownLatch(2);
      workers.run(
          20,
          i -> {
            both.countDown();
            workers.run(20, j -> done.incrementAndGet(20 * i + j));
          });
      for (int i = 0; i < done.length(); i++) {
        assertThat(done.get(i)).isEqualTo(1);
      }
    }
  }

  @Test
  void severalThreadsTakePart() {
    try (Workers workers = new Workers("test", 2)) {
      CountDownLatch both = new CountDownLatch(2);
      workers.run(
          2,
          i -> {
            both.countDown();
            try {
              both.await();
            } catch (InterruptedException e) {
              throw new IllegalStateException(e);
            }
          });
      assertThat(both.getCount()).isZero();
    }
  }

  @Test
  void whatTheWorkThrowsIsThrownAndTheThreadsGoOnLiving() {
    try (Workers workers = new Workers("test", 3)) {
      assertThatThrownBy(
              () ->
                  workers.run(
                      100,
                      i -> {
                        throw new IllegalStateException("index " + i);
                      }))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageStartingWith("index");
      AtomicIntegerArray done = new AtomicIntegerArray(10);
      workers.run(10, done::incrementAndGet);
      assertThat(done.get(9)).isEqualTo(1);
    }
  }
}
