"""The judge without one of its ideas at a time: a rule that is changed, or a part that is put out of place.

Nobody needs such a switch in the product, so it has none: the parts are exchanged from outside while a
benchmark runs, in this process only.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from types import ModuleType
from typing import Any

import numpy as np

from detectors import count_ratios, counts, evidence, lasting_shifts, levels, quiet_ratios, watch, weighing
from detectors.blame import Ranking, rank
from schemas.policy import Rule
from streams import environment_engine

_NEVER = 1e-300
"""A prior weight of next to nothing: what has it is not thought of."""


def _as_it_is(rule: Rule) -> Rule:
    return rule


@dataclass(frozen=True, slots=True)
class Switch:
    """One idea that can be left out.

    Attributes:
        idea: What is left out, in words.
        parts: (module, name, what stands there meanwhile).
        rule: What becomes of a rule.
        is_in_pairs: Generated pairs have what it is about; where not, they cannot tell.
    """

    idea: str
    parts: tuple[tuple[ModuleType, str, Any], ...] = ()
    rule: Callable[[Rule], Rule] = _as_it_is
    is_in_pairs: bool = True


@contextmanager
def exchanged(parts: tuple[tuple[ModuleType, str, Any], ...]) -> Iterator[None]:
    """Put other parts into modules while the context lasts: (module, name, what stands there meanwhile)."""
    kept = [(module, name, getattr(module, name)) for module, name, _ in parts]
    try:
        for module, name, part in parts:
            setattr(module, name, part)
        yield
    finally:
        for module, name, part in kept:
            setattr(module, name, part)


@contextmanager
def without(switch: Switch) -> Iterator[None]:
    """Leave one idea out while the context lasts."""
    # What was learnt from the quiet time is remembered, and was learnt with the idea, or without it.
    quiet_ratios._remembered.cache_clear()
    try:
        with exchanged(switch.parts):
            yield
    finally:
        quiet_ratios._remembered.cache_clear()


def _signals(rule: Rule, **changed: Any) -> Rule:
    return replace(rule, signals=tuple(replace(signal, **changed) for signal in rule.signals))


def _everybody_for_himself(rule: Rule) -> Rule:
    return replace(rule, gate=replace(rule.gate, blast_radius=None, blame_wait=timedelta(0)))


def _alike(levels_: Any, scale: float) -> levels.Noise:
    """Return the quiet time's noise with pods that do not differ for long."""
    return replace(_quiet_noise(levels_, scale), pod_spread=1e-4 * scale, pod_freedom=levels.MOST_FREEDOM)


def _uncapped(full: float, _: float) -> float:
    return full


def _whole_shift(
    apart: Any, weight: Any, margin: float, noise: levels.Noise, expected: float | None = None
) -> tuple[float, int]:
    """Return what `levels.shift_log_e` says, with the interval that says most in it."""
    told = np.flatnonzero(np.isfinite(apart))
    if not len(told):
        return 0.0, -1
    whitened = levels._whitened(apart, weight, told, noise.lag)
    log_e = levels._log_e(*whitened, margin, noise, float(np.mean(weight[told])), expected)
    return log_e, int(told[np.argmax(apart[told])])


def _by_himself(_: Any, candidate: environment_engine.Candidate, __: Ranking) -> Ranking:
    """Return a ranking of one release, whatever its neighbours say."""
    return replace(rank([candidate.suspicion]), is_clear=True)


_quiet_noise = levels.quiet_noise
_known_pairs = weighing._known_pairs
_only_first = np.array([1.0] + [_NEVER] * (len(quiet_ratios.WOBBLE_PRIOR) - 1))
_SAME = ((1e-3, 1.0),)

SWITCHES: dict[str, Switch] = {
    "memory": Switch(
        "minutes are taken for independent",
        (
            (levels, "_lag", lambda _: 0.0),
            (
                lasting_shifts,
                "_PRIOR",
                np.where(lasting_shifts._MEMORIES == 0.0, lasting_shifts._PRIOR, np.log(_NEVER)),
            ),
            (quiet_ratios, "LASTING_PRIOR", np.array([1.0, _NEVER, _NEVER, _NEVER])),
        ),
    ),
    "dispersion": Switch("errors are taken for Poisson", ((quiet_ratios, "WOBBLE_PRIOR", _only_first),)),
    "margin": Switch(
        "any change is damage, however small",
        rule=lambda rule: _signals(rule, margin_ratio=0.0, margin_floor=0.0),
    ),
    "pod spread": Switch(
        "pods that nobody knows are taken to be alike",
        (
            (weighing, "quiet_noise", _alike),
            (quiet_ratios, "FRESH_OFFSETS", _SAME),
            (quiet_ratios, "OWN_OFFSETS", _SAME),
        ),
    ),
    "own past": Switch(
        "what a pod was like under the old version is not used",
        (
            (weighing, "lasting_shift_log_e", lambda *_: None),
            (weighing, "_known_pairs", lambda *given: (None, *_known_pairs(*given)[1:])),
        ),
    ),
    "blips": Switch(
        "one interval may convict",
        (
            (lasting_shifts, "capped", _uncapped),
            (count_ratios, "capped", _uncapped),
            (counts, "capped", _uncapped),
            (weighing, "shift_log_e", _whole_shift),
        ),
    ),
    "presence": Switch(
        "silence is no evidence", ((evidence, "of_presence", lambda _: []),), is_in_pairs=False
    ),
    "echoes": Switch(
        "pods heard under a deleted pod's name are not told apart",
        ((watch, "sources", lambda *_: ()),),
        is_in_pairs=False,
    ),
    "callers": Switch(
        "what callers say is not heard", ((evidence, "_of_callers", lambda _: []),), is_in_pairs=False
    ),
    "warm-up": Switch(
        "fresh pods count at once", rule=lambda rule: _signals(rule, warm_up=0), is_in_pairs=False
    ),
    "blame": Switch(
        "every release is judged by itself",
        ((environment_engine, "_doubting", _by_himself),),
        _everybody_for_himself,
        is_in_pairs=False,
    ),
}
"""By name, in the order in which they are reported."""
