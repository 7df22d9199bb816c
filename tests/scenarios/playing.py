"""Stories as JSON lines, played through both engines; what was decided, as JSON lines again.

A line of a story is one of these; minutes count from the start of the first release:

    {"pods": "abc", "from": -60, "to": 10, "requests": 300, "errors": [1, 0, 2], "mean_s": 0.1}
    {"at": 0, "release": {"version": "2"}}
    {"at": 6, "answer": "approve", "by": "ann"}       the newest hold
    {"at": 6, "outcome": "done"}                      the newest command
    {"at": -5, "freeze_until": 30, "environment": "dev"}
    {"at": 4, "blind": "no answer"}                   the service's instrument breaks
    {"at": 9, "blind": ""}                            and works again
    {"until": 31}

`pods` speak each minute from `from` up to before `to`; `errors` are taken in turn. Lines about a service
name `service` and `environment`, or mean cart in dev. `note` may say what a line is for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from schemas.codec import to_json
from schemas.effects import Effect
from schemas.judgements import Evidence
from schemas.observations import Answer, SuspicionChanged, VerdictReached
from schemas.orders import Command, Held, OutcomeKind
from tests.builders import OLD, a_freeze, a_release, an_answer, an_instrument, minute, requests, said
from tests.streams.world import ENVIRONMENTS, World

FOLDER = Path(__file__).parent
STORIES = sorted(path.stem for path in FOLDER.glob("*.jsonl"))

Line: TypeAlias = Mapping[str, Any]

# Five seconds for late samples, and a little more.
_LOOK = 6 / 60


def play(story: str, also: Callable[[World, int], object] | None = None) -> World:
    """Play a story and return the world that it left; `also` is called before each minute of it."""
    text = (FOLDER / f"{story}.jsonl").read_text(encoding="utf-8")
    lines: list[Line] = [json.loads(line) for line in text.splitlines()]
    speakers = [line for line in lines if "pods" in line]
    last = next(line["until"] for line in lines if "until" in line)
    world = World()
    for number in range(min(line["from"] for line in speakers), last):
        if also is not None:
            also(world, number)
        for line in lines:
            if line.get("at") == number:
                _happen(world, line)
        for line in speakers:
            if line["from"] <= number < line["to"]:
                _speak(world, line, number)
        world.tick(minute(number + 1 + _LOOK))
    return world


def told(effects: Iterable[Effect]) -> Iterator[str]:
    """Yield what was decided, one JSON line each: evidence and suspicions are its reasons, not told here."""
    for effect in effects:
        if isinstance(effect.said, Evidence | SuspicionChanged):
            continue
        data = json.loads(to_json(effect.said))
        if isinstance(effect.said, VerdictReached):
            verdict = data["verdict"]
            scores = {item["signal"]: item["log_e"] for item in verdict.pop("evidence")}
            data = {**verdict, "log_e": scores}
        row = {"key": effect.key, "said": type(effect.said).__name__, **data}
        yield json.dumps(_rounded(row), ensure_ascii=False)


def expected_of(story: str) -> Path:
    """Return the file of what is expected of a story."""
    return FOLDER / "expected" / f"{story}.jsonl"


def _happen(world: World, line: Line) -> None:
    at = minute(line["at"])
    service, environment = line.get("service", "cart"), line.get("environment", "dev")
    if "release" in line:
        event = a_release(service, environment, at=at, **line["release"])
        world.put(f"{environment}/{service}", event)
    elif "answer" in line:
        hold = said(world.effects, Held)[-1]
        answer = an_answer(hold.id, Answer(line["answer"]), at, hold.environment, line.get("by", "ann"))
        world.put(hold.environment, answer, ENVIRONMENTS)
    elif "outcome" in line:
        world.report(said(world.effects, Command)[-1], at, OutcomeKind(line["outcome"]))
    elif "freeze_until" in line:
        world.put(environment, a_freeze(minute(line["freeze_until"]), at, environment), ENVIRONMENTS)
    elif "blind" in line:
        change = an_instrument(line["blind"], at, service, environment)
        world.put(f"{environment}/{service}", change)
    else:
        raise ValueError(f"a story says {sorted(line)}, expected what the module's text lists")


def _speak(world: World, line: Line, number: int) -> None:
    errors = line.get("errors", [0])
    samples = [
        entry
        for place, pod in enumerate(line["pods"])
        for entry in requests(
            f"{line.get('service', 'cart')}-{pod}",
            minute(number + 1),
            line.get("requests", 300),
            errors[(number + place) % len(errors)],
            line.get("mean_s", 0.1),
            line.get("template", OLD),
        )
    ]
    world.serve(samples, line.get("service", "cart"), line.get("environment", "dev"))


def _rounded(value: Any) -> Any:
    """Return JSON with its scores to six digits: the last ones differ between machines."""
    match value:
        case float():
            return float(f"{value:.6g}")
        case list():
            return [_rounded(item) for item in value]
        case dict():
            return {name: _rounded(item) for name, item in value.items()}
        case _:
            return value
