package io.evomerge.recipe.mergekit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.evomerge.exception.RecipeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelLocationsTest {

  @TempDir private Path root;
  private Path configs;
  private Path models;
  private Path cache;
  private ModelLocations locations;

  @BeforeEach
  void folders() throws IOException {
    configs = Files.createDirectories(root.resolve("configs"));
    models = Files.createDirectories(root.resolve("models"));
    cache = Files.createDirectories(root.resolve("huggingface"));
    locations =
        ModelLocations.asWritten().configFolder(configs).modelsFolder(models).hubCache(cache);
  }

  private Path find(String reference) {
    return locations.find(ModelReference.parse(reference)).model();
  }

  @Test
  void theConfigurationsFolderComesFirst() throws IOException {
    Path beside = Files.createDirectories(configs.resolve("org/a"));
    Path inModels = Files.createDirectories(models.resolve("org/a"));
    assertThat(find("org/a")).isEqualTo(beside);
    Files.delete(beside);
    assertThat(find("org/a")).isEqualTo(inModels);
  }

  @Test
  void absolutePathsAreTakenAsTheyAre() throws IOException {
    Path folder = Files.createDirectories(root.resolve("elsewhere/m"));
    assertThat(find(folder.toString())).isEqualTo(folder);
  }

  @Test
  void theFolderOfModelsMayLeaveTheOrganisationOut() throws IOException {
    Path folder = Files.createDirectories(models.resolve("name"));
    assertThat(find("org/name")).isEqualTo(folder);
  }

  @Test
  void theCacheIsReadThroughItsRefs() throws IOException {
    Path repository = cache.resolve("hub/models--org--name");
    Path commit = Files.createDirectories(repository.resolve("snapshots/abc123"));
    Path older = Files.createDirectories(repository.resolve("snapshots/def456"));
    Files.createDirectories(repository.resolve("refs"));
    Files.writeString(repository.resolve("refs/main"), "abc123\n");
    Files.writeString(repository.resolve("refs/v1"), "def456");
    assertThat(find("org/name")).isEqualTo(commit);
    assertThat(find("org/name@v1")).isEqualTo(older);
    assertThat(find("org/name@def456")).isEqualTo(older);
    locations = ModelLocations.asWritten().hubCache(cache.resolve("hub"));
    assertThat(find("org/name")).isEqualTo(commit);
  }

  @Test
  void aSingleSnapshotNeedsNoRef() throws IOException {
    Path commit =
        Files.createDirectories(cache.resolve("models--gpt2").resolve("snapshots/abc123"));
    assertThat(find("gpt2")).isEqualTo(commit);
  }

  @Test
  void adaptersAreFoundLikeModels() throws IOException {
    Path model = Files.createDirectories(configs.resolve("m"));
    Path lora = Files.createDirectories(models.resolve("org/lora"));
    assertThat(locations.find(ModelReference.parse("m+org/lora")))
        .isEqualTo(new ModelLocations.Location(model, Optional.of(lora)));
  }

  @Test
  void whatIsNowhereIsSaidAtOnceWithPlacesAndHelp() {
    assertThatThrownBy(
            () ->
                locations.findAll(
                    List.of(ModelReference.parse("org/a@v2"), ModelReference.parse("./missing/b"))))
        .isInstanceOf(RecipeException.class)
        .hasMessageContainingAll(
            "model 'org/a@v2' is not on this machine",
            configs.resolve("org/a").toString(),
            models.resolve("org/a").toString(),
            "snapshots",
            "hf download org/a --revision v2 --local-dir " + models.resolve("org/a"),
            "'./missing/b'",
            "correct the path");
  }
}
