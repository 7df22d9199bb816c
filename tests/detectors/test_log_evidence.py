"""What log lines say of a release: new errors convict, ordinary lines of a start do not, secrets stay out."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from detectors.log_counts import MOST_ERRORS
from detectors.windows import ServiceWindow
from schemas.codec import from_json, to_json
from schemas.instants import to_ms
from schemas.judgements import VerdictKind
from schemas.keys import EnvironmentName, ServiceName, TemplateHash
from schemas.observations import LogBatch, LogLine
from schemas.policy import Rule
from schemas.redaction import redact

INFO, ERROR = 9, 17
STABLE = ("cart-a", "cart-b", "cart-c")
Line = tuple[str, int, int]


def batch(at: datetime, pod: str, template: str, *lines: Line) -> LogBatch:
    """Return a minute's lines of one pod, each as (text, severity, how often)."""
    return LogBatch(
        environment=EnvironmentName("prod"),
        service=ServiceName("cart"),
        lines=tuple(
            LogLine(
                time_ms=to_ms(at + timedelta(milliseconds=1500 + number * 56_000 // times)),
                severity=severity,
                pod=pod,
                version="",
                template=TemplateHash(template),
                text=redact(text.replace("#", str(number))),
            )
            for text, severity, times in lines
            for number in range(times)
        ),
    )


def play(
    scene: Any,
    minutes: int,
    stable: tuple[Line, ...],
    canary: tuple[Line, ...],
    start: tuple[Line, ...] = (),
    requests: float = 600.0,
) -> None:
    """Play half an hour of quiet time and a release.

    Args:
        scene: What is played.
        minutes: How long after the release.
        stable: What a stable pod prints each minute.
        canary: What the canary prints each minute.
        start: What the canary prints when it starts, beside that.
        requests: What each pod serves a minute; 0 where nobody counts requests.
    """

    def speak(minute: int, pod: str, template: str, *lines: Line) -> None:
        if requests:
            scene.serve(minute, pod, template, requests)
        scene.window.add_logs(
            batch(scene.minute(minute), pod, template, *lines), scene.rule, scene.minute(minute + 1)
        )

    for minute in range(-30, 0):
        for pod in STABLE:
            speak(minute, pod, "old", *stable)
    scene.open()
    for minute in range(minutes):
        for pod in STABLE:
            speak(minute, pod, "old", *stable)
        speak(minute, "cart-n", "new", *canary, *(start if minute == 0 else ()))
        scene.look(minute)


USUAL: tuple[Line, ...] = (
    ("order # placed for user ann", INFO, 5),
    ("payment # declined: card expired", ERROR, 3),
)


@pytest.mark.parametrize("requests", [600.0, 0.0])
def test_lines_of_an_ordinary_start_convict_nobody(scene: Any, requests: float) -> None:
    start = (
        ("starting cart version 2.1.0", INFO, 1),
        ("feature flags loaded: [a, b, c]", INFO, 3),
        ("listening on 0.0.0.0:8080", INFO, 1),
        ("cache is cold, retrying in 2s", ERROR, 4),
    )
    play(scene, 16, USUAL, USUAL, start, requests)
    assert {look.kind for look in scene.looks} <= {VerdictKind.INCONCLUSIVE, VerdictKind.HEALTHY}
    assert scene.looks[-1].kind is VerdictKind.HEALTHY


def test_a_new_error_at_one_percent_of_requests_convicts(scene: Any) -> None:
    play(scene, 15, USUAL, (*USUAL, ("cannot decode basket # of user bob", ERROR, 6)))
    harmful = [look for look in scene.looks if look.kind is VerdictKind.HARMFUL]
    assert harmful
    assert any('new error line "cannot decode basket <*> of user bob"' in text for text in harmful[0].reasons)


def test_a_new_error_in_every_minute_convicts_where_nobody_counts_requests(scene: Any) -> None:
    play(scene, 20, USUAL, (*USUAL, ("cannot decode basket # of user bob", ERROR, 8)), requests=0.0)
    assert scene.looks[-1].kind is VerdictKind.HARMFUL


def test_one_odd_line_convicts_nobody_however_bad(scene: Any) -> None:
    play(scene, 15, USUAL, USUAL, (("kernel of truth lost in module #", 21, 1),))
    assert all(look.kind is not VerdictKind.HARMFUL for look in scene.looks)


def test_an_error_that_stable_pods_print_as_often_convicts_nobody(scene: Any) -> None:
    lines = (*USUAL, ("upstream # timed out", ERROR, 20))
    play(scene, 14, lines, lines)
    assert all(look.kind is not VerdictKind.HARMFUL for look in scene.looks)


def test_an_old_error_ten_times_as_often_convicts(scene: Any) -> None:
    play(scene, 16, USUAL, (USUAL[0], ("payment # declined: card expired", ERROR, 30)))
    assert scene.looks[-1].kind is VerdictKind.HARMFUL


def test_an_error_whose_text_was_changed_is_no_new_one(scene: Any) -> None:
    play(scene, 16, USUAL, (USUAL[0], ("payment # declined: the card expired", ERROR, 3)))
    assert scene.looks[-1].kind is VerdictKind.HEALTHY


def test_new_lines_below_error_level_are_shown_and_never_convict(scene: Any) -> None:
    play(scene, 15, USUAL, (*USUAL, ("fell back to slow path for item #", 13, 30)))
    last = scene.looks[-1]
    assert last.kind is VerdictKind.HEALTHY
    assert any(
        item.text.startswith('new line "fell back to slow path for item <*>"') for item in last.evidence
    )


def test_a_secret_in_a_line_reaches_no_evidence(scene: Any) -> None:
    leak = "login of ann@example.org failed with password=horsebattery, token ghp_abcdefghijklmnopqrstuvwxyz"
    play(scene, 15, USUAL, (*USUAL, (f"{leak} at try #", ERROR, 12)))
    said = " ".join(item.text for look in scene.looks for item in look.evidence)
    assert "failed with password=<*>" in said
    kept = said + to_json(scene.window).decode()
    assert not any(secret in kept for secret in ("horsebattery", "ann@", "abcdefghijkl"))


JAVA = (
    "could not place order",
    "java.lang.IllegalStateException: no stock",
    "at com.acme.Stock.take(Stock.java:41)",
    "at com.acme.Orders.place(Orders.java:9)",
    "Caused by: java.sql.SQLException: deadlock",
    "... 12 more",
)
PYTHON = (
    "Traceback (most recent call last):",
    'File "/srv/app.py", line 3, in pay',
    "charge(card)",
    "acme.PaymentError: refused",
)
GO = (
    "panic: no basket",
    "goroutine 17 [running]:",
    "main.(*Cart).Add(0xc000012345, 0x5)",
    "/srv/cart.go:12 +0x1d",
    "main.main()",
)


@pytest.mark.parametrize(
    ("trace", "statement"), [(JAVA, JAVA[0]), (PYTHON, PYTHON[-1]), (GO, GO[0])], ids=["java", "python", "go"]
)
def test_a_trace_that_comes_line_by_line_counts_once(
    scene: Any, trace: tuple[str, ...], statement: str
) -> None:
    for text in trace:
        scene.window.add_logs(batch(scene.minute(0), "cart-a", "old", (text, ERROR, 1)), scene.rule)
    counted = scene.window.pods["cart-a"].lines.counted(True)
    assert [(scene.window.templates.text(number), track.sums) for number, track in counted] == [
        (statement, [1.0])
    ]


def test_an_error_that_only_begins_like_a_frame_counts(scene: Any) -> None:
    text = "at least 3 replicas are lost (of 5)"
    scene.window.add_logs(batch(scene.minute(0), "cart-a", "old", (text, ERROR, 1)), scene.rule)
    assert len(scene.window.pods["cart-a"].lines.counted(True)) == 1


def test_an_error_after_an_ordinary_line_counts(scene: Any) -> None:
    lines = (("order accepted", INFO, 1), ("java.io.IOException: disk is full", ERROR, 1))
    scene.window.add_logs(batch(scene.minute(0), "cart-a", "old", lines[1], lines[0]), scene.rule)
    assert len(scene.window.pods["cart-a"].lines.counted(True)) == 1


def test_a_window_with_lines_survives_as_json_and_goes_on_alike(new_scene: Callable[[], Any]) -> None:
    scene = new_scene()
    play(scene, 6, USUAL, (*USUAL, ("cannot decode basket # of user bob", ERROR, 6)))
    restored = from_json(ServiceWindow, to_json(scene.window))
    assert restored == scene.window
    again = batch(scene.minute(6), "cart-n", "new", ("cannot decode basket # of user eve", ERROR, 3))
    for window in (scene.window, restored):
        window.add_logs(again, scene.rule, scene.minute(7))
    assert to_json(restored) == to_json(scene.window)


def test_a_pod_that_never_says_the_same_thing_twice_stays_small() -> None:
    window, rule = ServiceWindow(), Rule()
    at = datetime(2026, 3, 1, tzinfo=UTC)
    words = [
        f"{'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10 % 10]}{'uvwxyz'[n // 100 % 6]}" for n in range(600)
    ]
    said = tuple((f"{word} {word}{word} broke {word}x", ERROR, 1) for word in words)
    window.add_logs(batch(at, "p", "", *said), rule)
    assert len(window.pods["p"].lines.tracks) <= MOST_ERRORS


def test_names_in_a_statement_take_no_room_of_other_statements() -> None:
    window, rule = ServiceWindow(), Rule()
    at = datetime(2026, 3, 1, tzinfo=UTC)
    names = [
        f"{'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10 % 10]}{'uvwxyz'[n // 100 % 6]}" for n in range(600)
    ]
    window.add_logs(
        batch(at, "p", "", *((f"login failed for user {name}", ERROR, 1) for name in names)), rule
    )
    assert len(window.pods["p"].lines.tracks) < 10
