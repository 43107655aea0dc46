package io.evomerge.recipe.mergekit;

import static org.assertj.core.api.Assertions.assertThat;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.ModelLayout;
import io.evomerge.checkpoint.TensorRole;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.testing.TestSeeds;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Filters and gradients where names are not those of a Llama: experts, nested lists, towers. */
class MergekitArchitecturesTest {

  private static final int LAYERS = 6;
  private static final ParameterSpec T =
      ParameterSpec.global("t", -1e6, 1e6, Double.NaN, true, "Position.");

  enum Names {
    EXPERTS("model.layers.%.", "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight") {
      @Override
      void block(Set<String> names) {
        names.add("self_attn.q_proj.weight");
        names.add("self_attn.q_proj.weight_scale");
        names.add("mlp.gate.weight");
        for (int i = 0; i < 12; i++) {
          names.add("mlp.experts." + i + ".up_proj.weight");
          names.add("mlp.experts." + i + ".down_proj.weight");
        }
      }
    },
    GPT2("h.%.", "wte.weight", "wpe.weight", "ln_f.weight", "ln_f.bias") {
      @Override
      void block(Set<String> names) {
        names.addAll(Set.of("ln_1.weight", "ln_1.bias", "attn.c_attn.weight", "mlp.c_fc.bias"));
      }
    },
    T5("encoder.block.%.", "shared.weight", "encoder.final_layer_norm.weight") {
      @Override
      void block(Set<String> names) {
        names.add("layer.0.SelfAttention.q.weight");
        names.add("layer.0.layer_norm.weight");
        names.add("layer.1.DenseReluDense.wi.weight");
        names.add("layer.1.layer_norm.weight");
      }
    },
    TOWER(
        "language_model.model.layers.%.",
        "language_model.model.embed_tokens.weight",
        "vision_tower.encoder.layers.0.mlp.fc1.weight",
        "vision_tower.encoder.layers.1.mlp.fc1.weight",
        "vision_tower.encoder.layers.1.self_attn.q_proj.weight",
        "multi_modal_projector.linear_1.weight") {
      @Override
      void block(Set<String> names) {
        names.addAll(Set.of("self_attn.q_proj.weight", "mlp.up_proj.weight", "norm.weight"));
      }
    };

    private final String prefix;
    private final List<String> outside;

    Names(String prefix, String... outside) {
      this.prefix = prefix;
      this.outside = List.of(outside);
    }

    abstract void block(Set<String> names);

    ModelLayout layout() {
      Set<String> suffixes = new LinkedHashSet<>();
      block(suffixes);
      Set<String> names = new LinkedHashSet<>(outside);
      for (int i = 0; i < LAYERS; i++) {
        for (String suffix : suffixes) {
          names.add(prefix.replace("%", Integer.toString(i)) + suffix);
        }
      }
      return ModelLayout.of(names, false);
    }
  }

  private static Function<ModelReference, ReferencedModel> models(ModelLayout layout) {
    return reference -> ReferencedModel.of(new CheckpointRef("any", reference.path(), ""), layout);
  }

  @ParameterizedTest
  @EnumSource
  void groupsAndFiltersAreExactBothWays(Names architecture) {
    ModelLayout layout = architecture.layout();
    assertThat(layout.layerCount()).isEqualTo(LAYERS);
    TestSeeds.check(
        "mergekit-" + architecture,
        25,
        random -> {
          List<Setting.Condition> conditions = conditions(random, layout);
          Setting setting = new Setting(conditions);
          MergeRecipe recipe = MergekitConfig.parse(yaml(conditions)).toRecipe(models(layout));
          String written = MergekitYaml.write(recipe, name -> layout).yaml();
          MergeRecipe again = MergekitConfig.parse(written).toRecipe(models(layout));
          for (Map.Entry<String, TensorRole> tensor : layout.roles().entrySet()) {
            String name = tensor.getKey();
            TensorRole role = tensor.getValue();
            double t = role.layer() < 0 ? 0 : Setting.position(role.layer(), LAYERS);
            double wanted = setting.at(name, t).orElseThrow();
            assertThat(recipe.parametersFor(name, role, List.of(T)).scalar("t"))
                .as("%s in%n%s", name, yaml(conditions))
                .isEqualTo(wanted);
            assertThat(again.parametersFor(name, role, List.of(T)).scalar("t"))
                .as("%s in%n%s", name, written)
                .isEqualTo(wanted);
          }
        });
  }

  @Test
  void anExceptionWithinAFilterNeedsFewGroups() {
    ModelLayout layout = Names.EXPERTS.layout();
    MergeRecipe recipe =
        MergekitConfig.parse(
                """
                merge_method: slerp
                base_model: a
                models: [{model: a}, {model: b}]
                parameters:
                  t:
                    - {filter: experts.7., value: 0.1}
                    - {filter: down_proj, value: [1, 0]}
                    - {value: 0.5}
                """)
            .toRecipe(models(layout));
    assertThat(recipe.groups()).hasSize(LAYERS + 1);
    assertThat(recipe.groups().get(LAYERS).select()).hasToString("layers.0-5:experts.7.");
    assertThat(MergekitYaml.write(recipe, name -> layout).yaml())
        .contains("{filter: experts.7., value: 0.1}", "{filter: down_proj, value: [1.0, 0.8,");
  }

  private static List<Setting.Condition> conditions(Random random, ModelLayout layout) {
    List<String> names = new ArrayList<>(layout.roles().keySet());
    List<Setting.Condition> conditions = new ArrayList<>();
    int count = random.nextInt(5);
    for (int i = 0; i < count; i++) {
      String name = names.get(random.nextInt(names.size()));
      int begin = random.nextInt(name.length());
      int end = begin + 1 + random.nextInt(name.length() - begin);
      conditions.add(condition(random, Optional.of(name.substring(begin, end))));
    }
    conditions.add(condition(random, Optional.empty()));
    return conditions;
  }

  private static Setting.Condition condition(Random random, Optional<String> filter) {
    List<Double> values = new ArrayList<>();
    int size = random.nextBoolean() ? 1 : 2 + random.nextInt(3);
    for (int i = 0; i < size; i++) {
      values.add(random.nextInt(5) / 4.0);
    }
    return new Setting.Condition(filter, values);
  }

  private static String yaml(List<Setting.Condition> conditions) {
    StringBuilder yaml =
        new StringBuilder(
            "merge_method: slerp\nbase_model: a\nmodels: [{model: a}, {model: b}]\n"
                + "parameters:\n  t:\n");
    for (Setting.Condition condition : conditions) {
      yaml.append("    - {");
      condition.filter().ifPresent(text -> yaml.append("filter: \"").append(text).append("\", "));
      yaml.append("value: ").append(condition.values()).append("}\n");
    }
    return yaml.toString();
  }
}
