"""Lessons from the journal: nothing that was said, or became known, after an instant has a say."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

import numpy as np

from feature_store.label_posteriors import label_posteriors
from feature_store.lessons import CALLERS, Lesson, Track
from feature_store.views import Connection

MOST_RELEASES = 5_000
"""The newest so many are learnt from; bounds what one training takes."""

_EVIDENCE = """
WITH chosen AS (
    SELECT release, max(happened_at) AS newest
    FROM effects
    WHERE kind = 'evidence' AND happened_at <= $1
    GROUP BY release
    HAVING min(happened_at) >= $2
    ORDER BY newest DESC, release
    LIMIT $3
)
SELECT e.release,
       CASE WHEN e.detector = 'callers' THEN 'callers' ELSE e.signal END AS track,
       epoch(e.happened_at) AS at_s, e.edge, e.log_e, e.threshold_log_e,
       coalesce(CAST(e.body->>'$.is_shared' AS BOOLEAN), false) AS is_shared,
       CAST(e.body->>'$.canary.level' AS DOUBLE) AS canary,
       CAST(e.body->>'$.canary.exposure' AS DOUBLE) AS canary_exposure,
       CAST(e.body->>'$.control.level' AS DOUBLE) AS control,
       CAST(e.body->>'$.control.exposure' AS DOUBLE) AS control_exposure,
       CAST(e.body->>'$.margin' AS DOUBLE) AS margin
FROM effects e JOIN chosen USING (release)
WHERE e.kind = 'evidence' AND e.happened_at <= $1
ORDER BY e.release, track, at_s, e.edge, e.id
"""

_MODELS = """
SELECT release, split_part(max_by(settings, ordinal), '+', 2)
FROM effects
WHERE kind = 'verdict' AND happened_at <= $1 AND contains(settings, '+')
GROUP BY release
"""


def read_lessons(
    connection: Connection, as_of: datetime, since: datetime, most: int = MOST_RELEASES
) -> list[Lesson]:
    """Return the releases that there is evidence of, the oldest first.

    Args:
        connection: From `feature_store.views.connect`.
        as_of: Nothing that was said later is read.
        since: Releases whose first evidence is older are left out.
        most: The newest so many.
    """
    models = dict(connection.execute(_MODELS, [as_of]).fetchall())
    rows = connection.execute(_EVIDENCE, [as_of, since, most]).fetchall()
    known = {row["release"]: row for row in label_posteriors(connection, as_of).to_pylist()}
    lessons = []
    for release, of_release in groupby(rows, key=lambda row: row[0]):
        about = known.get(release)
        if about is None:
            continue
        tracks = dict(tracks_of(of_release, about["started_at"].timestamp()))
        if not tracks or any(float(track.minutes[0]) < 0 for track in tracks.values()):
            # Its beginning is no longer in the journal: how long anything took is not known.
            continue
        lessons.append(
            Lesson(
                release=release,
                environment=about["environment"],
                service=about["service"],
                started_at=about["started_at"],
                p_bad=float(about["p_bad"]),
                weight=float(about["weight"]),
                has_label=about["labels"] > 0,
                watched_min=max(float(track.minutes[-1]) for track in tracks.values()),
                tracks=tracks,
                model=models.get(release, ""),
            )
        )
    return sorted(lessons, key=lambda lesson: (lesson.started_at, lesson.release))


def tracks_of(rows: Iterable[tuple[Any, ...]], start_s: float) -> Iterator[tuple[str, Track]]:
    """Yield what each signal of one release said.

    Args:
        rows: Of the query of evidence: release, track, seconds, edge, log e-value, threshold, whether it is
            shared, then canary and control with their exposures, and the margin; ordered by track, seconds
            and edge.
        start_s: When the release began, in the same seconds.
    """
    for name, of_track in groupby(rows, key=lambda row: str(row[1])):
        looks = [_look(list(of_look), start_s) for _, of_look in groupby(of_track, key=lambda row: row[2])]
        columns = np.array([look for look in looks if look is not None], dtype=np.float64)
        if len(columns):
            minutes, lead, log_budget, *levels = columns.T
            canary, canary_exposure, control, control_exposure, margin = levels
            yield (
                name,
                Track(
                    minutes=minutes,
                    lead=lead,
                    log_budget=log_budget,
                    canary=canary,
                    canary_exposure=canary_exposure,
                    control=control,
                    control_exposure=control_exposure,
                    margin=margin,
                ),
            )


def _look(rows: list[tuple[Any, ...]], start_s: float) -> tuple[float, ...] | None:
    """Return one look at one signal over its edges; None where the damage is not the release's."""
    own = [row for row in rows if not row[6]]
    if not own:
        return None
    above = np.array([row[4] - row[5] for row in own])
    # Levels of the edge of all requests, where there is one; of a caller's otherwise.
    best = next((row for row in own if not row[3]), own[int(np.argmax(above))])
    if str(best[1]) == CALLERS:
        best = own[int(np.argmax(above))]
    thresholds = -np.array([row[5] for row in rows])
    top = float(thresholds.max())
    budget = top + float(np.log(np.exp(thresholds - top).sum()))
    levels = [np.nan if value is None else float(value) for value in best[7:12]]
    return (best[2] - start_s) / 60.0, float(above.max()), budget, *levels
