/**
 * Tokenizers and text tasks: what a merged language model is asked, and how its answers are scored.
 *
 * <p>A task is read from JSON lines, narrowed and given a way of scoring; bound to a backend it is
 * a fitness function:
 *
 * <pre>{@code
 * TextTask task = TextTask.read(Path.of("ja_math.jsonl"))
 *     .maxNewTokens(5)
 *     .scoredBy(AnswerCheck.lastNumber().inLanguage(Language.JAPANESE).containing("です"));
 * try (OnnxBackend backend = OnnxBackend.auto();
 *     TextEvaluator search = task.split("train").on(backend);
 *     TextEvaluator test = task.split("test").on(backend)) {
 *   double fitness = search.score(candidate);
 *   double accuracy = test.report(candidate).accuracy();
 * }
 * }</pre>
 */
@NullMarked
package io.evomerge.onnx.language;

import org.jspecify.annotations.NullMarked;
