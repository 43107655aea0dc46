/**
 * Floor 4: what a merged model is, completely and only that: a pure value with YAML and JSON forms.
 */
@NullMarked
package io.evomerge.recipe;

import org.jspecify.annotations.NullMarked;
