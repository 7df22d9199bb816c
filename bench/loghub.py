"""Grouping accuracy of the log template miner on LogHub's systems: one configuration, one pass.

A line counts when its predicted group holds exactly the lines of its true template. A group's id is what it
is at the end of the pass: the miner never looks at a line twice, but two groups may have become one since a
line was read, and their lines are then one group.

`mean_strict` counts only what was said on reading each line. `mean_redacted` is about lines that went through
redaction first, as everything in the product does. `mean_masks` is what the masks reach without learning
where words vary. `mean_cv` chooses the counts of `detectors.log_slots` for each system by the others; it does
not undo that the masks were written with these systems in view.

Source: J. Zhu et al., "Tools and Benchmarks for Automated Log Parsing", ICSE-SEIP 2019.
"""

import argparse
import csv
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.report import Started, report
from detectors.log_index import TemplateIndex
from detectors.log_masks import tokens
from detectors.log_slots import Needs
from detectors.log_templates import MOST_SIGNATURES, LogTemplates
from schemas.redaction import redact

VARIANTS = tuple(
    Needs(
        named=named,
        led=named + 1,
        dotted=named + 1 + wide,
        assigned=named + 2 + wide,
        odd=word,
        word=word,
        masked=masked,
    )
    for named in (2, 3, 4)
    for wide in (0, 2)
    for word in (4, 6, 9)
    for masked in (0, 2)
)
"""What cross-validation chooses from, for each system by the others."""


@dataclass(frozen=True, slots=True)
class System:
    """One system's lines.

    Attributes:
        events: True template's id of each line; empty when the labels were taken away.
    """

    name: str
    line_ids: list[str]
    lines: list[str]
    events: list[str]


def read_systems(data: Path) -> list[System]:
    """Return the systems below a folder, by name.

    Raises:
        FileNotFoundError: there is none.
    """
    found = []
    for path in sorted(data.glob("*/*_2k.log_structured.csv")):
        with path.open(encoding="utf-8", errors="replace", newline="") as opened:
            rows = list(csv.DictReader(opened))
        events = [row.get("EventId") or "" for row in rows]
        found.append(
            System(
                path.parent.name,
                [row["LineId"] for row in rows],
                [row["Content"] or "" for row in rows],
                events if rows and all(events) else [],
            )
        )
    if not found:
        raise FileNotFoundError(f"{data} has no */*_2k.log_structured.csv, expected LogHub's layout")
    return found


def grouping_accuracy(predicted: Sequence[int], true: Sequence[str]) -> float:
    """Return the share of lines whose group holds exactly the lines of their true template.

    >>> grouping_accuracy([1, 1, 2, 3], ["a", "a", "b", "b"])
    0.5
    """
    groups: dict[int, list[int]] = {}
    events: dict[str, list[int]] = {}
    for place, (group, event) in enumerate(zip(predicted, true, strict=True)):
        groups.setdefault(group, []).append(place)
        events.setdefault(event, []).append(place)
    right = sum(len(places) for places in events.values() if groups[predicted[places[0]]] == places)
    return right / len(true)


def mined(lines: Sequence[str]) -> tuple[list[int], list[int]]:
    """Return each line's group at the end of the pass, and its group when it was read."""
    miner = LogTemplates()
    numbers: list[int] = []
    strict: list[int] = []
    for line in lines:
        numbers.append(miner.learn(line))
        strict.append(miner.group(numbers[-1]))
    return [miner.group(number) for number in numbers], strict


def accuracy_with(needs: Needs, parts: Sequence[tuple[str, ...]], events: Sequence[str]) -> float:
    """Return the grouping accuracy on tokenised lines under other needs than the shipped ones."""
    index = TemplateIndex(needs)
    nodes = [index.add(line) for line in parts]
    return grouping_accuracy([index.root(node) for node in nodes], events)


def cross_validated(systems: Sequence[System]) -> float:
    """Return the mean accuracy on each system under the needs that are best on all others."""
    variants = [Needs(), *(needs for needs in VARIANTS if needs != Needs())]
    parts = [[tokens(line) for line in system.lines] for system in systems]
    table = [
        [accuracy_with(needs, lines, s.events) for lines, s in zip(parts, systems, strict=True)]
        for needs in variants
    ]
    held_out = []
    for left_out in range(len(systems)):
        # Of equally good ones the shipped one, which stands first.
        best = max(table, key=lambda row: sum(row) - row[left_out])
        held_out.append(best[left_out])
    return sum(held_out) / len(held_out)


def mean_of(systems: Sequence[System], grouped: Callable[[list[str]], list[int]]) -> float:
    """Return the mean accuracy over systems of a way to group their lines."""
    return sum(grouping_accuracy(grouped(s.lines), s.events) for s in systems) / len(systems)


def by_masks(lines: Sequence[str]) -> list[int]:
    """Return each line's group when lines with the same tokens are one."""
    seen: dict[tuple[str, ...], int] = {}
    return [seen.setdefault(tokens(line), len(seen)) for line in lines]


def figures(systems: Sequence[System], groups: Mapping[str, list[int]]) -> dict[str, float | None]:
    """Return the benchmark's figures; None where labels were taken away."""
    found: dict[str, float | None] = dict.fromkeys(
        ("mean", "mean_cv", "mean_strict", "mean_redacted", "mean_masks")
    )
    for system in systems:
        accuracy = grouping_accuracy(groups[system.name], system.events) if system.events else None
        found[system.name] = accuracy
    if all(system.events for system in systems):
        found["mean"] = sum(found[system.name] or 0.0 for system in systems) / len(systems)
        found["mean_strict"] = mean_of(systems, lambda lines: mined(lines)[1])
        found["mean_redacted"] = mean_of(systems, lambda lines: mined([redact(line) for line in lines])[0])
        found["mean_masks"] = mean_of(systems, by_masks)
        found["mean_cv"] = cross_validated(systems) if len(systems) > 1 else None
    return {name: None if figure is None else round(figure, 4) for name, figure in found.items()}


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/bench/loghub"))
    parser.add_argument("--verdicts", type=Path)
    given = parser.parse_args(arguments)
    started = Started()
    systems = read_systems(given.data)
    groups = {}
    mining = time.process_time()
    for system in systems:
        groups[system.name] = mined(system.lines)[0]
        count = len(set(groups[system.name]))
        print(f"{system.name}: {len(system.lines)} lines, {count} groups", file=sys.stderr)
    mining = time.process_time() - mining
    if given.verdicts is not None:
        said = (
            json.dumps({"system": system.name, "line": int(line), "group": str(group)}) + "\n"
            for system in systems
            for line, group in zip(system.line_ids, groups[system.name], strict=True)
        )
        given.verdicts.write_text("".join(said))
    lines = sum(len(system.lines) for system in systems)
    report(
        {
            **figures(systems, groups),
            "counts": {"systems": len(systems), "lines": lines},
            "lines_per_cpu_s": round(lines / max(mining, 1e-9)),
            "most_signatures": MOST_SIGNATURES,
        },
        started,
        given.data,
    )


if __name__ == "__main__":
    main()
