package io.evomerge.recipe.mergekit;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The chat formats that mergekit knows by name, as Jinja text: the formats are those that their
 * publishers describe, the text is this library's.
 */
final class ChatTemplates {

  private static final Map<String, String> BY_NAME = byName();

  private ChatTemplates() {}

  static Optional<String> byName(String name) {
    return Optional.ofNullable(BY_NAME.get(name));
  }

  static Set<String> names() {
    return BY_NAME.keySet();
  }

  private static Map<String, String> byName() {
    Map<String, String> all = new LinkedHashMap<>();
    // OpenAI's ChatML: every turn between im_start with the role and im_end.
    all.put(
        "chatml",
        """
        {%- for turn in messages -%}
        {{ '<|im_start|>' ~ turn.role ~ '\\n' ~ turn.content ~ '<|im_end|>\\n' }}
        {%- endfor -%}
        {%- if add_generation_prompt -%}
        {{ '<|im_start|>assistant\\n' }}
        {%- endif -%}
        """);
    // Meta's Llama 3 model card: begin of text once, then header, blank line, text, end of turn.
    all.put(
        "llama3",
        """
        {{- bos_token -}}
        {%- for turn in messages -%}
        {{ '<|start_header_id|>' ~ turn.role ~ '<|end_header_id|>\\n\\n' }}
        {{- turn.content | trim ~ '<|eot_id|>' }}
        {%- endfor -%}
        {%- if add_generation_prompt -%}
        {{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
        {%- endif -%}
        """);
    // Stanford Alpaca: headings in place of roles, a blank line between the parts.
    all.put(
        "alpaca",
        """
        {%- set heading = {'user': '### Instruction:', 'assistant': '### Response:', \
        'user_context': '### Input:'} -%}
        {%- for turn in messages -%}
        {%- if turn.role == 'system' -%}
        {{ turn.content | trim ~ '\\n\\n' }}
        {%- elif turn.role in heading -%}
        {{ heading[turn.role] ~ '\\n' ~ turn.content | trim ~ '\\n\\n' }}
        {%- endif -%}
        {%- endfor -%}
        {%- if add_generation_prompt -%}
        {{ '### Response:\\n' }}
        {%- endif -%}
        """);
    return Collections.unmodifiableMap(all);
  }
}
