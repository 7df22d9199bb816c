"""How likely each release was bad, from all that was said of it until an instant: what learning reads.

A release that was taken back is seen no further. What it would have done is unknown, and no label of what it
had done until then says so: it is marked as selected, and its bounds are those of C. F. Manski,
"Nonparametric Bounds on Treatment Effects", American Economic Review 80 (1990): from nothing to everything.
One whose rollback was put off to learn of it was seen for that long, with known probability, so it is not; it
stands for the others that could have been, by the inverse of that probability (Horvitz and Thompson 1952).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from feature_store.label_model import (
    AlarmPrior,
    AnswerPrior,
    BasePrior,
    Booleans,
    Fit,
    Floats,
    Priors,
    Reports,
    fit,
)
from feature_store.views import Connection
from schemas.labels import TRUST, LabelKind, LabelSource

_HOUR = timedelta(hours=1)

BASES = (
    BasePrior(name="harmful", share=0.85),
    BasePrior(name="healthy", share=0.05),
    BasePrior(name="unknown", share=0.15),
)
"""Share of bad releases by the newest verdict; guesses worth twenty releases each. `unknown` is a verdict
that is a way not to know, or none."""

ANSWERS = (LabelSource.HUMAN, LabelSource.APPROVAL, LabelSource.OUTCOME, LabelSource.AFTERCARE)
"""Sources that answer either way; a rejection is the other answer to what an approval answers."""

ALARMS = (LabelSource.REVERT, LabelSource.INCIDENT, LabelSource.ALERT)
"""Sources that speak against a release or not at all; all but the first after a healthy end only."""

_FAMILY = {source: source for source in (*ANSWERS, *ALARMS)} | {LabelSource.REJECTION: LabelSource.APPROVAL}

_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("release", pa.string()),
    ("environment", pa.string()),
    ("service", pa.string()),
    ("verdict", pa.string()),
    ("started_at", pa.timestamp("us", tz="UTC")),
    ("p_bad", pa.float64()),
    ("weight", pa.float64()),
    ("known_at", pa.timestamp("us", tz="UTC")),
    ("is_selected", pa.bool_()),
    ("p_bad_low", pa.float64()),
    ("p_bad_high", pa.float64()),
    ("labels", pa.int64()),
    ("is_disputed", pa.bool_()),
    ("is_explored", pa.bool_()),
    ("inverse_propensity", pa.float64()),
]
SCHEMA = pa.schema(_COLUMNS)
"""Columns of `label_posteriors`:

p_bad: probability that it was bad. weight: how much of what there is to know of it is known, from 0 (nobody
spoke, and nobody could have yet) to 1. known_at: when the newest of what this rests on was said.
is_selected: it was taken back, so what it would have done is not known; p_bad_low and p_bad_high then are 0
and 1. labels: voices that count. is_disputed: some say bad and some do not. is_explored: its rollback was put
off to learn of it; False where it could have been, null where not. inverse_propensity: how many releases it
stands for: 0 where it could have been put off and was not, 1 where there was no such choice.
"""

_RELEASES = """
WITH seen AS (
    FROM effects
    WHERE release IS NOT NULL AND happened_at <= $1
      AND kind IN ('release_opened', 'verdict', 'decision', 'outcome', 'release_closed')
)
SELECT release,
       max(environment) AS environment,
       max(service) AS service,
       coalesce(min(started_at) FILTER (kind = 'release_opened'), min(happened_at)) AS started_at,
       max_by(verdict_kind, ordinal) FILTER (kind = 'verdict') AS verdict,
       max_by(is_final, ordinal) FILTER (kind = 'verdict') AS is_final,
       max(happened_at) FILTER (kind = 'verdict') AS verdict_at,
       min(happened_at) FILTER (kind = 'outcome' AND command_kind IN ('undo', 'abort')
                                AND outcome_kind IN ('done', 'already_done')) AS undone_at,
       min(happened_at) FILTER (kind = 'release_closed' AND starts_with(text, 'superseded')) AS superseded_at,
       bool_or(is_explored) AS is_explored,
       max(explored_share) AS explored_share
FROM seen
GROUP BY release
HAVING bool_or(kind IN ('release_opened', 'verdict'))
ORDER BY release
"""

_WORDS = """
SELECT release, answer, channel, answered_by, about, happened_at, id
FROM effects
WHERE kind = 'labelled' AND happened_at <= $1
ORDER BY happened_at, id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelling:
    """Releases with what is known of them, and how sources were estimated to be.

    Attributes:
        table: As `SCHEMA` says, by release id.
        reports: What the estimate rests on.
        fit: The estimate.
        words: How many labels each source gave, repeats and corrections included.
    """

    table: pa.Table
    priors: Priors
    reports: Reports
    fit: Fit
    words: Mapping[str, int]


def label_posteriors(connection: Connection, as_of: datetime | None = None) -> pa.Table:
    """Return each release with the probability that it was bad, as it could be known at an instant.

    Args:
        connection: From `feature_store.views.connect`.
        as_of: Nothing that was said later is used; None for all there is.

    Returns:
        A table of the columns of `SCHEMA`, by release id.
    """
    return labelling(connection, as_of).table


def default_priors() -> Priors:
    """Return what is believed before: the table of trust."""
    return Priors(
        bases=BASES,
        answers=tuple(AnswerPrior(name=source.value, trust=TRUST[source].trust) for source in ANSWERS),
        alarms=tuple(
            AlarmPrior(
                name=source.value,
                trust=TRUST[source].trust,
                reach=TRUST[source].reach or 0.0,
                delay_h=TRUST[source].delay / _HOUR,
                horizon_h=TRUST[source].horizon / _HOUR,
            )
            for source in ALARMS
        ),
    )


def labelling(connection: Connection, as_of: datetime | None = None) -> Labelling:
    """Return the same with what it rests on; see `label_posteriors`."""
    until = as_of or datetime(9999, 1, 1, tzinfo=UTC)
    releases = _rows(connection, _RELEASES, until)
    words = _rows(connection, _WORDS, until)
    if as_of is None:
        until = _newest(connection)
    priors = default_priors()
    read = _Read(releases, words, until)
    found = fit(read.reports, priors)
    counts: dict[str, int] = {}
    for word in words:
        counts[word["channel"]] = counts.get(word["channel"], 0) + 1
    return Labelling(
        table=_table(releases, read, found), priors=priors, reports=read.reports, fit=found, words=counts
    )


def bounds_of_bad_share(table: pa.Table) -> tuple[float, float, float]:
    """Return the least and the largest share of bad releases that what was seen allows, and the estimate.

    The first two take every release that was taken back as good, and as bad; the third is the model's word on
    them, which rests on what they did until then.

    >>> bounds_of_bad_share(SCHEMA.empty_table())
    (0.0, 0.0, 0.0)
    """
    if not table.num_rows:
        return 0.0, 0.0, 0.0
    low, high, middle = (
        float(np.mean(table[name].to_numpy())) for name in ("p_bad_low", "p_bad_high", "p_bad")
    )
    return low, high, middle


class _Read:
    """The facts as arrays, and who said what of which release."""

    def __init__(self, releases: list[dict[str, Any]], words: list[dict[str, Any]], until: datetime) -> None:
        self.place = {row["release"]: number for number, row in enumerate(releases)}
        self.known_at: list[datetime] = [row["verdict_at"] or row["started_at"] for row in releases]
        self.voices = np.zeros((len(releases), 2), dtype=np.int64)
        answers, delays = self._said(releases, words)
        services: dict[tuple[str, str], int] = {}
        names = [base.name for base in BASES]
        self.reports = Reports(
            base=np.array(
                [names.index(row["verdict"] if row["verdict"] in names else "unknown") for row in releases],
                dtype=np.int64,
            ),
            service=np.array(
                [
                    services.setdefault((row["environment"], row["service"]), len(services))
                    for row in releases
                ],
                dtype=np.int64,
            ),
            answer_release=np.array([place for place, _, _ in answers], dtype=np.int64),
            answer_source=np.array([source for _, source, _ in answers], dtype=np.int64),
            answer_bad=np.array([is_bad for _, _, is_bad in answers], dtype=np.bool_),
            alarm_delay_h=delays,
            alarm_exposure_h=_exposures(releases, until),
        )

    def _said(
        self, releases: list[dict[str, Any]], words: list[dict[str, Any]]
    ) -> tuple[list[tuple[int, int, bool]], Floats]:
        """Return each speaker's newest answer, and hours until each source's first alarm."""
        newest: dict[tuple[int, int, str], bool] = {}
        delays = np.full((len(releases), len(ALARMS)), np.nan)
        for word in words:
            place = self.place.get(word["release"])
            family = _FAMILY.get(word["channel"])
            if place is None or family is None:
                continue
            is_bad = word["answer"] == LabelKind.BAD
            self.known_at[place] = max(self.known_at[place], word["happened_at"])
            if family in ALARMS:
                column = ALARMS.index(family)
                hours = (word["happened_at"] - _alarms_from(releases[place], family)) / _HOUR
                delays[place, column] = np.fmin(delays[place, column], max(hours, 0.0))
                continue
            # People speak each for himself; what a machine saw is one voice, however often it is told.
            speaker = word["answered_by"] if family in (LabelSource.HUMAN, LabelSource.APPROVAL) else ""
            newest[place, ANSWERS.index(family), speaker] = is_bad
        for (place, _, _), is_bad in newest.items():
            self.voices[place, int(is_bad)] += 1
        self.voices[:, 1] += np.isfinite(delays).sum(axis=1)
        return [(place, source, is_bad) for (place, source, _), is_bad in newest.items()], delays


def _alarms_from(row: dict[str, Any], source: LabelSource) -> datetime:
    """Return when a source's time to speak of a release begins."""
    is_healthy = row["verdict"] == "healthy" and row["is_final"]
    begins: datetime = (
        row["started_at"] if source is LabelSource.REVERT or not is_healthy else row["verdict_at"]
    )
    return begins


def _exposures(releases: list[dict[str, Any]], until: datetime) -> Floats:
    """Return in how many hours each source could have spoken of each release so far."""
    exposures = np.zeros((len(releases), len(ALARMS)))
    for place, row in enumerate(releases):
        is_healthy = row["verdict"] == "healthy" and row["is_final"]
        for column, source in enumerate(ALARMS):
            if source is not LabelSource.REVERT and not is_healthy:
                continue
            # Once it is gone, silence is no praise; a commit may be reverted after the next release, too.
            ends = [until, row["undone_at"] or until]
            if source is not LabelSource.REVERT:
                ends.append(row["superseded_at"] or until)
            exposures[place, column] = max((min(ends) - _alarms_from(row, source)) / _HOUR, 0.0)
    return exposures


def _table(releases: list[dict[str, Any]], read: _Read, found: Fit) -> pa.Table:
    is_selected: Booleans = np.array(
        [row["undone_at"] is not None and not row["is_explored"] for row in releases], dtype=np.bool_
    )
    weight = 1.0 - (1.0 - found.matured) * np.exp(-found.spoken)
    return pa.table(
        {
            "release": [row["release"] for row in releases],
            "environment": [row["environment"] for row in releases],
            "service": [row["service"] for row in releases],
            "verdict": [row["verdict"] for row in releases],
            "started_at": [row["started_at"] for row in releases],
            "p_bad": found.p_bad,
            "weight": weight,
            "known_at": read.known_at,
            "is_selected": is_selected,
            "p_bad_low": np.where(is_selected, 0.0, found.p_bad),
            "p_bad_high": np.where(is_selected, 1.0, found.p_bad),
            "labels": read.voices.sum(axis=1),
            "is_disputed": (read.voices > 0).all(axis=1),
            "is_explored": [row["is_explored"] for row in releases],
            "inverse_propensity": [_inverse_propensity(row) for row in releases],
        },
        schema=SCHEMA,
    )


def _inverse_propensity(row: dict[str, Any]) -> float:
    if row["is_explored"] is None:
        return 1.0
    return 1.0 / row["explored_share"] if row["is_explored"] else 0.0


def explored_bad_share(table: pa.Table) -> tuple[int, int, float | None]:
    """Return how many rollbacks could be put off, how many were, and the share of bad ones of all these.

    The share goes by those that were put off alone, each by its inverse propensity; None without any.

    >>> explored_bad_share(SCHEMA.empty_table())
    (0, 0, None)
    """
    rows = [row for row in table.to_pylist() if row["is_explored"] is not None]
    seen = [row for row in rows if row["is_explored"]]
    total = sum(row["inverse_propensity"] for row in seen)
    bad = sum(row["inverse_propensity"] * row["p_bad"] for row in seen)
    return len(rows), len(seen), bad / total if total else None


def _newest(connection: Connection) -> datetime:
    """Return the journal's time: how old a release is must not depend on when one asks."""
    row = connection.execute("SELECT max(happened_at) FROM effects").fetchone()
    found: datetime | None = row[0] if row else None
    return found or datetime(1970, 1, 1, tzinfo=UTC)


def _rows(connection: Connection, query: str, until: datetime) -> list[dict[str, Any]]:
    cursor = connection.execute(query, [until])
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
