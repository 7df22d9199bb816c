"""Why a release came to its end, as text that a person has read and found good."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from feature_store.telling import tell
from feature_store.views import connect
from feature_store.why import ReleaseNotFoundError, Story, why
from schemas.effects import Effect
from schemas.failures import FailurePattern
from schemas.judgements import VerdictKind
from schemas.keys import SignalName
from schemas.observations import Answer, FailureSeen
from schemas.orders import Guard, OutcomeKind, Playbook
from tests.feature_store import stories
from tests.feature_store.script import ERRORS, OLD, START, Script, side, write

TOLD = Path(__file__).parent / "told"
STORIES: dict[str, Callable[[], Script]] = {
    "rolled_back_alone": stories.rolled_back_alone,
    "waiting_for_approval": stories.asked,
    "held_and_approved": stories.held_and_approved,
    "asked_of_two": stories.asked_of_two,
    "rejected": stories.rejected,
    "expired": stories.expired,
    "nodata": stories.silent,
    "broken": stories.broken,
    "healthy_promoted": stories.promoted,
    "ambiguous_blame": stories.ambiguous,
    "crash_loop": stories.crashing,
}


def story_of(root: Path, script: Script, question: str | None = None) -> Story:
    write(root, script.effects)
    return why(connect(root), question or script.release)


def headline_of(root: Path, script: Script) -> str:
    return tell(story_of(root, script)).split("\n\n")[0].replace("\n", " ")


@pytest.mark.parametrize("name", STORIES)
def test_a_story_reads_as_it_was_approved(tmp_path: Path, name: str) -> None:
    assert tell(story_of(tmp_path, STORIES[name]())) == (TOLD / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", STORIES)
def test_no_line_of_a_story_is_hard_to_read(tmp_path: Path, name: str) -> None:
    lines = tell(story_of(tmp_path, STORIES[name]())).splitlines()
    assert all(len(line) <= 110 for line in lines)
    assert not any("None" in line or "_" in line.replace("no_", "") for line in lines)
    assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.parametrize(
    "question", ["prod-cart-1.4.3", "cart 1.4.3", "prod cart 1.4.3", "prod/cart 1.4.3", "cart"]
)
def test_a_release_is_found_by_prefix_and_by_service_and_version(tmp_path: Path, question: str) -> None:
    script = stories.promoted()
    assert story_of(tmp_path, script, question).row.release == script.release


def test_of_several_releases_the_newest_is_told_and_the_others_are_listed(tmp_path: Path) -> None:
    older, newer = Script(environment="dev"), Script(first_offset=200, start=START + timedelta(hours=2))
    write(tmp_path, older.opened().effects)
    write(tmp_path, newer.opened().effects, partition=4)
    story = why(connect(tmp_path), "cart 1.4.2")
    assert story.row.release == newer.release
    assert story.others == (older.release,)
    assert tell(story).endswith(f"OTHER RELEASES THAT THE QUESTION FITS\n  {older.release}\n")
    assert why(connect(tmp_path), older.release).others == ()


def test_an_unknown_release_is_an_error_that_names_the_nearest(tmp_path: Path) -> None:
    script = stories.promoted()
    write(tmp_path, script.effects)
    with pytest.raises(ReleaseNotFoundError) as caught:
        why(connect(tmp_path), "cart 1.4.9")
    assert str(caught.value) == f"no release matches 'cart 1.4.9', nearest: {script.release}"


def test_an_empty_journal_says_that_it_has_no_release(tmp_path: Path) -> None:
    with pytest.raises(ReleaseNotFoundError, match="the journal has none"):
        why(connect(tmp_path), "cart")


@pytest.mark.parametrize("question", ["", "   ", "a b c d", "%", "' OR 1 = 1 --"])
def test_a_question_that_names_nothing_finds_nothing(tmp_path: Path, question: str) -> None:
    write(tmp_path, stories.promoted().effects)
    with pytest.raises(ReleaseNotFoundError):
        why(connect(tmp_path), question)


def test_entries_are_told_in_order_of_time_whatever_partition_they_come_from(tmp_path: Path) -> None:
    effects = stories.held_and_approved().effects
    service = [each for each in effects if each.cause.topic == "observations"]
    environment = [each for each in effects if each.cause.topic != "observations"]
    write(tmp_path, environment, partition=1)
    write(tmp_path, service, partition=9)
    story = why(connect(tmp_path), "cart")
    assert [entry.said for entry in story.entries] == [each.said for each in effects]


def test_a_story_whose_beginning_has_expired_is_told_all_the_same(tmp_path: Path) -> None:
    script = stories.rolled_back_alone()
    write(tmp_path, script.effects[5:], first_offset=5)
    text = tell(why(connect(tmp_path), script.release))
    assert "before this journal begins" in text
    assert "Undo of default/dev/cart" in text


def test_a_release_without_a_verdict_is_being_watched(tmp_path: Path) -> None:
    assert (
        headline_of(tmp_path, Script().opened())
        == "cart 1.4.2 in prod is being watched; nothing is known yet."
    )


def test_a_release_that_was_closed_unjudged_says_so(tmp_path: Path) -> None:
    script = Script().opened().closed("superseded by 1.4.3", minute=1)
    assert headline_of(tmp_path, script) == "cart 1.4.2 in prod was closed before it was judged."


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (VerdictKind.INCONCLUSIVE, "ended its watch without enough evidence, which is not a pass"),
        (VerdictKind.HEALTHY, "passed its watch as healthy"),
        (VerdictKind.HARMFUL, "is harmful, and nothing was done"),
        (
            VerdictKind.BROKEN,
            "ended its watch with measurements that contradict themselves, which is not a pass",
        ),
    ],
)
def test_a_watch_that_ended_says_what_is_known(tmp_path: Path, kind: VerdictKind, expected: str) -> None:
    script = Script().opened().verdict(kind, "a reason", minute=30, is_final=True)
    assert headline_of(tmp_path, script) == f"cart 1.4.2 in prod {expected}."


def test_a_rollback_under_way_and_one_that_failed_are_told_apart(tmp_path: Path) -> None:
    script = stories.asked().command(stories.UNDO, minute=10)
    assert "is being rolled back; the outcome is not known yet" in headline_of(tmp_path / "one", script)
    script.outcome(stories.UNDO, OutcomeKind.FAILED, "403 Forbidden.", minute=11)
    assert headline_of(tmp_path / "two", script).endswith("could not be rolled back: 403 Forbidden.")


def test_a_denial_gives_its_reason(tmp_path: Path) -> None:
    script = stories.harmful(Script()).denied(Guard.NO_TARGET, "no policy names what runs cart", minute=9)
    assert headline_of(tmp_path, script) == (
        "cart 1.4.2 in prod is harmful and was left as it is: no policy names what runs cart."
    )


def test_a_harmful_release_that_is_not_to_blame_says_who_is(tmp_path: Path) -> None:
    script = stories.harmful(Script()).decision(
        Playbook.NOTHING, f"damage here is blamed on prod-stock-2.0.0: stock's own pods fail; {ERRORS}"
    )
    assert headline_of(tmp_path, script) == (
        "cart 1.4.2 in prod is harmful, and nothing was done yet: "
        "damage here is blamed on prod-stock-2.0.0: stock's own pods fail."
    )


def test_a_rejected_rollback_of_ambiguous_blame_is_called_a_rollback(tmp_path: Path) -> None:
    script = stories.ambiguous().answered(Answer.REJECT, Guard.AMBIGUOUS_BLAME, minute=9)
    script.denied(Guard.REJECTED, "rejected by ada via cli", minute=9)
    assert headline_of(tmp_path, script).endswith("and was left running: ada rejected the rollback.")


def test_evidence_without_a_sentence_and_with_other_comparisons_is_told_in_numbers(tmp_path: Path) -> None:
    script = Script().opened()
    seen = script.evidence(edge="checkout", text="", log_e=900.0, canary=side(None))
    other = replace(
        seen,
        signal=SignalName("latency"),
        edge="",
        comparison="the same minutes of 3 good releases",
        log_e=2.0,
    )
    script.verdict(VerdictKind.HARMFUL, "bad.", evidence=(seen, other), confidence=1.0, first_bad=-1)
    text = tell(story_of(tmp_path, script))
    assert "* errors as checkout sees it: no reading over 12,000 on 2 of its pods, 0.0021 over 48,000" in text
    assert "over a million times likelier than chance (160 needed)" in text
    assert "Speaks against it, not enough to convict." in text
    assert "Compared with the same minutes of 3 good releases (latency)" in text
    assert "less than once in a million" in text
    assert "1 min before the start" in text


def test_silence_is_told_in_intervals_and_not_as_a_change(tmp_path: Path) -> None:
    script = Script().opened()
    seen = replace(script.evidence("presence"), detector="silence", margin=3.0)
    script.verdict(VerdictKind.HARMFUL, "silent.", evidence=(seen,), confidence=0.999, first_bad=-1)
    text = tell(story_of(tmp_path, script))
    assert "fewer than 3 intervals count as no silence." in text
    assert "counts as none" not in text


def test_failures_of_other_versions_and_of_other_times_are_not_told(tmp_path: Path) -> None:
    script = stories.crashing()
    loop = FailurePattern.CRASH_LOOP
    other = Script("1.3.0", first_offset=300).failure(FailurePattern.OOM_KILLED, minute=5, template=OLD)
    later = Script(first_offset=400).failure(FailurePattern.NOT_READY, minute=600)
    neighbour = Script(service="stock", first_offset=500).failure(FailurePattern.IMAGE_PULL, minute=5)
    script.effects += [*other.effects, *later.effects, *neighbour.effects]
    told = story_of(tmp_path, script).of(FailureSeen)
    assert {each.failure.pattern for each in told} == {loop}


def test_a_failure_that_service_and_environment_both_tell_is_told_once(tmp_path: Path) -> None:
    script = Script().opened().failure(FailurePattern.SATURATION, minute=2)
    script.failure(FailurePattern.SATURATION, minute=2)
    assert len(story_of(tmp_path, script).of(FailureSeen)) == 1


def test_a_body_survives_the_journal(tmp_path: Path) -> None:
    effects: list[Effect] = stories.held_and_approved().effects
    write(tmp_path, effects)
    story = why(connect(tmp_path), "cart")
    assert [(entry.position, entry.index, entry.said) for entry in story.entries] == [
        (each.cause, each.index, each.said) for each in effects
    ]


def test_control_characters_of_strangers_do_not_reach_the_terminal(tmp_path: Path) -> None:
    script = Script("1.0\x1b[2J").opened().paged("\x1b]0;owned\x07\nAll is well", minute=1)
    text = tell(story_of(tmp_path, script))
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert "paged: ?]0;owned? All is well" in text
