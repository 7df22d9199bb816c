"""A journal of many releases with their evidence, minute by minute: errors tell of harm, latency does not."""

from datetime import timedelta
from pathlib import Path
from random import Random

from feature_store.journal import Journal
from schemas.judgements import VerdictKind
from schemas.labels import LabelKind, LabelSource
from schemas.orders import CommandKind, OutcomeKind
from tests.feature_store.script import START, Script, side

SERVICES = ("cart", "checkout", "search", "stock", "till")
RATIO = 8.0
"""By how many times bad releases multiply errors."""


def a_release(number: int, *, is_bad: bool, draw: Random) -> Script:
    """Return one release that is watched for ten minutes, or until errors convict it."""
    service = SERVICES[number % len(SERVICES)]
    script = Script(
        f"1.{number}",
        service=service,
        first_offset=1000 * (number + 1),
        start=START + timedelta(hours=4 * number),
    ).opened()
    for minute in range(1, 11):
        level = 0.002 * (RATIO if is_bad else 1.0)
        canary, control = side(level, 1000.0 * minute), side(0.002, 4000.0 * minute, 8)
        log_e = 1.5 * minute if is_bad else draw.uniform(-1.5, 0.0)
        script.evidence("errors", minute, canary=canary, control=control, log_e=log_e)
        quiet = side(0.18, 1000.0 * minute), side(0.18, 4000.0 * minute, 8)
        script.evidence("latency", minute, canary=quiet[0], control=quiet[1], log_e=draw.uniform(-1.5, 0.0))
        if log_e >= 5.1:
            break
    if is_bad:
        script.verdict(VerdictKind.HARMFUL, "errors", minute=minute, confidence=0.999, first_bad=1)
        script.outcome(CommandKind.UNDO, OutcomeKind.DONE, "done", minute=minute + 1)
    else:
        script.verdict(VerdictKind.HEALTHY, "nothing", minute=11, is_final=True)
    script.closed("over", minute=12)
    kind = LabelKind.BAD if is_bad else LabelKind.GOOD
    return script.labelled(kind, LabelSource.HUMAN, trust=0.9, minute=60)


def write_releases(root: Path, count: int = 40, every: int = 3) -> None:
    """Write a journal of releases of which every third is bad."""
    draw = Random(5)
    journal = Journal(root, clock=lambda: START)
    effects = [
        effect
        for number in range(count)
        for effect in a_release(number, is_bad=number % every == 0, draw=draw).effects
    ]
    journal.append(3, list(enumerate(effects)))
    journal.flush()
