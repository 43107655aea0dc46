/**
 * Floor 9: pictures of recipes, as SVG and PNG.
 *
 * <pre>{@code
 * EvolutionResult result = search.run();
 * result.picture().writeSvg(Path.of("merged.svg"));
 * Pictures.weights(result.best().recipe()).writePng(Path.of("weights.png"), 2);
 * }</pre>
 *
 * <p>A recipe is all that a picture needs. {@link io.evomerge.result.picture.Pictures} lays it out
 * in rectangles, lines and texts; both formats are written from these.
 */
@NullMarked
package io.evomerge.result.picture;

import org.jspecify.annotations.NullMarked;
