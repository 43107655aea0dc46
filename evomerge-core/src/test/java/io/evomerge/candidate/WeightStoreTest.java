package io.evomerge.candidate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class WeightStoreTest {

  private final WeightStore store =
      WeightStore.allocate(List.of(new TensorInfo("x", DType.BF16, List.of(2L))));
  private final List<String> log = new ArrayList<>();

  @Test
  void closingReleasesTheLastRegisteredFirstAndOnce() {
    store.onClose(() -> log.add("first"));
    store.onClose(() -> log.add("second"));
    store.close();
    store.close();
    assertThat(log).containsExactly("second", "first");
  }

  @Test
  void closingReleasesEverythingAlthoughOneActionFails() {
    store.onClose(() -> log.add("first"));
    store.onClose(
        () -> {
          throw new IllegalArgumentException("second");
        });
    store.onClose(
        () -> {
          throw new IllegalArgumentException("third");
        });
    assertThatThrownBy(store::close)
        .hasMessage("third")
        .satisfies(e -> assertThat(e.getSuppressed()[0]).hasMessage("second"));
    assertThat(log).containsExactly("first");
    store.close();
    assertThat(log).hasSize(1);
  }

  @Test
  void anActionMayWaitForAThreadThatAsksTheStore() {
    store.onClose(
        () -> {
          Thread asker =
              new Thread(
                  () -> {
                    try {
                      store.tensors();
                    } catch (IllegalStateException e) {
                      log.add(e.getMessage());
                    }
                  });
          asker.start();
          try {
            asker.join(10_000);
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
          assertThat(asker.isAlive()).isFalse();
        });
    store.close();
    assertThat(log).containsExactly("the weight store is closed");
  }

  @Test
  void aClosedStoreTakesNothingMore() {
    store.close();
    assertThatThrownBy(() -> store.onClose(() -> log.add("late")))
        .isInstanceOf(IllegalStateException.class);
    assertThat(log).isEmpty();
  }
}
