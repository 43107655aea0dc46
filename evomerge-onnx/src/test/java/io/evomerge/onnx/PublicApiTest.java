package io.evomerge.onnx;

import io.evomerge.testing.BuiltModule;
import io.evomerge.testing.PublicApi;
import java.io.IOException;
import org.junit.jupiter.api.Test;

class PublicApiTest {

  @Test
  void thePublicApiIsTheOneThatWasReviewed() throws IOException {
    PublicApi.checkOrUpdate(BuiltModule.current());
  }
}
