/** EvoMerge's ONNX Runtime backend: decoder graphs built in Java, run on the CPU or with CUDA. */
module io.evomerge.onnx {
  requires transitive io.evomerge.core;
  requires ai.djl.api;
  requires ai.djl.tokenizers;
  requires com.google.protobuf;
  requires com.microsoft.onnxruntime;
  requires org.slf4j;
  requires org.tribuo.util.onnx;

  exports io.evomerge.onnx.architecture;
  exports io.evomerge.onnx.language;
  exports io.evomerge.onnx.runtime;
}
