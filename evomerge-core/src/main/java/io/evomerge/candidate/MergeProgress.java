package io.evomerge.candidate;

/**
 * How far a written merge is.
 *
 * @param tensorsDone tensors that are complete
 * @param tensors all tensors
 * @param bytesDone their bytes in the output
 * @param bytes all bytes of weights in the output
 * @param tensor the tensor that was just completed
 */
public record MergeProgress(
    int tensorsDone, int tensors, long bytesDone, long bytes, String tensor) {}
