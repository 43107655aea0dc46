package io.evomerge.onnx.runtime;

import ai.onnxruntime.OrtEnvironment;
import io.evomerge.candidate.CandidateModel;
import io.evomerge.checkpoint.ModelConfig;
import io.evomerge.onnx.architecture.DecoderConfig;
import java.util.Set;

/** What runs the candidates of one weight store, one candidate at a time. */
interface CandidateSessions {

  /** Why a model cannot be run: its memory is gone. */
  String CLOSED = "the model is closed: its backend or its weight store was closed";

  /** Why a model cannot be run: its memory holds another one. */
  String OVER = "the candidate is over: another one was made a language model in its weight store";

  OrtEnvironment environment();

  DecoderConfig config();

  /** Returns tables for at least so many positions. */
  RotaryTables rotary(int positions);

  /**
   * Makes a candidate the one that is served, and frees what was made for another.
   *
   * @return whether that is possible; if not, nothing has changed
   */
  boolean serve(CandidateModel next, ModelConfig config);

  /**
   * Returns a session, made now or before.
   *
   * @param purpose what it computes
   * @param asker who must still be the served candidate
   * @param copy whether it holds a copy of the weights in the kernels' layout; always on CUDA
   * @throws IllegalStateException if the candidate is over, or these sessions are
   */
  Session session(Purpose purpose, CandidateModel asker, boolean copy);

  /**
   * Returns a session of its own for {@link
   * io.evomerge.onnx.architecture.DecoderGraphs#inputProducts}, which the caller closes before the
   * weight store.
   *
   * @param weights of the layers whose inputs are wanted
   * @throws io.evomerge.exception.UnsupportedModelException if the candidate is a path
   */
  NativeSession inputProducts(Set<String> weights);

  /**
   * Frees everything; idempotent; waits for runs that are under way.
   *
   * @param why what later calls are told
   */
  void close(String why);
}
