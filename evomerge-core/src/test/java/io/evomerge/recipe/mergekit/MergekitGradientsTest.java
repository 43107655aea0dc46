package io.evomerge.recipe.mergekit;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.checkpoint.TensorRole;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.ParameterValues;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterValue;
import io.evomerge.testing.TestSeeds;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Parameters per tensor, against what mergekit itself computed and against the plain rules. */
class MergekitGradientsTest {

  private static final ParameterSpec T =
      ParameterSpec.global("t", -1e6, 1e6, Double.NaN, true, "Position.");
  private static final ParameterSpec WEIGHT =
      ParameterSpec.perSource("weight", -1e6, 1e6, Double.NaN, "Weight.");
  private static final ParameterSpec DENSITY =
      ParameterSpec.perSource("density", 0, 1e6, 1, "Density.");

  private static JsonNode golden() throws IOException {
    try (InputStream in =
        MergekitGradientsTest.class.getResourceAsStream(
            "/io/evomerge/merge/golden/gradients.json")) {
      return new ObjectMapper().readTree(in);
    }
  }

  @Test
  void gradientsGiveMergekitsValuesToTheLastBit() throws IOException {
    int cases = 0;
    for (JsonNode gradient : golden().get("gradients")) {
      int layers = gradient.get("layers").asInt();
      MergeRecipe recipe = slerp(gradient.get("setting"), layers);
      ModelLayout layout = TestModels.llama(layers);
      layout
          .roles()
          .forEach(
              (name, role) ->
                  assertThat(t(recipe, name, role))
                      .as("%s of %s", name, gradient.get("setting"))
                      .isEqualTo(
                          role.layer() < 0
                              ? gradient.get("value_off_layers").asDouble()
                              : gradient.get("values").get(role.layer()).asDouble()));
      cases++;
    }
    assertThat(cases).isGreaterThan(30);
  }

  @Test
  void filtersGiveMergekitsValues() throws IOException {
    int compared = 0;
    for (JsonNode filters : golden().get("filters")) {
      // The middle layer of 21 and the last of 11 are number 10; the first is number 0.
      double t = filters.get("t").asDouble();
      int layers = t == 0.5 ? 21 : 11;
      MergekitConfig config = slerpConfig(withDefault(filters.get("setting"), -99));
      MergeRecipe recipe = config.toRecipe(TestModels.of(layers));
      ModelLayout layout = TestModels.llama(layers);
      for (Map.Entry<String, JsonNode> value : filters.get("values").properties()) {
        TensorRole role = layout.role(value.getKey());
        boolean outside = role.layer() < 0;
        if (Setting.position(Math.max(role.layer(), 0), layers) == t || (outside && t == 0)) {
          double wanted = value.getValue().isNull() ? -99 : value.getValue().asDouble();
          assertThat(t(recipe, value.getKey(), role))
              .as("%s of %s", value.getKey(), filters)
              .isEqualTo(wanted);
          compared++;
        }
      }
    }
    assertThat(compared).isGreaterThan(30);
  }

  @Test
  void levelsCountAsInMergekit() throws IOException {
    JsonNode precedence = golden().get("precedence");
    int compared = 0;
    for (JsonNode lookup : precedence.get("lookups")) {
      JsonNode config = precedence.get("configs").get(lookup.get("config").asText());
      String parameter = lookup.get("parameter").asText();
      if (lookup.get("model").isNull() || parameter.equals("gamma")) {
        continue;
      }
      String yaml = config.toString();
      // The base must be there for a merge, not for a look-up.
      yaml = yaml.replace("\"sources\":[", "\"sources\":[{\"model\":\"B\",\"layer_range\":[0,8]},");
      MergeRecipe recipe = MergekitConfig.parse(yaml).toRecipe(TestModels.of(8));
      String tensor = lookup.get("tensor").asText();
      double t = lookup.get("t").asDouble();
      TensorRole role = TestModels.llama(8).roles().get(tensor);
      if (role == null || (role.layer() >= 0 && role.layer() / 7.0 != t)) {
        continue;
      }
      if (role.layer() < 0 && t != 0) {
        continue;
      }
      int source = lookup.get("model").asText().equals("A") ? 0 : 1;
      ParameterValues values = recipe.parametersFor(tensor, role, specsOfTies());
      assertThat(values.perSource(parameter, source))
          .as("%s", lookup)
          .isEqualTo(lookup.get("value").asDouble());
      compared++;
    }
    assertThat(compared).isGreaterThanOrEqualTo(8);
  }

  @Test
  void aSmoothGradientNeedsOneGroupPerLayer() {
    MergeRecipe recipe =
        MergekitConfig.parse(
                """
                merge_method: slerp
                base_model: a
                models: [{model: a}, {model: b}]
                parameters:
                  t:
                    - {filter: self_attn, value: [0, 0.5, 0.3, 0.7, 1]}
                    - {filter: mlp, value: [1, 0.5, 0.7, 0.3, 0]}
                    - value: 0.5
                """)
            .toRecipe(TestModels.of(5));
    // Five layers, two components of three, the middle layer's MLP at 0.7, norms at the default.
    assertThat(recipe.parameters()).containsEntry("t", ParameterValue.of(0.5));
    assertThat(recipe.groups()).hasSize(8);
    assertThat(recipe.groups().toString()).contains("layers.4.attention", "layers.2.mlp");
  }

  @Test
  void aSingleExceptionNeedsASingleGroup() {
    MergeRecipe recipe =
        MergekitConfig.parse(
                """
                merge_method: slerp
                base_model: a
                models: [{model: a}, {model: b}]
                parameters:
                  t: [{filter: o_proj, value: 0.25}, {value: 0.5}]
                """)
            .toRecipe(TestModels.of(12));
    assertThat(recipe.groups()).hasSize(1);
    assertThat(recipe.groups().get(0).select()).hasToString("layers.0-11:o_proj");
  }

  @Test
  void theGroupsSayExactlyWhatTheRulesSayForRandomConfigurations() {
    TestSeeds.check(
        "mergekit-groups",
        60,
        random -> {
          RandomConfig config = new RandomConfig(random);
          MergeRecipe recipe =
              MergekitConfig.parse(config.yaml()).toRecipe(TestModels.of(config.layers()));
          config.forEachTensor(
              (name, role, source, parameter, wanted) ->
                  assertThat(
                          recipe
                              .parametersFor(name, role, List.of(WEIGHT, DENSITY))
                              .perSource(parameter, source))
                      .as("%s of %s, source %s, in%n%s", parameter, name, source, config.yaml())
                      .isEqualTo(wanted));
        });
  }

  private static List<ParameterSpec> specsOfTies() {
    return List.of(WEIGHT, DENSITY);
  }

  private static double t(MergeRecipe recipe, String name, TensorRole role) {
    return recipe.parametersFor(name, role, List.of(T)).scalar("t");
  }

  private static MergeRecipe slerp(JsonNode setting, int layers) {
    return slerpConfig(setting.toString()).toRecipe(TestModels.of(layers));
  }

  private static MergekitConfig slerpConfig(String setting) {
    return MergekitConfig.parse(
        "{merge_method: slerp, base_model: a, models: [{model: a}, {model: b}],"
            + " parameters: {t: "
            + setting
            + "}}");
  }

  private static String withDefault(JsonNode setting, double otherwise) {
    String text = setting.toString();
    boolean list = setting.isArray() && setting.get(0).isObject();
    return list ? text.substring(0, text.length() - 1) + ",{\"value\":" + otherwise + "}]" : text;
  }

  /** A configuration of linear merges with random rules, and their plain evaluation. */
  private static final class RandomConfig {
    private static final List<String> FILTERS =
        List.of(
            "self_attn",
            "mlp",
            "q_proj",
            "proj",
            "norm",
            "layers.1",
            "layers.2.mlp",
            "down",
            "lm_head",
            "embed",
            "weight",
            "input_",
            "model.norm");

    private final Random random;
    private final int layers;
    private final int models;
    private final List<int[]> cuts = new ArrayList<>();
    private final StringBuilder yaml = new StringBuilder();
    private final List<List<Level>> levels = new ArrayList<>();
    private final Level global;

    /** Settings of one level: parameter, filter and values. */
    private record Rule(String parameter, String filter, List<Double> values) {}

    private record Level(List<Rule> rules) {
      double value(String parameter, String name, double t) {
        for (Rule rule : rules) {
          if (rule.parameter().equals(parameter) && name.contains(rule.filter())) {
            List<Double> v = rule.values();
            double scaled = t * (v.size() - 1);
            int low = (int) scaled;
            int high = Math.min(v.size() - 1, low + 1);
            double rest = scaled - low;
            return v.size() == 1 ? v.get(0) : (1 - rest) * v.get(low) + rest * v.get(high);
          }
        }
        return Double.NaN;
      }
    }

    RandomConfig(Random random) {
      this.random = random;
      this.layers = 1 + random.nextInt(24);
      this.models = 1 + random.nextInt(3);
      global = level(true);
      yaml.append("merge_method: ties\nbase_model: base\nslices:\n");
      int slices = 1 + random.nextInt(3);
      for (int s = 0; s < slices; s++) {
        int length = 1 + random.nextInt(layers);
        int first = random.nextInt(layers - length + 1);
        cuts.add(new int[] {length, first});
        Level ofSlice = level(false);
        List<Level> ofSources = new ArrayList<>();
        yaml.append("  - sources:\n");
        append("base", first, length, new Level(List.of()));
        for (int m = 0; m < models; m++) {
          Level ofSource = level(false);
          ofSources.add(ofSource);
          append("m" + m, first, length, ofSource);
        }
        ofSources.add(ofSlice);
        levels.add(ofSources);
        parameters(ofSlice, "    ");
      }
      parameters(global, "");
    }

    private void append(String model, int first, int length, Level level) {
      yaml.append("      - model: ").append(model).append("\n        layer_range: [");
      yaml.append(first).append(", ").append(first + length).append("]\n");
      parameters(level, "        ");
    }

    private void parameters(Level level, String indent) {
      if (level.rules().isEmpty()) {
        return;
      }
      yaml.append(indent).append("parameters:\n");
      for (String parameter : List.of("weight", "density")) {
        List<Rule> rules =
            level.rules().stream().filter(r -> r.parameter().equals(parameter)).toList();
        if (!rules.isEmpty()) {
          yaml.append(indent).append("  ").append(parameter).append(":\n");
          for (Rule rule : rules) {
            yaml.append(indent).append("    - {");
            if (!rule.filter().isEmpty()) {
              yaml.append("filter: ").append(rule.filter()).append(", ");
            }
            Object value = rule.values().size() == 1 ? rule.values().get(0) : rule.values();
            yaml.append("value: ").append(value).append("}\n");
          }
        }
      }
    }

    private Level level(boolean complete) {
      List<Rule> rules = new ArrayList<>();
      for (String parameter : List.of("weight", "density")) {
        int count = random.nextInt(complete ? 4 : 3);
        for (int i = 0; i < count; i++) {
          rules.add(new Rule(parameter, FILTERS.get(random.nextInt(FILTERS.size())), values()));
        }
        if (complete) {
          rules.add(new Rule(parameter, "", values()));
        }
      }
      return new Level(rules);
    }

    private List<Double> values() {
      List<Double> values = new ArrayList<>();
      int size = random.nextInt(3) == 0 ? 2 + random.nextInt(4) : 1;
      for (int i = 0; i < size; i++) {
        values.add(random.nextInt(11) / 10.0);
      }
      return values;
    }

    String yaml() {
      return yaml.toString();
    }

    int layers() {
      return layers;
    }

    interface Check {
      void check(String name, TensorRole role, int source, String parameter, double wanted);
    }

    void forEachTensor(Check check) {
      int depth = cuts.stream().mapToInt(cut -> cut[0]).sum();
      ModelLayout result = TestModels.llama(depth);
      Set<String> seen = new LinkedHashSet<>();
      result
          .roles()
          .forEach(
              (name, role) -> {
                int slice = 0;
                int offset = role.layer();
                if (offset < 0) {
                  slice = name.contains("embed") ? 0 : cuts.size() - 1;
                } else {
                  while (offset >= cuts.get(slice)[0]) {
                    offset -= cuts.get(slice++)[0];
                  }
                }
                int length = cuts.get(slice)[0];
                double t = offset < 0 ? 0 : length == 1 ? 1 : (double) offset / (length - 1);
                String inputName =
                    offset < 0
                        ? name
                        : name.replace(
                            "layers." + role.layer() + ".",
                            "layers." + (cuts.get(slice)[1] + offset) + ".");
                for (String parameter : List.of("weight", "density")) {
                  for (int m = 0; m < models; m++) {
                    List<Level> order = new ArrayList<>();
                    order.add(levels.get(slice).get(m));
                    order.add(levels.get(slice).get(models));
                    order.add(global);
                    double wanted = Double.NaN;
                    for (Level level : order) {
                      wanted = Double.isNaN(wanted) ? level.value(parameter, inputName, t) : wanted;
                    }
                    check.check(name, role, m, parameter, wanted);
                    seen.add(name);
                  }
                }
              });
      assertThat(seen).hasSize(3 + 9 * depth);
    }
  }
}
