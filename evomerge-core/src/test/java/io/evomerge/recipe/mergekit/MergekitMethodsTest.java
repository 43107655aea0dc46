package io.evomerge.recipe.mergekit;

import static org.assertj.core.api.Assertions.assertThat;

import io.evomerge.genome.ParameterSpec;
import io.evomerge.merge.MergeOperator;
import io.evomerge.merge.MergeOperators;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What configurations may say is what the operators take. */
class MergekitMethodsTest {

  @Test
  void operatorsTakeTheParametersOfMergekitsMethods() {
    int compared = 0;
    for (MergeMethod method : MergeMethod.methods()) {
      Optional<MergeOperator> operator =
          Optional.ofNullable(MergeOperators.standard().get(method.name()));
      if (operator.isPresent()) {
        Map<String, ParameterSpec> specs =
            operator.get().parameters().stream()
                .collect(Collectors.toMap(ParameterSpec::name, spec -> spec));
        for (MergeMethod.Parameter parameter : method.parameters()) {
          if (parameter.ofTheResult()) {
            ParameterSpec spec = specs.get(parameter.name());
            assertThat(spec).as("%s of %s", parameter, method.name()).isNotNull();
            assertThat(spec.scope())
                .as("%s of %s", spec, method.name())
                .isEqualTo(parameter.scope());
            assertThat(spec.kind()).as("%s of %s", spec, method.name()).isEqualTo(parameter.kind());
            assertThat(spec.defaultValue())
                .as("%s of %s", spec, method.name())
                .isEqualTo(Double.valueOf(parameter.defaultValue()));
          }
        }
        compared++;
      }
    }
    assertThat(compared).isGreaterThanOrEqualTo(7);
  }
}
