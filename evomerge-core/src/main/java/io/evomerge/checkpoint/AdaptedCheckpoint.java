package io.evomerge.checkpoint;

import io.evomerge.tensor.TensorInfo;
import io.evomerge.tensor.TensorView;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A checkpoint to which a LoRA adapter is applied whenever it is read. */
final class AdaptedCheckpoint implements Checkpoint {

  private final Checkpoint base;
  private final Path folder;
  private final LoraAdapter adapter;
  private final Object digestLock = new Object();
  private volatile @Nullable String digest;
  private volatile boolean closed;

  AdaptedCheckpoint(Checkpoint base, Path folder, LoraAdapter adapter) {
    this.base = base;
    this.folder = folder;
    this.adapter = adapter;
  }

  @Override
  public String name() {
    return base.name();
  }

  @Override
  public Path location() {
    return base.location();
  }

  @Override
  public String sha256() {
    String known = digest;
    if (known != null) {
      return known;
    }
    synchronized (digestLock) {
      known = digest;
      if (known == null) {
        try {
          known = adapter.sha256(base.sha256());
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
        digest = known;
      }
      return known;
    }
  }

  @Override
  public Optional<Path> adapter() {
    return Optional.of(folder);
  }

  @Override
  public Map<String, TensorInfo> tensors() {
    return base.tensors();
  }

  @Override
  public TensorView tensor(String tensor) {
    if (closed) {
      throw new IllegalStateException("checkpoint '" + name() + "' is closed");
    }
    TensorView adapted = adapter.views().get(tensor);
    return adapted == null ? base.tensor(tensor) : adapted;
  }

  @Override
  public Optional<ModelConfig> config() {
    return base.config();
  }

  @Override
  public ModelLayout layout() {
    return base.layout();
  }

  @Override
  public List<Path> companionFiles() {
    return base.companionFiles();
  }

  @Override
  public Map<String, String> metadata() {
    return base.metadata();
  }

  @Override
  public void close() {
    closed = true;
    adapter.close();
    base.close();
  }

  @Override
  public String toString() {
    return name() + " (" + location() + " with " + folder + ")";
  }
}
