package io.evomerge.genome;

/** What the scale of a hop multiplies on a data flow path. */
public enum HopScaling {
  /**
   * The output of the previous hop's feed-forward block, or the embeddings at the first hop; the
   * residual stream itself is not scaled. With embeddings {@code E}, hops {@code t} from 0 and
   * scales {@code s}: {@code r_0 = s_0 E; r'_t = r_t + attn_t(norm(r_t)); m_t = mlp_t(norm(r'_t));
   * r_(t+1) = r'_t + s_(t+1) m_t}; after the last hop {@code norm(r'_T + m_T)}. This is what the
   * published models compute (Akiba et al. 2024, arXiv 2403.13187, released code).
   */
  BRANCH,
  /**
   * The whole residual stream that enters the hop: {@code x_0 = s_0 E; y_t = layer_t(x_t); x_(t+1)
   * = s_(t+1) y_t}; after the last hop {@code norm(y_T)}. The other reading of the paper's text.
   */
  STREAM
}
