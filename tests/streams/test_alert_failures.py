"""Alerts of somebody else's rules, as failures: what is done about them, and what is not."""

from dataclasses import replace
from datetime import timedelta

from actions.playbook_files import load_playbooks
from actions.playbook_state import MOST_FAILURES
from schemas.failures import UNPLACED, FailurePattern
from schemas.observations import FailureCleared, FailureSeen
from schemas.orders import Command, CommandKind, Decision
from schemas.playbooks import Condition, Occasion, PlaybookSpec, PlaybookStep
from schemas.policy import Policy
from streams.environment_failures import FORGOTTEN_ALERT, MOST_ALERTS
from tests.builders import NEW, said
from tests.streams.failing_site import TARGET, Site, a_failure, a_policy, at, released


def an_alert(name: str = "a1", since: float = 0, template: str = "") -> FailureSeen:
    return a_failure(
        FailurePattern.ALERT, name, since, pods=(), replicas=0, target=UNPLACED, template=template
    )


def a_policy_for_alerts(occasion: Occasion = Occasion.ANY, does: CommandKind = CommandKind.RESTART) -> Policy:
    usual = a_policy()
    spec = PlaybookSpec(
        name="answer-alert",
        version=1,
        about="answer an alert",
        patterns=(FailurePattern.ALERT,),
        when=Condition(occasion=occasion),
        steps=(PlaybookStep(name="do it", does=does),),
        settle=timedelta(0),
    )
    return replace(usual, playbooks=(*usual.playbooks, spec))


def test_an_alert_that_no_playbook_is_for_is_known_and_wakes_nobody() -> None:
    site, alert = Site(), an_alert()
    site.see(alert)
    for seconds in (5, 300, 4000):
        site.tick(seconds)
    (seen,) = said(site.heard, FailureSeen)
    assert seen.failure == replace(alert.failure, target=TARGET)
    assert (site.commands, site.pages, said(site.heard, Decision)) == ([], [], [])


def test_no_shipped_playbook_is_for_alerts() -> None:
    assert [spec.name for spec in load_playbooks(None) if FailurePattern.ALERT in spec.patterns] == []


def test_an_alert_of_a_releases_own_pods_does_not_take_it_back() -> None:
    site = Site()
    released(site)
    site.see(an_alert(template=NEW))
    site.tick(25)
    site.tick(900)
    assert said(site.heard, FailureSeen)[0].failure.template == NEW
    assert said(site.heard, Command) == []


def test_an_alert_that_a_playbook_is_for_begins_it_at_what_the_policy_names() -> None:
    site, alert = Site(a_policy_for_alerts()), an_alert()
    site.see(alert)
    site.tick(5)
    (command,) = site.commands
    assert (command.kind, command.target) == (CommandKind.RESTART, TARGET)
    assert command.remedy is not None
    assert command.remedy.failure == alert.failure.id


def test_an_alert_takes_a_release_back_only_where_a_playbook_says_so() -> None:
    site = Site(a_policy_for_alerts(Occasion.RELEASE, CommandKind.UNDO))
    released(site)
    site.see(an_alert(template=NEW))
    site.tick(5)
    site.tick(25)
    assert [command.kind for command in site.commands] == [CommandKind.UNDO]


def test_an_alert_that_is_told_again_is_no_news_and_one_that_is_over_is() -> None:
    site, alert = Site(), an_alert()
    site.see(alert)
    site.see(replace(alert, failure=replace(alert.failure, at=at(60))))
    assert len(said(site.heard, FailureSeen)) == 1
    site.clear(alert, 90)
    site.clear(alert, 91)
    assert len(said(site.heard, FailureCleared)) == 1


def test_many_alerts_leave_room_for_pods_that_fail() -> None:
    site = Site()
    for number in range(MOST_FAILURES):
        site.see(an_alert(f"a{number}"))
    site.see(a_failure())
    site.tick(5)
    assert MOST_ALERTS < MOST_FAILURES
    assert [command.kind for command in site.commands] == [CommandKind.DELETE_POD]


def test_an_alert_of_which_nothing_is_heard_any_more_makes_room_for_others() -> None:
    site = Site()
    for number in range(MOST_ALERTS):
        site.see(an_alert(f"a{number}"))
    late = an_alert("late", since=10)
    site.see(late)
    site.see(late)
    site.tick(FORGOTTEN_ALERT.total_seconds() + 10)
    again = an_alert("late", since=FORGOTTEN_ALERT.total_seconds() + 20)
    site.see(again)
    site.see(again)
    # What is remembered is told once, what there was no room for each time.
    told = [
        seen.failure.since for seen in said(site.heard, FailureSeen) if seen.failure.id == late.failure.id
    ]
    assert told == [late.failure.since, late.failure.since, again.failure.since]
