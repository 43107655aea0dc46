package io.evomerge.onnx.language;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.candidate.WeightStore;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.onnx.architecture.DecoderConfig;
import io.evomerge.onnx.runtime.GenerationOptions;
import io.evomerge.onnx.runtime.LanguageModel;
import io.evomerge.recipe.MergeRecipe;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToDoubleBiFunction;

/** Candidates and language models whose answers a test decides. */
final class FakeModels {

  private static final ObjectMapper JSON = new ObjectMapper();

  private FakeModels() {}

  static Path resource(String name) {
    try {
      return Path.of(FakeModels.class.getResource("/" + name).toURI());
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  static Path zooTokenizer() {
    return resource("zoo/base");
  }

  static DecoderConfig config(int vocabSize, int maxPositions) {
    try {
      ObjectNode zoo = (ObjectNode) JSON.readTree(resource("zoo/base/config.json").toFile());
      zoo.put("vocab_size", vocabSize).put("max_position_embeddings", maxPositions);
      return DecoderConfig.from(ModelConfig.of(zoo));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A candidate of which only the tokenizer folder is asked. */
  static CandidateModel candidate(Optional<Path> tokenizerFolder) {
    return new CandidateModel() {
      @Override
      public MergeRecipe recipe() {
        throw new AssertionError("nothing here needs a recipe");
      }

      @Override
      public Optional<ModelConfig> config() {
        return Optional.empty();
      }

      @Override
      public ModelLayout layout() {
        throw new AssertionError("nothing here needs a layout");
      }

      @Override
      public WeightStore weights() {
        throw new AssertionError("nothing here needs weights");
      }

      @Override
      public Optional<Path> tokenizerFolder() {
        return tokenizerFolder;
      }

      @Override
      public long parameterCount() {
        return 0;
      }
    };
  }

  /** Answers prompts and rates continuations as told, in texts of the zoo's tokenizer. */
  static class Scripted implements LanguageModel {
    final List<int[]> promptsSeen = new ArrayList<>();
    final List<GenerationOptions> optionsSeen = new ArrayList<>();
    final List<String> contextsSeen = new ArrayList<>();
    final List<String> continuationsSeen = new ArrayList<>();
    private final Tokenizer tokenizer;
    private final DecoderConfig config;
    private final Function<String, String> answer;
    private final ToDoubleBiFunction<String, String> likelihood;

    Scripted(
        Tokenizer tokenizer,
        DecoderConfig config,
        Function<String, String> answer,
        ToDoubleBiFunction<String, String> likelihood) {
      this.tokenizer = tokenizer;
      this.config = config;
      this.answer = answer;
      this.likelihood = likelihood;
    }

    @Override
    public DecoderConfig config() {
      return config;
    }

    @Override
    public List<int[]> generate(List<int[]> prompts, GenerationOptions options) {
      promptsSeen.addAll(prompts);
      optionsSeen.add(options);
      return prompts.stream()
          .map(prompt -> answer.apply(tokenizer.decode(prompt, true)))
          .map(tokenizer::encodeWithoutSpecialTokens)
          .map(ids -> Arrays.copyOf(ids, Math.min(ids.length, options.maxNewTokens())))
          .toList();
    }

    @Override
    public double[] logLikelihoods(List<int[]> contexts, List<int[]> continuations) {
      double[] sums = new double[contexts.size()];
      for (int i = 0; i < sums.length; i++) {
        String context = tokenizer.decode(contexts.get(i), true);
        String continuation = tokenizer.decode(continuations.get(i), true);
        contextsSeen.add(context);
        continuationsSeen.add(continuation);
        sums[i] = likelihood.applyAsDouble(context, continuation);
      }
      return sums;
    }

    @Override
    public float[][] lastLogits(List<int[]> prompts) {
      throw new AssertionError("no task asks for logits");
    }
  }
}
