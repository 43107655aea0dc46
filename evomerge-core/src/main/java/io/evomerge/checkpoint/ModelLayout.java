package io.evomerge.checkpoint;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What each tensor of a model is: embeddings, numbered blocks with their components, final norm,
 * head; immutable.
 *
 * <p>Derived from the tensors' names, which in Hugging Face checkpoints of one architecture are
 * always the same. In a model that sees images or hears, the encoders of such input and their
 * projectors are {@link TensorRole.Part#OTHER}: the blocks are those of the language model.
 */
public final class ModelLayout {

  // Reluctant, so that of nested lists ("block.3.layer.0") the outer one counts.
  private static final Pattern BLOCK =
      Pattern.compile("(?:.*?\\.)??(?:layers|h|blocks|layer|block)\\.(\\d{1,6})\\.(.+)");
  private static final Pattern ATTENTION = pattern(".*(attn|attention).*");
  private static final Pattern MLP =
      pattern(
          ".*(mlp|moe|feed_forward|ffn|intermediate|experts|DenseReluDense|(^|\\.)fc\\d"
              + "|output\\.dense).*");
  private static final Pattern NORM = pattern(".*(norm|(^|\\.)ln_).*");
  private static final Pattern EMBEDDING =
      pattern(
          ".*(embed_tokens|embed_positions|word_embeddings|position_embeddings|embeddings|wte|wpe"
              + "|embed_in|tok_embeddings|patch_embed|pos_embed|cls_token).*|shared\\.weight");
  private static final Pattern HEAD =
      pattern(
          "(.*\\.)?(lm_head|embed_out|output|score|classifier|qa_outputs|cls\\.[a-z_]+)\\..*"
              + "|head\\..*");
  private static final Pattern FINAL_NORM =
      pattern(
          "(.*\\.)?(norm|norm_f|ln_f|layernorm|post_layernorm|final_layer_?norm|final_norm)\\..*");

  /** What turns other inputs into embeddings in front of a language model. */
  private static final Pattern ENCODER_OF_OTHER_INPUT =
      Pattern.compile(
          "(model\\.)?(vision_tower|vision_model|visual|vision_embed_tokens|audio_tower"
              + "|multi_modal_projector|mm_projector|connector|qformer)\\..*");

  private static final TensorRole OUTSIDE =
      new TensorRole(TensorRole.Part.OTHER, -1, TensorRole.Component.OTHER);

  private final Map<String, TensorRole> roles;
  private final int layerCount;
  private final boolean tiedEmbeddings;

  private ModelLayout(Map<String, TensorRole> roles, int layerCount, boolean tiedEmbeddings) {
    this.roles = roles;
    this.layerCount = layerCount;
    this.tiedEmbeddings = tiedEmbeddings;
  }

  /**
   * Derives a layout.
   *
   * @param tensorNames all tensors of the model
   * @param tiedEmbeddings whether the head shares the embeddings' tensor ({@code
   *     tie_word_embeddings})
   */
  public static ModelLayout of(Set<String> tensorNames, boolean tiedEmbeddings) {
    Map<String, TensorRole> roles = new LinkedHashMap<>();
    int layers = 0;
    boolean languageModel =
        tensorNames.stream()
            .anyMatch(
                name ->
                    !ENCODER_OF_OTHER_INPUT.matcher(name).matches()
                        && BLOCK.matcher(name).matches());
    for (String name : new TreeSet<>(tensorNames)) {
      TensorRole role =
          languageModel && ENCODER_OF_OTHER_INPUT.matcher(name).matches() ? OUTSIDE : derive(name);
      roles.put(name, role);
      layers = Math.max(layers, role.layer() + 1);
    }
    return new ModelLayout(Collections.unmodifiableMap(roles), layers, tiedEmbeddings);
  }

  private static Pattern pattern(String regex) {
    return Pattern.compile(regex, Pattern.CASE_INSENSITIVE);
  }

  private static TensorRole derive(String name) {
    Matcher block = BLOCK.matcher(name);
    if (block.matches()) {
      int layer = Integer.parseInt(block.group(1));
      return new TensorRole(TensorRole.Part.LAYER, layer, component(block.group(2)));
    }
    TensorRole.Part part = TensorRole.Part.OTHER;
    if (EMBEDDING.matcher(name).matches()) {
      part = TensorRole.Part.EMBEDDINGS;
    } else if (HEAD.matcher(name).matches()) {
      part = TensorRole.Part.HEAD;
    } else if (FINAL_NORM.matcher(name).matches()) {
      part = TensorRole.Part.FINAL_NORM;
    }
    return new TensorRole(part, -1, TensorRole.Component.OTHER);
  }

  private static TensorRole.Component component(String rest) {
    // Norms first: "post_attention_layernorm" also speaks of attention.
    if (NORM.matcher(rest).matches()) {
      return TensorRole.Component.NORM;
    }
    if (ATTENTION.matcher(rest).matches()) {
      return TensorRole.Component.ATTENTION;
    }
    return MLP.matcher(rest).matches() ? TensorRole.Component.MLP : TensorRole.Component.OTHER;
  }

  /**
   * Returns the name that a tensor of a transformer block has in another block.
   *
   * @param tensor its name
   * @param layer number of the other block
   * @throws IllegalArgumentException if it is not a tensor of a block
   */
  public static String withLayer(String tensor, int layer) {
    Matcher block = BLOCK.matcher(tensor);
    if (!block.matches()) {
      throw new IllegalArgumentException("'" + tensor + "' is in no transformer block");
    }
    return tensor.substring(0, block.start(1)) + layer + tensor.substring(block.end(1));
  }

  /** Returns the role of every tensor, in the order of the names. */
  public Map<String, TensorRole> roles() {
    return roles;
  }

  /**
   * Returns what a tensor is.
   *
   * @param tensor its name
   * @throws IllegalArgumentException if the model has no such tensor
   */
  public TensorRole role(String tensor) {
    TensorRole role = roles.get(tensor);
    if (role == null) {
      throw new IllegalArgumentException("the model has no tensor '" + tensor + "'");
    }
    return role;
  }

  /** Returns the number of transformer blocks. */
  public int layerCount() {
    return layerCount;
  }

  /** Returns whether the head shares the embeddings' tensor. */
  public boolean tiedEmbeddings() {
    return tiedEmbeddings;
  }

  /**
   * Returns whether any tensor is selected.
   *
   * @param selector of a group
   */
  public boolean has(TensorSelector selector) {
    return roles.entrySet().stream()
        .anyMatch(tensor -> selector.matches(tensor.getKey(), tensor.getValue()));
  }
}
