package io.evomerge.checkpoint;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A hidden folder beside the target that takes the target's place as a whole, or vanishes.
 *
 * <p>For the target {@code m} there are, while it is being written, {@code .m.lock} (held by the
 * writer, so that what a dead writer left can be told from what a living one makes), {@code
 * .m.partial} and, for the moment of the swap, {@code .m.replaced} with the old content.
 */
final class StagedTarget implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(StagedTarget.class);

  private final Path target;
  private final boolean folder;
  private final boolean overwrite;
  private final Path stage;
  private final Path replaced;
  private final Path lockFile;
  private final List<Path> createdParents;
  private @Nullable FileChannel lock;
  private boolean published;

  private StagedTarget(Path target, boolean folder, boolean overwrite, List<Path> createdParents) {
    this.target = target;
    this.folder = folder;
    this.overwrite = overwrite;
    this.createdParents = createdParents;
    this.stage = sibling(target, "partial");
    this.replaced = sibling(target, "replaced");
    this.lockFile = sibling(target, "lock");
  }

  private static Path sibling(Path target, String suffix) {
    return target.resolveSibling("." + target.getFileName() + "." + suffix);
  }

  /**
   * Checks the target and makes the hidden folder.
   *
   * @param folder whether the target is a folder, not a file
   * @param bytes free space that is needed
   */
  static StagedTarget create(Path given, boolean folder, boolean overwrite, long bytes)
      throws IOException {
    Path target = Files.exists(given) ? given.toRealPath() : given.toAbsolutePath().normalize();
    if (target.getFileName() == null || target.getParent() == null) {
      throw new FileSystemException(given.toString(), null, "cannot be a target: name a folder");
    }
    List<Path> created = new ArrayList<>();
    StagedTarget staged = new StagedTarget(target, folder, overwrite, created);
    try {
      createParents(target.getParent(), created);
      staged.acquire();
      staged.removeLeftovers();
      staged.checkTarget();
      staged.checkSpace(bytes);
      Files.createDirectory(staged.stage);
      return staged;
    } catch (AccessDeniedException e) {
      close(staged, e);
      AccessDeniedException clear =
          new AccessDeniedException(
              target.toString(),
              null,
              "cannot write there: choose another target or change the permissions");
      clear.initCause(e);
      throw clear;
    } catch (IOException | RuntimeException e) {
      close(staged, e);
      throw e;
    }
  }

  private static void close(StagedTarget staged, Exception cause) {
    try {
      staged.close();
    } catch (IOException e) {
      cause.addSuppressed(e);
    }
  }

  private static void createParents(Path parent, List<Path> created) throws IOException {
    if (Files.exists(parent)) {
      if (!Files.isDirectory(parent)) {
        throw new FileSystemException(
            parent.toString(), null, "is a file, so nothing can be written below it");
      }
      return;
    }
    if (parent.getParent() != null) {
      createParents(parent.getParent(), created);
    }
    Files.createDirectory(parent);
    created.add(0, parent);
  }

  private void acquire() throws IOException {
    for (int attempt = 0; attempt < 10; attempt++) {
      Object before = lockFileKey();
      FileChannel channel;
      try {
        channel = FileChannel.open(lockFile, StandardOpenOption.WRITE);
      } catch (NoSuchFileException e) {
        continue;
      }
      try {
        if (channel.tryLock() == null) {
          throw new OverlappingFileLockException();
        }
      } catch (OverlappingFileLockException e) {
        channel.close();
        throw new FileSystemException(
            target.toString(), null, "is being written by another writer: wait for it to finish");
      } catch (IOException e) {
        LOG.warn("{}: file locks do not work here, writing without: {}", lockFile, e.toString());
        lock = channel;
        return;
      }
      // The last holder may have deleted the file between our open and our lock; then another
      // writer may lock a new file of this name. (Keys are null on Windows, which has no such gap.)
      if (Files.exists(lockFile) && Objects.equals(before, lockFileKey())) {
        lock = channel;
        return;
      }
      channel.close();
    }
    throw new FileSystemException(
        target.toString(), null, "is being written by other writers: try again later");
  }

  /** Makes sure that there is a lock file and returns which one; never opens an existing one. */
  private @Nullable Object lockFileKey() throws IOException {
    try {
      Files.createFile(lockFile);
    } catch (FileAlreadyExistsException e) {
      LOG.debug("{} exists", lockFile);
    }
    try {
      return Files.readAttributes(lockFile, BasicFileAttributes.class).fileKey();
    } catch (NoSuchFileException e) {
      return null;
    }
  }

  private void removeLeftovers() throws IOException {
    if (Files.exists(replaced, LinkOption.NOFOLLOW_LINKS)) {
      if (Files.exists(target)) {
        deleteTree(replaced);
      } else {
        LOG.warn("{}: restored after a writer that died while replacing it", target);
        Files.move(replaced, target, StandardCopyOption.ATOMIC_MOVE);
      }
    }
    if (Files.exists(stage, LinkOption.NOFOLLOW_LINKS)) {
      LOG.info("{}: removing what a dead writer left", stage);
      deleteTree(stage);
    }
  }

  private void checkTarget() throws IOException {
    if (!Files.exists(target)) {
      return;
    }
    boolean isFolder = Files.isDirectory(target);
    if (isFolder != folder) {
      throw new FileAlreadyExistsException(
          target.toString(),
          null,
          isFolder
              ? "is a folder, but a file is to be written: choose another target"
              : "is a file, but a folder is to be written: choose another target");
    }
    if (folder && isEmpty(target)) {
      return;
    }
    if (!overwrite) {
      throw new FileAlreadyExistsException(
          target.toString(),
          null,
          (folder ? "the folder exists and is not empty" : "the file exists")
              + ": choose another target, or set overwrite");
    }
    if (folder && !looksLikeModel(target)) {
      throw new FileAlreadyExistsException(
          target.toString(),
          null,
          "the folder holds neither config.json nor safetensors files, so it is no model and is not"
              + " replaced: choose another target, or empty it");
    }
  }

  private static boolean isEmpty(Path directory) throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.findAny().isEmpty();
    }
  }

  private static boolean looksLikeModel(Path directory) throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries
          .map(entry -> entry.getFileName().toString())
          .anyMatch(name -> name.equals("config.json") || name.endsWith(".safetensors"));
    }
  }

  private static String size(long bytes) {
    return bytes < 1_000_000_000
        ? String.format(Locale.ROOT, "%.2f MB", bytes / 1e6)
        : String.format(Locale.ROOT, "%.2f GB", bytes / 1e9);
  }

  private void checkSpace(long bytes) throws IOException {
    long free = Files.getFileStore(target.getParent()).getUsableSpace();
    if (free < bytes) {
      throw new FileSystemException(
          target.toString(),
          null,
          String.format(
              Locale.ROOT,
              "the model takes %s, but only %s are free: free some space or choose another disk",
              size(bytes),
              size(free)));
    }
  }

  /** Returns the hidden folder. */
  Path stage() {
    return stage;
  }

  /** Puts the hidden folder, or the one file in it, in the target's place. */
  void publish() throws IOException {
    syncFolder(stage);
    checkTarget();
    if (folder) {
      swapFolder();
    } else {
      Files.move(stage.resolve(target.getFileName()), target, StandardCopyOption.ATOMIC_MOVE);
    }
    published = true;
    syncFolder(target.getParent());
  }

  private void swapFolder() throws IOException {
    boolean old = Files.exists(target);
    if (old) {
      Files.move(target, replaced, StandardCopyOption.ATOMIC_MOVE);
    }
    try {
      Files.move(stage, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException | RuntimeException e) {
      if (old) {
        Files.move(replaced, target, StandardCopyOption.ATOMIC_MOVE);
      }
      throw e;
    }
  }

  /** Makes renames durable, on systems where folders can be synced. */
  private static void syncFolder(Path directory) {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      LOG.debug("{}: folders cannot be synced here: {}", directory, e.toString());
    }
  }

  /** Removes everything but the target; what was not published is gone. Idempotent. */
  @Override
  public void close() throws IOException {
    FileChannel held = lock;
    if (held == null) {
      removeParents();
      return;
    }
    lock = null;
    try (held) {
      deleteTree(stage);
      // Unpublished, it is the old content that could not be moved back.
      if (published) {
        deleteTree(replaced);
      }
    } finally {
      Files.deleteIfExists(lockFile);
      removeParents();
    }
  }

  private void removeParents() throws IOException {
    if (published) {
      return;
    }
    for (Path parent : createdParents) {
      if (Files.exists(parent) && isEmpty(parent)) {
        Files.delete(parent);
      }
    }
  }

  private static void deleteTree(Path root) throws IOException {
    if (!Files.exists(root, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.delete(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure)
              throws IOException {
            if (failure != null) {
              throw failure;
            }
            Files.delete(directory);
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
