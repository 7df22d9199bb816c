"""No secret that somebody types reaches the log, by any of the values that carry free text."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions import kill_file
from feature_store.rows import row_of
from schemas.codec import adapter, to_json
from schemas.effect_messages import effect_message
from schemas.effects import Effect, Said
from schemas.freeze_windows import FreezeWindow
from schemas.keys import EnvironmentName, ReleaseId, ServiceName
from schemas.labels import AfterwordTold, LabelKind, Labelled, LabelSource, human_label
from schemas.observations import Answer, Approval, FreezeSet, KillSwitchSet, LogPosition
from schemas.quality import Ruling, RulingKind
from schemas.redaction import redact_typed
from schemas.replies import Reply
from schemas.smoke_tests import SmokeTested

PROD, CART = EnvironmentName("prod"), ServiceName("cart")
AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECRETS = {
    "password": "see password=hunter-two for it",
    "bearer": "Authorization: Bearer hunter-two",
    "token": "ghp_hunter-twohunter-two1234 was used",
    "url": "https://ann:hunter-two@shop.example/run",
    "query": "https://shop.example/run?sig=hunter-two",
    "drawn": "the key that I used, hunter-two: aB3dE6gH9jK2mN5pQ8",
}


def an_approval(text: str) -> object:
    return Approval(
        environment=PROD, hold="h", answer=Answer.APPROVE, by="ann", channel="cli", at=AT, why=text
    )


def a_freeze(text: str) -> object:
    return FreezeSet(environment=PROD, until=AT + timedelta(hours=1), by="ann", at=AT, why=text)


def a_kill_switch(text: str) -> object:
    return KillSwitchSet(environment=PROD, is_on=True, by="ann", at=AT, why=text)


def a_smoke_test(text: str) -> object:
    return SmokeTested(
        environment=PROD, service=CART, version="2", has_passed=False, by="ci", at=AT, detail=text
    )


def a_label(text: str) -> object:
    label = human_label(
        release=ReleaseId("r"),
        environment=PROD,
        service=CART,
        kind=LabelKind.BAD,
        by="ann",
        at=AT,
        why=text,
    )
    return Labelled(label=label)


def an_afterword(text: str) -> object:
    return AfterwordTold(
        environment=PROD,
        source=LabelSource.INCIDENT,
        about="i",
        by="ann",
        channel="pagerduty",
        at=AT,
        service=CART,
        why=text,
    )


def a_reply(text: str) -> object:
    return Reply(
        channel="slack", source="s", thread="t", by="U1", answer=Answer.REJECT, at=AT, code="abc123", why=text
    )


def a_ruling(text: str) -> object:
    kind = next(iter(RulingKind))
    return Ruling(service=CART, version="2", environment=PROD, at=AT, kind=kind, by="ann", reason=text)


def a_freeze_window(text: str) -> object:
    return FreezeWindow(begins="17:00", lasts=timedelta(hours=1), why=text)


MADE: list[Callable[[str], object]] = [
    an_approval,
    a_freeze,
    a_kill_switch,
    a_smoke_test,
    a_label,
    an_afterword,
    a_reply,
    a_ruling,
    a_freeze_window,
]


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
@pytest.mark.parametrize("make", MADE, ids=lambda make: make.__name__)
def test_a_secret_that_is_typed_is_in_no_value_and_in_no_bytes_of_it(
    make: Callable[[str], object], secret: str
) -> None:
    value = make(secret)
    wire = to_json(value)
    hidden = b"aB3dE6gH9jK2mN5pQ8" if "the key that" in secret else b"hunter-two"
    assert hidden not in wire
    assert hidden.decode() not in repr(value)
    again = adapter(type(value)).validate_json(wire)
    assert (again, to_json(again)) == (value, wire)


@pytest.mark.parametrize("make", MADE[:5], ids=lambda make: make.__name__)
def test_a_secret_that_is_typed_is_neither_in_an_effect_nor_in_the_journal(
    make: Callable[[str], object],
) -> None:
    said = adapter(Said).validate_python(make(SECRETS["password"]))
    cause = LogPosition(topic="environment-observations", partition=0, offset=7)
    effect = Effect(key="prod", cause=cause, index=0, said=said)
    assert b"hunter" not in (effect_message(effect).value or b"")
    assert "hunter" not in repr(row_of(0, 1, effect))


@pytest.mark.parametrize("make", MADE, ids=lambda make: make.__name__)
def test_what_is_no_secret_stays_to_the_letter(make: Callable[[str], object]) -> None:
    plain = "2 of 9 tests failed at 10:30, ticket OPS-88; prod-cart-1.4.2-92ab94fd, commit " + "0a" * 20
    assert plain.encode() in to_json(make(plain))


@given(st.text(max_size=200) | st.sampled_from(list(SECRETS.values())), st.text(max_size=40))
def test_to_redact_twice_is_to_redact_once(text: str, more: str) -> None:
    once = redact_typed(f"{text} {more}")
    assert redact_typed(once) == once


def test_a_reason_without_end_is_cut() -> None:
    assert len(redact_typed("word " * 100_000)) < 5_000


def test_the_file_of_the_kill_switch_holds_no_secret_either(tmp_path: Path) -> None:
    path = tmp_path / "kill"
    kill_file.switch_on(path, by="ann", why=SECRETS["password"], at=AT)
    assert "hunter" not in path.read_text(encoding="utf-8")
    path.write_text(SECRETS["password"], encoding="utf-8")
    assert kill_file.reason(path) == "see password=<secret> for it"
