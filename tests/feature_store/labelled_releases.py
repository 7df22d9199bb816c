"""Releases of which the truth is known, and what sources of known quality say of them."""

from dataclasses import dataclass

import numpy as np

from feature_store.label_model import AlarmPrior, AnswerPrior, BasePrior, Booleans, Priors, Reports

PRIORS = Priors(
    bases=(BasePrior(name="harmful", share=0.85), BasePrior(name="healthy", share=0.05)),
    answers=(
        AnswerPrior(name="human", trust=0.9),
        AnswerPrior(name="approval", trust=0.8),
        AnswerPrior(name="outcome", trust=0.75),
    ),
    alarms=(
        AlarmPrior(name="revert", trust=0.85, reach=0.3, delay_h=24, horizon_h=336),
        AlarmPrior(name="alert", trust=0.6, reach=0.4, delay_h=2, horizon_h=24),
    ),
)

BAD_SHARE = (0.8, 0.1)
ASKED = (0.3, 0.6, 0.6)
SENSITIVITY = (0.95, 0.7, 0.85)
SPECIFICITY = (0.9, 0.8, 0.7)
REACH, FALSE_REACH, DELAY_H = (0.5, 0.6), (0.03, 0.2), (30.0, 3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What was, and what was said of it."""

    is_bad: Booleans
    reports: Reports


def a_world(count: int = 4_000, seed: int = 7, oldest_h: float = 300.0) -> World:
    """Return so many releases of twenty services, of any age up to the oldest."""
    random = np.random.default_rng(seed)
    base = random.integers(0, 2, count)
    is_bad = random.random(count) < np.array(BAD_SHARE)[base]
    releases, sources, says_bad = [], [], []
    for source in range(len(ASKED)):
        asked = np.flatnonzero(random.random(count) < ASKED[source])
        hits = random.random(len(asked)) < SENSITIVITY[source]
        slips = random.random(len(asked)) > SPECIFICITY[source]
        releases.append(asked)
        sources.append(np.full(len(asked), source))
        says_bad.append(np.where(is_bad[asked], hits, slips))
    age = random.random(count) * oldest_h
    delays, exposures = np.full((count, 2), np.nan), np.zeros((count, 2))
    for place, prior in enumerate(PRIORS.alarms):
        of_bad = np.where(
            random.random(count) < REACH[place], random.exponential(DELAY_H[place], count), np.inf
        )
        anytime = random.random(count) * prior.horizon_h
        of_good = np.where(random.random(count) < FALSE_REACH[place], anytime, np.inf)
        comes = np.where(is_bad, of_bad, of_good)
        exposures[:, place] = np.minimum(age, prior.horizon_h)
        is_here = comes <= exposures[:, place]
        delays[is_here, place] = comes[is_here]
    return World(
        is_bad=is_bad,
        reports=Reports(
            base=base,
            service=random.integers(0, 20, count),
            answer_release=np.concatenate(releases),
            answer_source=np.concatenate(sources),
            answer_bad=np.concatenate(says_bad),
            alarm_delay_h=delays,
            alarm_exposure_h=exposures,
        ),
    )
