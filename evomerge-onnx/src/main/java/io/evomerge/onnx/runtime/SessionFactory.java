package io.evomerge.onnx.runtime;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxTensorLike;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession.SessionOptions;
import ai.onnxruntime.OrtSession.SessionOptions.OptLevel;
import io.evomerge.exception.BackendException;
import io.evomerge.onnx.architecture.DecoderForm.AttentionPrecision;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Makes sessions; immutable and safe for concurrent use.
 *
 * @param environment of the process
 * @param device where they run
 * @param attention what attention computes in there
 * @param threads that one run uses
 */
record SessionFactory(
    OrtEnvironment environment, Device device, AttentionPrecision attention, int threads) {

  SessionFactory(Device device, AttentionPrecision attention, int threads) {
    this(Device.environment(), device, attention, threads);
  }

  /** How a session on the CPU holds its initialisers. */
  enum Holding {
    /** Where they are: what is written there takes effect in the next run. */
    IN_PLACE,
    /** As a copy in the layout of the kernels. */
    PACKED,
    /**
     * There are none, weights are inputs. As many such sessions are kept, each gives back after a
     * run what activations took.
     */
    NONE
  }

  /**
   * Makes a session.
   *
   * @param model in the ONNX format
   * @param initializers values of its weights; must outlive the session
   * @param holding without effect on CUDA, where initialisers are uploaded
   * @throws BackendException if that fails
   */
  NativeSession create(byte[] model, Map<String, OnnxTensor> initializers, Holding holding) {
    try (SessionOptions options = new SessionOptions();
        Placeholder placeholder = new Placeholder()) {
      options.addConfigEntry(
          "session.model_external_initializers_file_folder_path", placeholder.folder().toString());
      // Errors are thrown and need not be printed too.
      options.setSessionLogLevel(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL);
      // The graph is written in fused operators already, and folding must not touch the weights.
      options.setOptimizationLevel(OptLevel.NO_OPT);
      // Patterns are kept per shape of the inputs, and batches have many shapes.
      options.setMemoryPatternOptimization(false);
      options.setIntraOpNumThreads(threads);
      options.setInterOpNumThreads(1);
      options.addConfigEntry("session.intra_op.allow_spinning", "0");
      if (device.isCuda()) {
        options.addCUDA(device.cuda());
        // addInitializer with memory of the host is ignored there.
        options.addExternalInitializers(new LinkedHashMap<String, OnnxTensorLike>(initializers));
      } else {
        options.addConfigEntry("session.disable_prepacking", holding == Holding.PACKED ? "0" : "1");
        options.setCPUArenaAllocator(holding != Holding.NONE);
        for (Map.Entry<String, OnnxTensor> weight : initializers.entrySet()) {
          options.addInitializer(weight.getKey(), weight.getValue());
        }
      }
      return new NativeSession(environment.createSession(model, options));
    } catch (OrtException e) {
      throw new BackendException(
          "ONNX Runtime cannot make a session on " + device + ": " + e.getMessage(), e);
    } catch (IOException e) {
      throw new BackendException(
          "the empty file that stands for the weights cannot be made in "
              + System.getProperty("java.io.tmpdir")
              + "; set java.io.tmpdir to a folder that can be written",
          e);
    }
  }
}
