package io.evomerge.candidate;

/** How a model with a data flow path is written to files. */
public enum PathForm {
  /**
   * An ordinary model with a layer per hop, in which the scales are part of the weights, so that
   * whatever runs its architecture runs it; layers of several hops are written several times.
   *
   * <p>With hops {@code t} of {@code T} and scales {@code s} (Akiba et al. 2024, arXiv 2403.13187;
   * {@link io.evomerge.genome.HopScaling}):
   *
   * <ul>
   *   <li>The embeddings are multiplied by {@code s_0}. A head that is tied to them becomes a
   *       tensor of its own, with the embeddings as they were.
   *   <li>{@code BRANCH}: hop {@code t}'s {@code down_proj}, weight and bias, is multiplied by
   *       {@code s_(t+1)}; that of the last hop stays. The model computes the same function.
   *   <li>{@code STREAM}: with {@code c_t = s_1 ... s_t}, hop {@code t}'s {@code o_proj} and {@code
   *       down_proj} are divided by {@code c_t}. Where {@code c_t} is negative, the weights of the
   *       hop's {@code input_layernorm} and {@code post_attention_layernorm} change their sign, and
   *       those of the final norm if the last {@code c} is. A scale of 0 after the first hop has no
   *       such form. As RMSNorm adds {@code epsilon} to the mean square {@code m} of its input,
   *       which is now {@code m / c_t^2}, the norms' outputs differ by about {@code epsilon / (2 m)
   *       |c_t^2 - 1|} of them, and the model by as much; with an epsilon of 0 by nothing.
   * </ul>
   *
   * <p>Weights whose factor is not 1 or -1 are written as F32, in the model's own type else: their
   * products have more digits than BF16 or F16, and so the model is the one that was scored. Loaded
   * in BF16, as {@code config.json} may say, they are rounded like everything else. A {@code dtype}
   * in the recipe holds for all tensors: BF16 then moves scaled weights by up to 2^-8 of their
   * values (F16: 2^-11), and the logits by that order. Weights whose factor is 1 keep their bytes.
   */
  FOLDED,
  /**
   * Each layer of the path once, as it is, with the order of the hops and their scales beside them:
   * the form of the models of Akiba et al. (EvoLLM-JP-v1-10B), which needs their model code.
   *
   * <p>The stored layers are numbered in the order of the path's models, the merged one first, then
   * of their layers. {@code model.input_layers} (I64, {@code [hops]}) holds the stored layer of
   * each hop, {@code model.input_scales} (F32, {@code [hops]}) its scale. In {@code config.json},
   * {@code num_hidden_layers} counts stored layers, {@code num_hops} hops; {@code model_type} is
   * {@code evomistral} or {@code evollama}. That code computes {@code BRANCH}; with {@code STREAM}
   * the configuration has {@code "evomerge_scaling": "stream"}, and a program that runs the model
   * must heed it. Weights are bit for bit those of the merge and of the other models.
   */
  COMPACT
}
