package io.evomerge.examples;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.candidate.CandidateModels;
import io.evomerge.candidate.WeightStore;
import io.evomerge.checkpoint.Checkpoint;
import io.evomerge.checkpoint.Checkpoints;
import io.evomerge.exception.UnsupportedModelException;
import io.evomerge.onnx.language.AnswerCheck;
import io.evomerge.onnx.language.EvaluationReport;
import io.evomerge.onnx.language.Language;
import io.evomerge.onnx.language.TextEvaluator;
import io.evomerge.onnx.language.TextTask;
import io.evomerge.onnx.runtime.OnnxBackend;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Measures the accuracy of a model folder on a task file. */
@Command(
    name = "evaluate",
    description = {
      "Measures how many items of a task a model answers rightly, by greedy decoding.",
      "The last line is JSON with accuracy, answer_only (language not asked) and items."
    },
    mixinStandardHelpOptions = true)
final class Evaluate implements Callable<Integer> {

  enum Answer {
    NUMBER,
    TEXT
  }

  enum AnswerLanguage {
    JA,
    EN,
    ANY
  }

  @Parameters(paramLabel = "MODEL_FOLDER", description = "Hugging Face folder.")
  private Path model = Path.of("");

  @Parameters(
      paramLabel = "TASK.jsonl",
      description = "JSON lines with prompt, answer and any other fields.")
  private Path task = Path.of("");

  @Option(
      names = "--answer",
      description = "number: the last number counts; text: the whole text. Default: number.")
  private Answer answer = Answer.NUMBER;

  @Option(
      names = "--language",
      description = "Language that the answer must have: ja, en or any. Default: any.")
  private AnswerLanguage language = AnswerLanguage.ANY;

  @Option(names = "--max-new-tokens", description = "Default: ${DEFAULT-VALUE}.")
  private int maxNewTokens = 32;

  @Option(
      names = "--split",
      description = "Only items whose field 'split' has this value. Default: all.")
  private @Nullable String split;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws Exception {
    Main.requireAtLeastOne(spec, "--max-new-tokens", maxNewTokens);
    if (Files.isDirectory(task)) {
      throw new FileSystemException(task.toString(), null, "is a folder, wanted a task file");
    }
    AnswerCheck check =
        answer == Answer.NUMBER ? AnswerCheck.lastNumber() : AnswerCheck.normalizedText();
    check =
        switch (language) {
          case JA -> check.inLanguage(Language.JAPANESE);
          case EN -> check.inLanguage(Language.ENGLISH);
          case ANY -> check;
        };
    TextTask items = TextTask.read(task).maxNewTokens(maxNewTokens).scoredBy(check);
    if (split != null) {
      items = items.split(split);
    }
    EvaluationReport report;
    String runtime;
    try (OnnxBackend backend = OnnxBackend.auto();
        Checkpoint checkpoint = Checkpoints.open(model);
        TextEvaluator evaluator = items.on(backend);
        WeightStore store = CandidateModels.newStore(checkpoint)) {
      CandidateModel candidate = CandidateModels.load(checkpoint, store);
      report = evaluator.report(candidate);
      runtime = backend.description();
    } catch (UnsupportedModelException e) {
      throw new UnsupportedModelException(model + ": " + e.getMessage(), e);
    }
    var out = spec.commandLine().getOut();
    out.printf(
        Locale.ROOT,
        "%s on %s: %s, right %s, by %s%n",
        model.getFileName(),
        task.getFileName(),
        Table.percent(report.itemScores()),
        Table.percent(Table.right(report)),
        runtime);
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.put("accuracy", report.accuracy());
    json.put("answer_only", report.answerOnly());
    json.put("items", report.items().size());
    out.println(json);
    return 0;
  }
}
