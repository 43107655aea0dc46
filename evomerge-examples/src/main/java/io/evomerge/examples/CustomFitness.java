package io.evomerge.examples;

import io.evomerge.EvoMerge;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.genome.ParameterSpace;
import io.evomerge.merge.MergeOperators;
import io.evomerge.onnx.language.Tokenizer;
import io.evomerge.onnx.runtime.GenerationOptions;
import io.evomerge.onnx.runtime.OnnxBackend;
import io.evomerge.result.EvolutionResult;
import io.evomerge.run.StopCondition;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** A fitness of your own: how many polite Japanese sentences a merged model writes. */
public final class CustomFitness {

  private static final List<String> PROMPTS =
      List.of("Q : りんご は 赤い です 。 りんご は 何 色 です か 。 A :", "英語 : tom likes cats . 日本語 :");

  private CustomFitness() {}

  /**
   * Searches and writes the merged model.
   *
   * @param args the folder of the zoo, and the folder to write
   * @throws IOException if the model cannot be written
   */
  public static void main(String[] args) throws IOException {
    Path zoo = Path.of(args[0]);
    try (OnnxBackend backend = OnnxBackend.auto();
        Tokenizer tokenizer = Tokenizer.open(zoo.resolve("base"));
        EvoMerge search =
            EvoMerge.builder()
                .base(zoo.resolve("base"))
                .sources(zoo.resolve("ja"), zoo.resolve("math-en"))
                .operator(MergeOperators.taskArithmetic())
                .searchSpace(ParameterSpace.perModel())
                .maximize("politeness", candidate -> politeness(candidate, backend, tokenizer))
                .stopWhen(StopCondition.evaluations(20))
                .build()) {
      EvolutionResult result = search.run();
      search.write(result.best().recipe(), Path.of(args[1]));
    }
  }

  private static double politeness(
      CandidateModel candidate, OnnxBackend backend, Tokenizer tokenizer) {
    GenerationOptions options = GenerationOptions.of(12, tokenizer.eosTokenIds());
    List<int[]> prompts = PROMPTS.stream().map(tokenizer::encode).toList();
    return backend.languageModel(candidate).generate(prompts, options).stream()
        .map(tokens -> tokenizer.decode(tokens, true))
        .filter(text -> text.endsWith("です 。"))
        .count();
  }
}
