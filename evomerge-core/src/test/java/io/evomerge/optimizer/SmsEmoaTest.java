package io.evomerge.optimizer;

import static org.assertj.core.api.Assertions.assertThat;

import io.evomerge.genome.Genome;
import java.util.List;
import org.junit.jupiter.api.Test;

class SmsEmoaTest extends MultiObjectiveContract {

  @Override
  protected OptimizerFactory factory() {
    return Optimizers.smsEmoa(12);
  }

  @Override
  protected OptimizerFactory factory(int populationSize) {
    return Optimizers.smsEmoa(populationSize);
  }

  @Override
  protected boolean waits() {
    return false;
  }

  @Test
  void itNeverWaits() {
    Optimizer optimizer = factory().create(space(), directions(), 1);
    assertThat(optimizer.ask(500)).hasSize(500);
    assertThat(optimizer.ask(1)).hasSize(1);
  }

  @Test
  void settingsNameThePopulation() {
    assertThat(Optimizers.smsEmoa().settings()).containsEntry("populationSize", "20");
    assertThat(Optimizers.smsEmoa(8).populationSize()).isEqualTo(8);
    assertThat(Optimizers.smsEmoa(8)).hasToString("sms-emoa{populationSize=8}");
  }

  private static Member member(long id, double... costs) {
    return new Member(id, Genome.of(id), costs, 0);
  }

  @Test
  void theMemberThatIsMissedLeastGoes() {
    List<Member> front =
        List.of(member(0, 0, 8), member(1, 1, 4), member(2, 1.5, 3.9), member(3, 8, 0));
    assertThat(SmsEmoa.Selection.least(front).id()).isEqualTo(2);
  }

  @Test
  void amongTheDominatedTheMostDominatedGoes() {
    List<Member> members =
        List.of(
            member(0, 0, 4), member(1, 1, 3), member(2, 4, 0), member(3, 5, 5), member(4, 4.5, 1));
    assertThat(SmsEmoa.Selection.least(members).id()).isEqualTo(3);
  }

  @Test
  void theEndsOfAFrontStay() {
    List<Member> front =
        List.of(member(0, 0, 1), member(1, 0.01, 0.02), member(2, 0.5, 0.01), member(3, 1, 0));
    assertThat(SmsEmoa.Selection.least(front).id()).isIn(1L, 2L);
  }

  @Test
  void failedMembersGoFirstThenThoseThatViolateMost() {
    Member good = member(0, 1, 1);
    Member less = new Member(1, good.genome(), new double[] {0, 0}, 0.1);
    Member more = new Member(2, good.genome(), new double[] {0, 0}, 0.2);
    Member failed = member(3);
    Member younger = member(4);
    assertThat(SmsEmoa.Selection.least(List.of(good, younger, failed, more)).id()).isEqualTo(4);
    assertThat(SmsEmoa.Selection.least(List.of(more, good, less)).id()).isEqualTo(2);
    Member same = member(7, 1, 1);
    assertThat(SmsEmoa.Selection.least(List.of(same, good)).id()).isEqualTo(7);
  }
}
