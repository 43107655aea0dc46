package io.evomerge.recipe.mergekit;

import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.checkpoint.TensorRole;
import io.evomerge.checkpoint.TensorRole.Part;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The tensors of a merged model, and the slices from which their parameters come. */
final class ResultTensors {

  private ResultTensors() {}

  /** Consecutive layers of one model. */
  record Layers(ModelLayout layout, int first, int end) {
    int length() {
      return end - first;
    }
  }

  /**
   * A tensor of the result.
   *
   * @param name of it
   * @param role of it
   * @param slice index of the slice that it belongs to
   * @param offset of its layer in the slice; 0 outside the layers
   * @param t where in gradients it stands
   */
  record Tensor(String name, TensorRole role, int slice, int offset, double t) {

    /** What the tensor is called in a model whose layers begin with the given one. */
    String nameIn(int first) {
      return role.part() == Part.LAYER ? LayerNames.inLayer(name, first + offset) : name;
    }
  }

  /** Embeddings belong to the first slice, final norm and head to the last one. */
  static List<Tensor> of(List<List<Layers>> slices) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    int last = slices.size() - 1;
    int begin = 0;
    for (int i = 0; i <= last; i++) {
      for (Layers layers : slices.get(i)) {
        for (Map.Entry<String, TensorRole> entry : layers.layout().roles().entrySet()) {
          TensorRole role = entry.getValue();
          boolean atTheEnd = role.part() == Part.FINAL_NORM || role.part() == Part.HEAD;
          if (role.part() != Part.LAYER && i == (atTheEnd ? last : 0)) {
            String name = entry.getKey();
            tensors.putIfAbsent(name, new Tensor(name, role, i, 0, 0));
          } else if (role.part() == Part.LAYER
              && role.layer() >= layers.first()
              && role.layer() < layers.end()) {
            int offset = role.layer() - layers.first();
            String name = LayerNames.inLayer(entry.getKey(), begin + offset);
            TensorRole there = new TensorRole(Part.LAYER, begin + offset, role.component());
            double t = Setting.position(offset, layers.length());
            tensors.putIfAbsent(name, new Tensor(name, there, i, offset, t));
          }
        }
      }
      begin += slices.get(i).get(0).length();
    }
    return new ArrayList<>(tensors.values());
  }
}
