package io.evomerge.onnx.language;

import io.evomerge.candidate.CandidateModel;
import io.evomerge.fitness.FitnessFunction;
import io.evomerge.fitness.FitnessFunctionContract;
import io.evomerge.onnx.runtime.OnnxBackend;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A text task on trained models is a fitness function. */
class TextEvaluatorFitnessTest extends FitnessFunctionContract {

  private OnnxBackend backend;
  private TextEvaluator evaluator;
  private List<ZooTaskTest.Loaded> models;

  @BeforeEach
  void open() throws Exception {
    backend = OnnxBackend.cpu();
    evaluator =
        TextTask.read(FakeModels.resource("zoo/tasks/ja_math.jsonl"))
            .split("valid")
            .limit(40)
            .maxNewTokens(5)
            .scoredBy(AnswerCheck.lastNumber())
            .plusLogLikelihood(0.1)
            .on(backend);
    models = List.of(ZooTaskTest.Loaded.open("base"), ZooTaskTest.Loaded.open("math-en"));
  }

  @AfterEach
  void close() {
    models.forEach(ZooTaskTest.Loaded::close);
    evaluator.close();
    backend.close();
  }

  @Override
  protected FitnessFunction fitness() {
    return evaluator;
  }

  @Override
  protected List<CandidateModel> candidates() {
    return models.stream().map(ZooTaskTest.Loaded::model).toList();
  }
}
