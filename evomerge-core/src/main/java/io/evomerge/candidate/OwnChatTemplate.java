package io.evomerge.candidate;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.evomerge.checkpoint.Checkpoint;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** Finds the chat template of a model's tokenizer. */
final class OwnChatTemplate {

  private OwnChatTemplate() {}

  /**
   * Returns the text of {@code chat_template.jinja}, else that in {@code tokenizer_config.json}; of
   * several named templates that called {@code default}.
   */
  static Optional<String> of(Checkpoint model) throws IOException {
    Optional<Path> jinja = companion(model, "chat_template.jinja");
    if (jinja.isPresent()) {
      return Optional.of(Files.readString(jinja.get(), StandardCharsets.UTF_8));
    }
    Optional<Path> file = companion(model, "tokenizer_config.json");
    if (file.isEmpty()) {
      return Optional.empty();
    }
    JsonNode template =
        JsonMapper.builder().build().readTree(file.get().toFile()).path("chat_template");
    if (template.isTextual()) {
      return Optional.of(template.asText());
    }
    for (JsonNode named : template) {
      if (named.path("name").asText().equals("default")) {
        return Optional.of(named.path("template").asText());
      }
    }
    return Optional.empty();
  }

  private static Optional<Path> companion(Checkpoint model, String name) {
    return model.companionFiles().stream()
        .filter(file -> file.getFileName().toString().equals(name))
        .findFirst();
  }
}
