/** Floor 4: mergekit's YAML configurations, read into recipes and written from them. */
@NullMarked
package io.evomerge.recipe.mergekit;

import org.jspecify.annotations.NullMarked;
