"""ChangeRCA: 50 canary releases of Online Boutique, of which 11 are defective.

`python -m bench.changerca --data DIR [--verdicts FILE] [--aa]` prints one JSON object. Without `labels.csv`
the figures that need labels are null.

Source: G. Yu et al., "ChangeRCA: Finding Root Causes from Software Changes in Large Online Systems",
Proceedings of the ACM on Software Engineering 1 (FSE), 2024.
"""

import argparse
import json
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.changerca_cv import Looks, candidates, cross_validated, engine_settings
from bench.changerca_data import Change, changes_of, posing
from bench.changerca_rules import JUDGES, settings_for
from bench.changerca_scores import aa_figures, bad_changes, figures, mute_pods
from bench.report import Started, report
from bench.through_kafka import effects_through_kafka
from schemas.effects import Effect
from schemas.observations import VerdictReached
from schemas.orders import Command, CommandKind, Decision
from streams.pipeline import effects_of_pod_minutes
from streams.pod_minutes import Row, read_rows


@dataclass(slots=True)
class Said:
    """What was said of one change, up to its next step."""

    at: int | None = None
    verdict: str = "inconclusive"
    confidence: float = 0.0


@dataclass(slots=True)
class Results:
    """What was said of all changes and cases."""

    changes: dict[str, Said] = field(default_factory=dict)
    rankings: dict[str, list[str]] = field(default_factory=dict)


def collect(effects: Iterable[Effect], changes: list[Change]) -> Results:
    """Return the last word on each change that is no later than its next step, and each case's ranking.

    The ranking that counts is the one of the case's last decision; the changes that it leaves out follow
    in the order of their evidence, then of their names.
    """
    by_service = {(change.environment, change.service): change for change in changes}
    results = Results(changes={change.id: Said() for change in changes})
    evidence: dict[str, float] = {}
    for effect in effects:
        said = effect.said
        match said:
            case VerdictReached(verdict=verdict, suspicion=suspicion):
                change = by_service[verdict.environment, verdict.service]
                if verdict.at.timestamp() > change.next_step:
                    continue
                now = results.changes[change.id]
                now.verdict, now.confidence = verdict.kind.value, verdict.confidence
                evidence[change.id] = max(suspicion.own_log_e, suspicion.silence_log_e)
            case Command(kind=CommandKind.UNDO):
                change = by_service[said.environment, said.service]
                at = int(said.issued_at.timestamp())
                if at <= change.next_step and results.changes[change.id].at is None:
                    results.changes[change.id].at = at
            case Decision() if said.suspects:
                # The first decision with suspects is what an operator would act on.
                ranked = [by_service[said.environment, s.service].id for s in said.suspects]
                results.rankings.setdefault(said.environment, ranked)
            case _:
                pass
    for change in sorted(changes, key=lambda c: (-evidence.get(c.id, 0.0), c.id)):
        ranking = results.rankings.setdefault(change.environment, [])
        if change.id not in ranking:
            ranking.append(change.id)
    return results


def verdict_lines(results: Results, changes: list[Change], is_aa: bool) -> Iterator[dict[str, Any]]:
    """Yield the lines of the verdicts file."""
    for change in changes:
        said = results.changes[change.id]
        if is_aa:
            yield {
                "case": change.case,
                "service": change.service,
                "pod": change.pod,
                "rolled_back": said.at is not None,
                "at": said.at,
            }
            continue
        yield {
            "change": change.id,
            "rolled_back": said.at is not None,
            "at": said.at,
            "verdict": said.verdict,
            "confidence": said.confidence,
        }
    if not is_aa:
        for case in sorted(results.rankings):
            yield {"case": case, "ranking": results.rankings[case]}


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/bench/changerca"))
    parser.add_argument("--verdicts", type=Path)
    parser.add_argument("--aa", action="store_true", help="quiet pods posing as canaries")
    parser.add_argument(
        "--replacing", action="store_true", help="with --aa: posing pods take the place of their own past"
    )
    parser.add_argument(
        "--through",
        choices=("engine", "kafka"),
        default="engine",
        help="kafka: the same lines through real topics, workers and the journal",
    )
    parser.add_argument(
        "--cv", action="store_true", help="search settings that change the evidence, too: takes minutes"
    )
    parser.add_argument("--judge", choices=JUDGES, default=JUDGES[0], help="the others are baselines")
    given = parser.parse_args(arguments)
    if given.judge != JUDGES[0] and given.through == "kafka":
        parser.error(f"--judge {given.judge} runs in the engine only")
    started = Started()
    source = given.data / "replay.jsonl.gz"
    rows = read_rows(source)
    changes = changes_of(rows)
    if given.aa:
        rows, changes = posing(rows, changes, given.replacing)
    print(f"{len(changes)} changes, {len(rows)} lines", file=sys.stderr)
    if given.through == "kafka":
        effects = effects_through_kafka(rows)
    else:
        effects = effects_of_pod_minutes(rows, settings_for(given.judge, rows, changes))
    looks = Looks(changes)
    results = collect(looks.watching(effects), changes)
    if given.verdicts is not None:
        lines = (json.dumps(line) + "\n" for line in verdict_lines(results, changes, given.aa))
        given.verdicts.write_text("".join(lines))
    outcome = {change.id: results.changes[change.id].at for change in changes}
    if given.aa:
        found = aa_figures(outcome, mute_pods(rows, changes))
    else:
        bad = bad_changes(given.data / "labels.csv")
        validated = None
        if bad is not None and given.judge == JUDGES[0]:
            validated = cross_validated(_searched(looks, rows, given.cv), changes, bad)
        found = figures(changes, outcome, results.rankings, bad, validated)
    report(found, started, source)


def _searched(looks: Looks, rows: list[Row], is_wide: bool) -> dict[str, dict[str, int | None]]:
    """Return the outcomes under all settings that are searched."""
    found = candidates(looks)
    if is_wide:
        for name, settings in list(engine_settings(rows))[1:]:
            print(f"searching {name}", file=sys.stderr)
            other = Looks(looks.changes)
            deque(other.watching(effects_of_pod_minutes(rows, settings)), maxlen=0)
            found |= candidates(other, name)
    return found


if __name__ == "__main__":
    main()
