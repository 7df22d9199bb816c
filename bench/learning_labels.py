"""Labels of simulated releases: who speaks, how late and how wrongly, and what the model makes of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.learning_world import Known
from feature_store.label_model import Floats, Reports, fit
from feature_store.label_posteriors import default_priors

HUMAN, AFTERCARE = 0, 3
"""Places in `label_posteriors.ANSWERS`."""

_ASKED = {HUMAN: (0.3, 24.0, 0.92), AFTERCARE: (0.6, 6.0, 0.75)}
"""By source: of how many releases it speaks, after how many hours on average, and how often it is right."""

_REACH, _FALSE_REACH = (0.5, 0.3, 0.3), (0.02, 0.03, 0.1)
_LATE_H = (24.0, 6.0, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """All that is ever said of one release.

    Attributes:
        answers: (source, whether it says bad, after how many hours).
        alarms_h: Hours until each source of alarms speaks, infinity for never.
    """

    answers: tuple[tuple[int, bool, float], ...]
    alarms_h: tuple[float, ...]


def words_of(known: Sequence[Known], wrong: float, flipping: str, random: np.random.Generator) -> list[Words]:
    """Draw what is said of releases.

    Args:
        known: Releases in their order.
        wrong: Of this share of releases every word says the opposite, above what sources err anyway.
        flipping: Key of a service of which every word says the opposite; "" for none.
        random: Draws.
    """
    horizons = [one.horizon_h for one in default_priors().alarms]
    found = []
    for one in known:
        is_told = one.is_bad
        if random.random() < wrong or one.lesson.key == flipping:
            is_told = not is_told
        answers = tuple(
            (source, bool(is_told == (random.random() < right)), float(random.exponential(mean_h)))
            for source, (share, mean_h, right) in _ASKED.items()
            if random.random() < share
        )
        alarms = []
        for reach, false_reach, late_h, horizon_h in zip(
            _REACH, _FALSE_REACH, _LATE_H, horizons, strict=True
        ):
            comes = random.random() < (reach if is_told else false_reach)
            at_h = float(random.exponential(late_h)) if is_told else float(random.random() * horizon_h)
            alarms.append(at_h if comes and at_h < horizon_h else np.inf)
        found.append(Words(answers=answers, alarms_h=tuple(alarms)))
    return found


def posteriors(
    known: Sequence[Known], words: Sequence[Words], ages_h: Floats
) -> tuple[Floats, Floats, list[bool]]:
    """Return how likely each release was bad, how much of it is known, and whether anybody spoke of it.

    Args:
        known: Releases that began already.
        words: What is ever said of each.
        ages_h: Hours since each began: what comes later is not known yet.
    """
    priors = default_priors()
    horizons = np.array([one.horizon_h for one in priors.alarms])
    names = sorted({one.lesson.key for one in known})
    answers = [
        (place, source, is_bad)
        for place, said in enumerate(words)
        for source, is_bad, at_h in said.answers
        if at_h <= ages_h[place]
    ]
    at_h = np.array([said.alarms_h for said in words])
    exposure = np.minimum(ages_h[:, None], horizons[None, :])
    reports = Reports(
        # Verdicts as the rules gave them: harmful or healthy.
        base=np.array([0 if np.isfinite(one.minute) else 1 for one in known], dtype=np.int64),
        service=np.array([names.index(one.lesson.key) for one in known], dtype=np.int64),
        answer_release=np.array([place for place, _, _ in answers], dtype=np.int64),
        answer_source=np.array([source for _, source, _ in answers], dtype=np.int64),
        answer_bad=np.array([is_bad for _, _, is_bad in answers], dtype=np.bool_),
        alarm_delay_h=np.where(at_h <= exposure, at_h, np.nan),
        alarm_exposure_h=exposure,
    )
    found = fit(reports, priors)
    # As `label_posteriors` weighs: what could have been said by now, or was.
    weight = 1.0 - (1.0 - found.matured) * np.exp(-found.spoken)
    return found.p_bad, weight, [bool(count) for count in found.voices]
