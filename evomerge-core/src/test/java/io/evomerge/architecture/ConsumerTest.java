package io.evomerge.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import io.evomerge.testing.BuiltModule;
import io.evomerge.testing.ModuleConsumer;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConsumerTest {

  @TempDir Path folder;

  @Test
  void aModuleThatRequiresTheCoreSeesAllOfItsApi() throws Exception {
    assertThat(ModuleConsumer.typesSeenBy(BuiltModule.current(), folder))
        .isNotEmpty()
        .allMatch(type -> "io.evomerge.core".equals(type.getModule().getName()));
  }
}
