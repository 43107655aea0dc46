package io.evomerge.checkpoint;

import io.evomerge.checkpoint.TensorRole.Part;
import io.evomerge.tensor.DType;
import io.evomerge.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Finds what keeps one model from being merged with another. */
final class Comparison {

  private static final Logger LOG = LoggerFactory.getLogger(Comparison.class);

  /** Differences of one kind that are named; the rest is counted. */
  private static final int SHOWN = 8;

  private static final List<String> HEAD_COUNTS =
      List.of("num_attention_heads", "n_head", "num_key_value_heads");

  private final Checkpoint reference;
  private final Checkpoint other;
  private final MergeableOptions options;
  private final String otherName;
  private final String referenceName;

  Comparison(Checkpoint reference, Checkpoint other, MergeableOptions options) {
    this.reference = reference;
    this.other = other;
    this.options = options;
    this.otherName = "'" + other.name() + "'";
    this.referenceName = "'" + reference.name() + "'";
  }

  List<String> differences() {
    List<String> found = new ArrayList<>();
    compareArchitectures(found);
    Set<String> explained =
        options.otherVocabularies() ? tensorsOfOtherSizes() : compareVocabularies(found);
    compareTensors(found, explained);
    return found;
  }

  private void compareArchitectures(List<String> found) {
    if (reference.config().isEmpty() || other.config().isEmpty()) {
      return;
    }
    ModelConfig ours = reference.config().get();
    ModelConfig theirs = other.config().get();
    String expected = architecture(ours);
    String actual = architecture(theirs);
    if (!expected.isEmpty() && !actual.isEmpty() && !expected.equals(actual)) {
      found.add(
          "another architecture: "
              + otherName
              + " is "
              + actual
              + ", "
              + referenceName
              + " is "
              + expected);
    }
    for (String key : HEAD_COUNTS) {
      OptionalInt wanted = ours.integer(key);
      OptionalInt got = theirs.integer(key);
      if (wanted.isPresent() && got.isPresent() && !wanted.equals(got)) {
        found.add(
            "another attention: "
                + otherName
                + " has "
                + key
                + " "
                + got.getAsInt()
                + ", "
                + referenceName
                + " has "
                + wanted.getAsInt());
      }
    }
  }

  private static String architecture(ModelConfig config) {
    String named = config.architecture();
    return named.isEmpty() ? config.text("model_type").orElse("") : named;
  }

  private Set<String> tensorsOfOtherSizes() {
    Set<String> explained = new LinkedHashSet<>();
    Set<String> theirs = new LinkedHashSet<>();
    VocabularyTensors.of(other).forEach(tensor -> theirs.add(tensor.name()));
    for (TensorInfo wanted : VocabularyTensors.of(reference)) {
      if (theirs.contains(wanted.name())
          && differOnlyInRows(wanted, other.tensors().get(wanted.name()))) {
        explained.add(wanted.name());
      }
    }
    return explained;
  }

  /** Returns the tensors whose shapes differ because the vocabularies do. */
  private Set<String> compareVocabularies(List<String> found) {
    Set<String> explained = new LinkedHashSet<>();
    List<String> sizes = new ArrayList<>();
    vocabSize(reference)
        .ifPresent(
            wanted ->
                vocabSize(other)
                    .ifPresent(
                        got -> {
                          if (got != wanted) {
                            sizes.add("vocab_size " + got + " against " + wanted);
                          }
                        }));
    for (TensorInfo wanted : reference.tensors().values()) {
      TensorInfo got = other.tensors().get(wanted.name());
      if (got != null && VocabularyTensors.isNamedAsOne(wanted) && differOnlyInRows(wanted, got)) {
        explained.add(wanted.name());
        sizes.add(
            "'"
                + wanted.name()
                + "' "
                + got.shape().get(0)
                + " rows against "
                + wanted.shape().get(0));
      }
    }
    Optional<Vocabulary> ours = Vocabulary.of(reference);
    Optional<Vocabulary> theirs = Vocabulary.of(other);
    Optional<String> content = Optional.empty();
    if (ours.isPresent() && theirs.isPresent()) {
      content = compareContent(ours.get(), theirs.get(), sizes);
    }
    if (!sizes.isEmpty() || content.isPresent()) {
      found.add(
          "another vocabulary: "
              + otherName
              + " against "
              + referenceName
              + ": "
              + String.join(", ", sizes)
              + content.map(c -> (sizes.isEmpty() ? "" : "; ") + c).orElse(""));
    }
    return explained;
  }

  private Optional<String> compareContent(Vocabulary ours, Vocabulary theirs, List<String> sizes) {
    List<Integer> differing = ours.differingIds(theirs);
    boolean sameSize = ours.size() == theirs.size();
    if (!sizes.isEmpty()) {
      return sameSize
          ? Optional.empty()
          : Optional.of(theirs.source() + " " + theirs.size() + " tokens against " + ours.size());
    }
    if (differing.isEmpty()) {
      if (!sameSize) {
        LOG.info(
            "{} has {} tokens, {} has {}; the shared ids mean the same",
            otherName,
            theirs.size(),
            referenceName,
            ours.size());
      }
      return Optional.empty();
    }
    int first = differing.get(0);
    return Optional.of(
        (sameSize
                ? "equal sizes (" + ours.size() + " tokens) but another content"
                : theirs.size() + " tokens against " + ours.size())
            + " in "
            + theirs.source()
            + ": "
            + differing.size()
            + " ids differ, first id "
            + first
            + ", which is "
            + theirs.describe(first)
            + " against "
            + ours.describe(first));
  }

  private static OptionalInt vocabSize(Checkpoint checkpoint) {
    return checkpoint.config().map(c -> c.integer("vocab_size")).orElse(OptionalInt.empty());
  }

  private static boolean differOnlyInRows(TensorInfo a, TensorInfo b) {
    int rank = a.shape().size();
    return b.shape().size() == rank
        && !a.shape().get(0).equals(b.shape().get(0))
        && a.shape().subList(1, rank).equals(b.shape().subList(1, rank));
  }

  private void compareTensors(List<String> found, Set<String> explained) {
    Map<String, TensorInfo> ours = compared(reference);
    Map<String, TensorInfo> theirs = compared(other);
    List<String> shapes = new ArrayList<>();
    List<String> dtypes = new ArrayList<>();
    for (TensorInfo wanted : ours.values()) {
      TensorInfo got = theirs.get(wanted.name());
      if (got == null) {
        continue;
      }
      if (!got.shape().equals(wanted.shape()) && !explained.contains(wanted.name())) {
        shapes.add("'" + wanted.name() + "' " + got.shape() + " against " + wanted.shape());
      }
      if (got.dtype() != wanted.dtype() && !mayMix(got.dtype(), wanted.dtype())) {
        dtypes.add("'" + wanted.name() + "' " + got.dtype() + " against " + wanted.dtype());
      }
    }
    Set<String> missing = new TreeSet<>(ours.keySet());
    missing.removeAll(theirs.keySet());
    Set<String> extra = new TreeSet<>(theirs.keySet());
    extra.removeAll(ours.keySet());
    String pair = otherName + " against " + referenceName + ": ";
    add(found, "missing tensors: " + otherName + " lacks ", quoted(missing), tiedHint());
    add(found, "extra tensors: only " + otherName + " has ", quoted(extra), tiedHint());
    add(found, "other shapes: " + pair, shapes, "");
    add(found, "other element types: " + pair, dtypes, dtypeHint(dtypes));
  }

  private Map<String, TensorInfo> compared(Checkpoint model) {
    Map<String, TensorInfo> tensors = new TreeMap<>(model.tensors());
    if (options.otherLayers()) {
      tensors.keySet().removeIf(name -> model.layout().role(name).part() == Part.LAYER);
    }
    return tensors;
  }

  private boolean mayMix(DType a, DType b) {
    return options.mixedDtypes() && a.isFloating() && b.isFloating();
  }

  private String tiedHint() {
    boolean ours = reference.layout().tiedEmbeddings();
    boolean theirs = other.layout().tiedEmbeddings();
    if (ours == theirs) {
      return "";
    }
    return " (" + (ours ? referenceName : otherName) + " ties its head to its embeddings)";
  }

  private String dtypeHint(List<String> dtypes) {
    return dtypes.isEmpty() || options.mixedDtypes()
        ? ""
        : " (convert the models to one type, or allow mixed floating-point types)";
  }

  private static List<String> quoted(Set<String> names) {
    return names.stream().map(name -> "'" + name + "'").toList();
  }

  private static void add(List<String> found, String what, List<String> items, String hint) {
    if (items.isEmpty()) {
      return;
    }
    StringBuilder text = new StringBuilder(what);
    text.append(String.join(", ", items.subList(0, Math.min(SHOWN, items.size()))));
    if (items.size() > SHOWN) {
      text.append(" and ").append(items.size() - SHOWN).append(" more");
    }
    found.add(text.append(hint).toString());
  }
}
