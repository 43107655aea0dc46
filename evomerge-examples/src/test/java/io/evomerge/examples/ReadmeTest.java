package io.evomerge.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.StringWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the README shows must work as it stands. */
class ReadmeTest {

  private static final Path ROOT = Path.of("").toAbsolutePath().getParent();

  private static String readme() throws Exception {
    return Files.readString(ROOT.resolve("README.md"));
  }

  @Test
  void theProgramCompiles(@TempDir Path classes) throws Exception {
    Matcher program = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL).matcher(readme());
    assertThat(program.find()).as("the README holds a program").isTrue();
    String code =
        """
        import io.evomerge.EvoMerge;
        import io.evomerge.genome.ParameterSpace;
        import io.evomerge.merge.MergeOperators;
        import io.evomerge.onnx.language.*;
        import io.evomerge.onnx.runtime.OnnxBackend;
        import io.evomerge.result.EvolutionResult;
        import io.evomerge.run.StopCondition;
        import java.nio.file.Path;
        class Readme {
          void program() throws Exception {
        """
            + program.group(1)
            + "}}";
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StringWriter errors = new StringWriter();
    JavaFileObject file =
        new SimpleJavaFileObject(URI.create("string:///Readme.java"), JavaFileObject.Kind.SOURCE) {
          @Override
          public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return code;
          }
        };
    List<String> options =
        List.of(
            "-d", classes.toString(), "-proc:none", "-cp", System.getProperty("java.class.path"));
    boolean compiled = compiler.getTask(errors, null, null, options, null, List.of(file)).call();
    assertThat(compiled).as("%s", errors).isTrue();
  }

  @Test
  void everyLinkedFileIsThere() throws Exception {
    Matcher link = Pattern.compile("\\]\\(([^)#]+)\\)").matcher(readme());
    int links = 0;
    while (link.find()) {
      String target = link.group(1);
      if (!target.toLowerCase(Locale.ROOT).startsWith("http")) {
        assertThat(ROOT.resolve(target)).exists();
        links++;
      }
    }
    assertThat(links).isGreaterThan(5);
  }
}
