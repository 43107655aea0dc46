package io.evomerge.result.picture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.evomerge.checkpoint.CheckpointRef;
import io.evomerge.checkpoint.TensorRole;
import io.evomerge.checkpoint.TensorRole.Component;
import io.evomerge.checkpoint.TensorRole.Part;
import io.evomerge.checkpoint.TensorSelector;
import io.evomerge.genome.HopScaling;
import io.evomerge.genome.ParameterSpec;
import io.evomerge.genome.ParameterValues;
import io.evomerge.recipe.Hop;
import io.evomerge.recipe.LayerRange;
import io.evomerge.recipe.LayerSlice;
import io.evomerge.recipe.MergeRecipe;
import io.evomerge.recipe.ParameterValue;
import io.evomerge.result.picture.ParameterTable.Column;
import io.evomerge.result.picture.ParameterTable.Panel;
import io.evomerge.result.picture.ParameterTable.Row;
import io.evomerge.testing.BuiltModule;
import io.evomerge.testing.TestSeeds;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

class PicturesTest {

  /** Writes the pictures of the documentation anew instead of comparing. */
  private static final String UPDATE = "evomerge.pictures.update";

  private static final List<String> NAMES =
      List.of(
          "math-en",
          "a-very-long-name-of-a-model-with-a-date-and-a-size-2026-11-7b-instruct-v0.3-gguf-not",
          "\u65e5\u672c\u8a9e\u30e2\u30c7\u30eb-7b",
          "<script>&\"'",
          "MWMWMWMWMWMWMWMWMWMWMWMWMW");

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "1, 1", "2, 1", "12, 2", "65, 2", "65, 5", "36, 3", "192, 1", "192, 2", "192, 4", "700, 3"
  })
  void nothingOverlapsOrLeavesTheFrame(int hops, int models) throws Exception {
    for (int run = 0; run < 3; run++) {
      MergeRecipe recipe = randomPath(hops, models, TestSeeds.random("path " + hops, run));
      Picture picture = Pictures.path(recipe);
      String what = hops + " hops, run " + run + ", master seed " + TestSeeds.master();
      assertLegible(what, picture);
      assertThat(picture.width()).as(what).isBetween(400, 1200);
      parse(picture.svg());
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 2, 3, 4, 5, 6, 7})
  void noHeatMapOverlapsOrLeavesTheFrame(long run) throws Exception {
    Random random = TestSeeds.random("heat maps", run);
    MergeRecipe recipe = randomParameters(random, NAMES.subList(0, 1 + random.nextInt(5)));
    assertLegible("run " + run + " of master seed " + TestSeeds.master(), Pictures.weights(recipe));
    parse(Pictures.weights(recipe).svg());
  }

  @Test
  void aPathShowsEveryHopWithItsLayerAndScale() {
    for (MergeRecipe recipe :
        List.of(
            ExampleRecipes.path12(),
            ExampleRecipes.path65(),
            randomPath(192, 3, TestSeeds.random("shown", 0)))) {
      Picture picture = Pictures.path(recipe);
      List<Mark.Text> texts = texts(picture);
      List<Mark.Rect> boxes = boxes(picture);
      List<Hop> hops = recipe.dataFlow().orElseThrow().hops();
      Set<String> passed = new HashSet<>();
      assertThat(boxes).hasSize(hops.size());
      List<Mark.Text> scales =
          texts.stream()
              .filter(text -> text.text().matches("\u2212?\\d+(\\.\\d\\d|E\u2212\\d+)"))
              .toList();
      for (int i = 0; i < hops.size(); i++) {
        Hop hop = hops.get(i);
        Mark.Rect box = boxes.get(i);
        assertThat(box.tip()).startsWith("hop " + i + ": layer " + hop.layer() + " of ");
        boolean first = passed.add(hop.model() + " " + hop.layer());
        assertThat(box.fill() == Palette.WHITE).as("outlined %s", box.tip()).isEqualTo(!first);
        assertThat(texts.stream().filter(text -> text.box().overlaps(box.box())))
            .as("%s", box.tip())
            .extracting(Mark.Text::text)
            .containsExactly(Integer.toString(hop.layer()));
        double middle = box.x() + box.width() / 2;
        assertThat(scales)
            .as("scale of hop %s", i)
            .anyMatch(
                text ->
                    Math.abs(middleX(text) - middle) < 2
                        && text.y() > box.y()
                        && Math.abs(number(text) - hop.scale()) <= 0.005001);
      }
    }
  }

  @Test
  void aPathNamesItsModelsAndWhatTheyGive() {
    Picture picture = Pictures.path(ExampleRecipes.path65());
    assertThat(texts(picture))
        .extracting(Mark.Text::text)
        .contains(
            "65 hops through 44 layers of 2 models",
            "math-7b",
            "51 hops, 32 layers",
            "japanese-7b",
            "14 hops, 12 layers",
            "scale")
        .anyMatch(text -> text.contains("feed-forward"));
    assertThat(Pictures.path(ExampleRecipes.path36()).svg()).contains("residual stream");
    assertThat(picture.svg())
        .contains("japanese-7b: 20 21; math-7b: 22")
        .contains("Embeddings, final norm and head: math-7b");
  }

  @Test
  void laterHopsStandFurtherRightAndHigherLayersHigher() {
    List<Mark.Rect> boxes = boxes(Pictures.path(ExampleRecipes.path65()));
    List<Hop> hops = ExampleRecipes.path65().dataFlow().orElseThrow().hops();
    for (int i = 0; i < hops.size(); i++) {
      for (int j = 0; j < i; j++) {
        assertThat(boxes.get(i).box().left()).isGreaterThanOrEqualTo(boxes.get(j).box().right());
        if (hops.get(i).model().equals(hops.get(j).model())) {
          double lower = boxes.get(j).box().top() + boxes.get(j).box().bottom();
          double upper = boxes.get(i).box().top() + boxes.get(i).box().bottom();
          assertThat(Math.signum(Math.rint(lower - upper)))
              .isEqualTo(Math.signum(hops.get(i).layer() - hops.get(j).layer()));
        }
      }
    }
  }

  @Test
  void equalRecipesGiveEqualBytes() {
    MergeRecipe path = ExampleRecipes.path65();
    MergeRecipe weights = ExampleRecipes.perComponent();
    assertThat(Pictures.path(path.toBuilder().build()).svg()).isEqualTo(Pictures.path(path).svg());
    assertThat(Pictures.weights(weights.toBuilder().build()).svg())
        .isEqualTo(Pictures.weights(weights).svg());
    assertThat(Pictures.path(path).svg()).doesNotContain(",5").isASCII();
  }

  @Test
  void namesAreEscaped() throws Exception {
    List<String> names =
        List.of("<b>&amp;\"'", "\u65e5\u672c\u8a9e", "bell\u0007\ud800 \ud83d\ude00");
    MergeRecipe recipe =
        ExampleRecipes.path(
            names,
            HopScaling.STREAM,
            IntStream.range(0, 6).mapToObj(i -> new Hop(names.get(i % 3), i, 1)).toList());
    Document document = parse(Pictures.path(recipe).svg());
    String text = document.getDocumentElement().getTextContent();
    assertThat(text).contains("<b>&amp;\"'", "\u65e5\u672c\u8a9e", "bell\ufffd\ufffd \ud83d\ude00");
    assertThat(document.getElementsByTagName("b").getLength()).isZero();
    MergeRecipe.Builder weights = MergeRecipe.builder("linear").perSource("weight", 1, 2, 3);
    names.forEach(name -> weights.source(ExampleRecipes.ref(name)));
    assertThat(parse(Pictures.weights(weights.build()).svg()).getDocumentElement().getTextContent())
        .contains("<b>&amp;\"'");
  }

  @Test
  void anSvgHasTitleAndDescriptionAndReachesNothingOutside() throws Exception {
    for (Picture picture :
        List.of(
            Pictures.path(ExampleRecipes.path12()), Pictures.weights(ExampleRecipes.perLayer()))) {
      Document document = parse(picture.svg());
      NodeList children = document.getDocumentElement().getElementsByTagName("*");
      assertThat(children.item(0).getNodeName()).isEqualTo("title");
      assertThat(children.item(1).getNodeName()).isEqualTo("desc");
      assertThat(children.item(1).getTextContent()).hasSizeGreaterThan(20);
      assertThat(document.getDocumentElement().getAttribute("width"))
          .isEqualTo(Integer.toString(picture.width()));
      assertThat(picture.svg()).doesNotContain("href", "url(", "<style", "<script");
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aHeatMapShowsWhatTheRecipeGives(boolean withNames) {
    TestSeeds.check("heat map", 60, random -> checkTable(random, withNames));
  }

  private static void checkTable(Random random, boolean withNames) {
    List<String> sources = NAMES.subList(0, 1 + random.nextInt(3));
    MergeRecipe recipe = randomParameters(random, sources, withNames);
    ParameterTable table = new ParameterTable(recipe);
    Set<Integer> layers = new HashSet<>();
    for (Row row : table.rows()) {
      int last = Math.max(row.first(), Math.min(row.last(), row.first() + 3));
      for (int layer = row.first(); layer <= last; layer++) {
        layers.add(layer);
        for (Component component : Component.values()) {
          TensorRole role =
              row.isLayers()
                  ? new TensorRole(Part.LAYER, layer, component)
                  : new TensorRole(row.part(), -1, Component.OTHER);
          check(recipe, table, row, role);
        }
      }
    }
    // A layer without a row is one to which the recipe gives nothing that varies.
    for (int layer = 0; layer < 8; layer++) {
      if (!layers.contains(layer) && table.rows().stream().noneMatch(holds(layer))) {
        for (Panel panel : table.panels()) {
          for (Component component : Component.values()) {
            boolean further =
                table.rows().stream().filter(Row::isLayers).allMatch(row -> row.last() < 8);
            assertThat(
                    further
                        || given(
                                recipe,
                                panel.parameter(),
                                new TensorRole(Part.LAYER, layer, component),
                                "")
                            == null)
                .as("layer %s of %s", layer, recipe)
                .isTrue();
          }
        }
      }
    }
  }

  private static java.util.function.Predicate<Row> holds(int layer) {
    return row -> row.isLayers() && row.first() <= layer && layer <= row.last();
  }

  /** By the rule, written a second time. */
  private static ParameterValue given(
      MergeRecipe recipe, String parameter, TensorRole role, String name) {
    ParameterValue value = recipe.parameters().get(parameter);
    for (MergeRecipe.Group group : recipe.groups()) {
      if (group.select().matches(name, role)) {
        value = group.parameters().getOrDefault(parameter, value);
      }
    }
    return value;
  }

  private static void check(MergeRecipe recipe, ParameterTable table, Row row, TensorRole role) {
    List<ParameterSpec> specs =
        List.of(
            ParameterSpec.perSource("weight", -10, 10, -9, "With a default that no recipe has."),
            ParameterSpec.perSource("density", -10, 10, -9, "The same."),
            ParameterSpec.global("t", -10, 10, -9, true, "The same."));
    for (Panel panel : table.panels()) {
      for (Column column : panel.columns()) {
        if (row.isLayers() && !column.components().contains(role.component())) {
          continue;
        }
        ParameterValues wanted = recipe.parametersFor(column.text(), role, specs);
        ParameterValue shown = table.value(panel.parameter(), row, column);
        for (int source = 0; source < recipe.sources().size(); source++) {
          double number = shown == null ? -9 : shown.numbers().get(shown.perSource() ? source : 0);
          assertThat(number)
              .as(
                  () ->
                      panel.parameter()
                          + " of "
                          + role
                          + ", "
                          + column
                          + ", in "
                          + recipe.canonicalJson())
              .isEqualTo(wanted.perSource(panel.parameter(), source));
        }
      }
    }
    table
        .everywhere()
        .forEach(
            (name, value) ->
                assertThat(recipe.parametersFor("", role, specs).perSource(name, 0))
                    .as(() -> name + " everywhere, " + role + ", in " + recipe.canonicalJson())
                    .isEqualTo(value.numbers().get(0)));
  }

  @Test
  void aHeatMapPrintsTheNumbersOfItsCells() {
    Picture picture = Pictures.weights(ExampleRecipes.perLayer());
    assertThat(texts(picture))
        .extracting(Mark.Text::text)
        .containsSubsequence(
            "dare_ties by layer and source",
            "Base: base",
            "Everywhere: density 0.53 (math-en), 0.3 (japanese), 0.78 (code)",
            "weight",
            "math-en",
            "japanese",
            "code",
            "0.92",
            "0.10",
            "0.00",
            "1.12",
            "\u22120.08",
            "0.05")
        .contains("embeddings", "layer 0", "layer 5", "final norm, head")
        .doesNotContain("layers from 6", "layer 6");
    assertThat(picture.svg()).contains("<title>weight of code, layer 2: \u22120.34</title>");
    Mark.Rect zero = box(picture, "weight of code, embeddings: 0");
    Mark.Rect most = box(picture, "weight of math-en, layer 0: 1.12");
    Mark.Rect negative = box(picture, "weight of code, layer 2: \u22120.34");
    assertThat(zero.fill()).isEqualTo(Palette.WHITE);
    assertThat(most.fill()).isEqualTo(Palette.diverging(1));
    assertThat(negative.fill()).isEqualTo(Palette.diverging(-0.34 / 1.12));
  }

  @Test
  void componentsStandSideBySideWhereTheRecipeTellsThemApart() {
    Picture picture = Pictures.weights(ExampleRecipes.perComponent());
    assertThat(texts(picture))
        .extracting(Mark.Text::text)
        .contains("attention", "mlp", "norm", "embeddings", "final norm", "Everywhere: density 0.5")
        .doesNotContain("rest", "head");
    assertThat(box(picture, "weight of japanese, embeddings: 0.87").width())
        .isGreaterThan(3 * box(picture, "weight of math-en, layer 0, attention: 0.3").width());
  }

  @Test
  void aModelWithoutGroupsIsOneRow() {
    assertThat(texts(Pictures.weights(ExampleRecipes.perModel())))
        .extracting(Mark.Text::text)
        .contains("whole model", "weight", "density", "Everywhere: lambda 1");
    assertThat(texts(Pictures.weights(ExampleRecipes.slerp())))
        .extracting(Mark.Text::text)
        .contains("t", "all sources", "layers 0\u20137", "Sources: math-en, japanese");
  }

  @Test
  void aRecipeWithoutParametersSaysSo() {
    Picture picture = Pictures.weights(ExampleRecipes.path12());
    assertThat(texts(picture))
        .extracting(Mark.Text::text)
        .contains("Merge by passthrough", "Sources: math-en")
        .anyMatch(text -> text.contains("no parameters"));
    assertLegible("passthrough", picture);
  }

  @Test
  void aSourceOutsideASliceIsCrossedOut() {
    MergeRecipe recipe =
        MergeRecipe.builder("linear")
            .source(ExampleRecipes.ref("a"))
            .source(ExampleRecipes.ref("b"))
            .perSource("weight", 0.25, 0.75)
            .slices(
                List.of(
                    new LayerSlice(List.of(new LayerRange("a", 0, 4), new LayerRange("b", 0, 4))),
                    new LayerSlice(List.of(new LayerRange("b", 3, 5)))))
            .build();
    Picture picture = Pictures.weights(recipe);
    assertThat(texts(picture))
        .extracting(Mark.Text::text)
        .contains("layers 0\u20133", "layers 4\u20135", "\u00d7")
        .noneMatch(text -> text.startsWith("layers from"));
    assertThat(picture.svg())
        .contains("weight of a, embeddings: 0.25", "weight of b, layers 4\u20135: 0.75")
        .doesNotContain("weight of a, layers 4", "weight of a, final norm");
  }

  @Test
  void theRightPictureIsChosen() {
    assertThat(Pictures.of(ExampleRecipes.path12()).svg())
        .isEqualTo(Pictures.path(ExampleRecipes.path12()).svg());
    assertThat(Pictures.of(ExampleRecipes.perLayer()).svg())
        .isEqualTo(Pictures.weights(ExampleRecipes.perLayer()).svg());
    assertThatThrownBy(() -> Pictures.path(ExampleRecipes.perLayer()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no data flow path")
        .hasMessageContaining("dare_ties");
  }

  @Test
  void textOnColoursHasEnoughContrast() {
    for (int i = 0; i <= 100; i++) {
      for (int color :
          new int[] {
            Palette.diverging(i / 50.0 - 1), Palette.sequential(i / 100.0), Palette.model(i)
          }) {
        assertThat(contrast(color, Palette.textOn(color)))
            .as("text on %06x", color)
            .isGreaterThanOrEqualTo(4.5);
      }
    }
  }

  @Test
  void aPngHasTheSizeAndTheColours() throws IOException {
    Picture picture = Pictures.path(ExampleRecipes.path12());
    Path file = folder.resolve("path.png");
    try {
      picture.writePng(file, 1.5);
    } catch (UnsupportedOperationException e) {
      assumeThat(e).as("this JRE has no fonts: %s", e.getMessage()).isNull();
    }
    BufferedImage image = ImageIO.read(file.toFile());
    assertThat(image.getWidth()).isEqualTo((int) Math.ceil(picture.width() * 1.5));
    assertThat(image.getHeight()).isEqualTo((int) Math.ceil(picture.height() * 1.5));
    Set<Integer> colors = new HashSet<>();
    for (int x = 0; x < image.getWidth(); x++) {
      for (int y = 0; y < image.getHeight(); y++) {
        colors.add(image.getRGB(x, y) & 0xffffff);
      }
    }
    assertThat(colors).contains(Palette.WHITE, Palette.model(0), Palette.model(1));
    Mark.Rect box = boxes(picture).get(0);
    assertThat(image.getRGB((int) (1.5 * (box.x() + 4)), (int) (1.5 * (box.y() + 4))) & 0xffffff)
        .isEqualTo(Palette.model(0));
    // Text is painted: black on the title line.
    assertThat(IntStream.range(24, 400).map(x -> image.getRGB(x, 39) & 0xff).min().orElseThrow())
        .isLessThan(100);
  }

  @Test
  void theEstimateHoldsForTheFontsHere() {
    java.awt.font.FontRenderContext context = new java.awt.font.FontRenderContext(null, true, true);
    for (boolean bold : new boolean[] {false, true}) {
      java.awt.Font font;
      try {
        font =
            new java.awt.Font(
                java.awt.Font.SANS_SERIF, bold ? java.awt.Font.BOLD : java.awt.Font.PLAIN, 100);
        font.getStringBounds("x", context);
      } catch (LinkageError | InternalError | RuntimeException e) {
        assumeThat(e).as("this JRE has no fonts: %s", e).isNull();
        return;
      }
      for (String text :
          List.of(
              "0123456789",
              "65 hops through 44 layers of 2 models",
              "japanese-llama-2-13b-instruct",
              "embeddings, final norm, head",
              "Everywhere: density 0.53 (math-en)",
              "WMwm%@",
              "\u22120.31\u2013\u2026")) {
        assertThat(font.getStringBounds(text, context).getWidth())
            .as("%s, bold %s", text, bold)
            .isLessThanOrEqualTo(TextWidth.of(text, 100, bold));
      }
    }
  }

  @Test
  void withoutJava2dAnSvgIsWrittenAndAPngSaysWhatToDo() throws Exception {
    Path classes = BuiltModule.current().classes();
    ClassLoader here = PicturesTest.class.getClassLoader();
    String pictures = Pictures.class.getPackageName() + ".";
    ClassLoader without =
        new ClassLoader(here) {
          @Override
          protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (name.startsWith("java.awt.") || name.startsWith("javax.imageio.")) {
              throw new ClassNotFoundException(name);
            }
            if (!name.startsWith(pictures)) {
              return super.loadClass(name, resolve);
            }
            Class<?> loaded = findLoadedClass(name);
            return loaded == null ? define(name) : loaded;
          }

          private Class<?> define(String name) throws ClassNotFoundException {
            try {
              byte[] bytes = Files.readAllBytes(classes.resolve(name.replace('.', '/') + ".class"));
              return defineClass(name, bytes, 0, bytes.length);
            } catch (IOException e) {
              throw new ClassNotFoundException(name, e);
            }
          }
        };
    MergeRecipe recipe = ExampleRecipes.path12();
    Class<?> type = without.loadClass(Pictures.class.getName());
    Object picture = type.getMethod("path", MergeRecipe.class).invoke(null, recipe);
    assertThat(picture).isNotInstanceOf(Picture.class);
    assertThat(picture.getClass().getMethod("svg").invoke(picture))
        .isEqualTo(Pictures.path(recipe).svg());
    Path file = folder.resolve("none.png");
    assertThatThrownBy(
            () ->
                picture
                    .getClass()
                    .getMethod("writePng", Path.class, double.class)
                    .invoke(picture, file, 1.0))
        .cause()
        .isInstanceOf(UnsupportedOperationException.class)
        .hasMessageContaining("--add-modules java.desktop")
        .hasMessageContaining("use the SVG");
    assertThat(file).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY, 1e6})
  void aScaleThatGivesNoImageIsRefused(double scale) {
    Path file = folder.resolve("refused.png");
    assertThatThrownBy(() -> Pictures.path(ExampleRecipes.path12()).writePng(file, scale))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("wanted a number above 0");
    assertThat(file).doesNotExist();
  }

  @Test
  void aFileIsReplacedAsAWhole() throws IOException {
    Path file = folder.resolve("picture.svg");
    Files.writeString(file, "before");
    Picture picture = Pictures.path(ExampleRecipes.path12());
    picture.writeSvg(file);
    assertThat(file).hasContent(picture.svg());
    try (var files = Files.list(folder)) {
      assertThat(files).containsExactly(file);
    }
    assertThatThrownBy(() -> picture.writeSvg(folder.resolve("none").resolve("picture.svg")))
        .isInstanceOf(NoSuchFileException.class);
    Path taken = Files.createDirectories(folder.resolve("taken").resolve("inner")).getParent();
    assertThatThrownBy(() -> picture.writeSvg(taken)).isInstanceOf(IOException.class);
    try (var files = Files.list(folder)) {
      assertThat(files).containsExactlyInAnyOrder(file, taken);
    }
  }

  @Test
  void theDocumentationShowsTheseRecipes() throws IOException {
    Path pictures = BuiltModule.current().root().resolveSibling("docs").resolve("pictures");
    Map<String, Picture> wanted =
        Map.of(
            "path-12.svg", Pictures.path(ExampleRecipes.path12()),
            "path-65.svg", Pictures.path(ExampleRecipes.path65()),
            "weights.svg", Pictures.weights(ExampleRecipes.perLayerWithDensity(6)));
    for (Map.Entry<String, Picture> entry : new TreeMap<>(wanted).entrySet()) {
      Path file = pictures.resolve(entry.getKey());
      if (Boolean.getBoolean(UPDATE)) {
        Files.createDirectories(pictures);
        entry.getValue().writeSvg(file);
      }
      assertThat(Files.readString(file))
          .as("%s; look at the new one after -D%s=true", file, UPDATE)
          .isEqualTo(entry.getValue().svg());
    }
  }

  private static MergeRecipe randomPath(int hops, int models, Random random) {
    List<String> names = NAMES.subList(0, models);
    List<Hop> path = new ArrayList<>();
    int most = random.nextBoolean() ? 130 : 1 + random.nextInt(40);
    for (int i = 0; i < hops; i++) {
      double scale = random.nextInt(5) == 0 ? 1 : random.nextGaussian() * 1.5;
      path.add(new Hop(names.get(random.nextInt(models)), random.nextInt(most), scale));
    }
    return ExampleRecipes.path(
        names, random.nextBoolean() ? HopScaling.BRANCH : HopScaling.STREAM, path);
  }

  private static MergeRecipe randomParameters(Random random, List<String> sources) {
    return randomParameters(random, sources, random.nextBoolean());
  }

  private static MergeRecipe randomParameters(
      Random random, List<String> sources, boolean withNames) {
    MergeRecipe.Builder recipe = MergeRecipe.builder("operator");
    for (String name : sources) {
      recipe.source(new CheckpointRef(name, "models/x", ""));
    }
    if (random.nextBoolean()) {
      recipe.parameters(randomValues(random, sources.size()));
    }
    int groups = random.nextInt(8);
    for (int i = 0; i < groups; i++) {
      int first = random.nextInt(6);
      TensorSelector select =
          switch (random.nextInt(6)) {
            case 0 -> TensorSelector.all();
            case 1 ->
                TensorSelector.of(
                    List.of(Part.EMBEDDINGS, Part.FINAL_NORM, Part.HEAD, Part.OTHER)
                        .get(random.nextInt(4)));
            case 2 ->
                TensorSelector.layers(first, first + random.nextInt(3))
                    .component(Component.values()[random.nextInt(4)]);
            default -> TensorSelector.layers(first, first + random.nextInt(3));
          };
      if (withNames && random.nextInt(3) == 0) {
        select = select.named(List.of("q_proj", "proj", "bias").get(random.nextInt(3)));
      }
      recipe.group(select, randomValues(random, sources.size()));
    }
    return recipe.build();
  }

  private static Map<String, ParameterValue> randomValues(Random random, int sources) {
    Map<String, ParameterValue> values = new TreeMap<>();
    for (String name : List.of("weight", "density")) {
      if (random.nextInt(3) > 0) {
        values.put(
            name,
            random.nextInt(4) == 0
                ? ParameterValue.of(random.nextDouble())
                : ParameterValue.perSource(
                    IntStream.range(0, sources)
                        .mapToObj(i -> random.nextGaussian())
                        .map(number -> Math.max(-8, Math.min(8, number)))
                        .toList()));
      }
    }
    if (random.nextInt(3) == 0) {
      values.put("t", ParameterValue.of(random.nextDouble()));
    }
    return values;
  }

  private static void assertLegible(String what, Picture picture) {
    List<Mark.Text> texts = texts(picture);
    assertThat(texts).as(what).isNotEmpty();
    for (Mark mark : picture.marks()) {
      Mark.Box box = mark.box();
      if (box.left() < 0
          || box.top() < 0
          || box.right() > picture.width()
          || box.bottom() > picture.height()) {
        throw new AssertionError(
            what + ": " + mark + " leaves " + picture.width() + " x " + picture.height());
      }
    }
    assertApart(what, texts);
    assertApart(what, boxes(picture));
  }

  private static void assertApart(String what, List<? extends Mark> marks) {
    List<Mark.Box> boxes = marks.stream().map(Mark::box).toList();
    for (int i = 0; i < boxes.size(); i++) {
      for (int j = 0; j < i; j++) {
        if (boxes.get(i).overlaps(boxes.get(j))) {
          throw new AssertionError(what + ": " + marks.get(i) + " meets " + marks.get(j));
        }
      }
    }
  }

  private static List<Mark.Text> texts(Picture picture) {
    return picture.marks().stream()
        .filter(Mark.Text.class::isInstance)
        .map(Mark.Text.class::cast)
        .toList();
  }

  /** Hops and cells: what tells more to who points at it. */
  private static List<Mark.Rect> boxes(Picture picture) {
    return picture.marks().stream()
        .filter(Mark.Rect.class::isInstance)
        .map(Mark.Rect.class::cast)
        .filter(rect -> !rect.tip().isEmpty())
        .toList();
  }

  private static Mark.Rect box(Picture picture, String tip) {
    return boxes(picture).stream()
        .filter(rect -> rect.tip().equals(tip))
        .findFirst()
        .orElseThrow(() -> new AssertionError("nothing says '" + tip + "'"));
  }

  private static double number(Mark.Text text) {
    return Double.parseDouble(text.text().replace('\u2212', '-'));
  }

  private static double middleX(Mark.Text text) {
    return (text.box().left() + text.box().right()) / 2;
  }

  private static double contrast(int one, int other) {
    double a = luminance(one) + 0.05;
    double b = luminance(other) + 0.05;
    return Math.max(a, b) / Math.min(a, b);
  }

  /** WCAG 2.1, relative luminance. */
  private static double luminance(int color) {
    double[] share = {0.2126, 0.7152, 0.0722};
    double sum = 0;
    for (int i = 0; i < 3; i++) {
      double c = (color >> (16 - 8 * i) & 0xff) / 255.0;
      sum += share[i] * (c <= 0.04045 ? c / 12.92 : StrictMath.pow((c + 0.055) / 1.055, 2.4));
    }
    return sum;
  }

  private static Document parse(String svg) throws Exception {
    DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
    factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
    return factory.newDocumentBuilder().parse(new InputSource(new StringReader(svg)));
  }
}
