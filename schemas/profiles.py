"""Profiles: what the judge has learnt of services, laid over the rules that people wrote.

A profile makes the judge stricter or places its budget better; it never spends more than a rule allows. That
is no promise of who learns, but of `adjusted`, which every engine goes through.
"""

from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import ConfigDict, Field

from schemas.keys import EnvironmentName, ServiceName, SignalName
from schemas.policy import Alpha, Rule
from schemas.signals import Signal

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntSignal:
    """What was learnt of one signal; None where nothing was.

    Attributes:
        share: Its share of the budget relative to the other signals'; they keep the rule's sum.
        warm_up: Intervals of a fresh pod that do not count; fewer than the rule's count for none.
        expected_ratio: By how many times bad releases moved it, mostly; evidence is weighed for such a change
            before others. It moves when harm is found, never how often good releases are called harmful.
    """

    __pydantic_config__ = _STRICT

    share: Annotated[float, Field(ge=0.0)] | None = None
    warm_up: Annotated[int, Field(ge=0)] | None = None
    expected_ratio: Annotated[float, Field(gt=1.0)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """What was learnt of one service, or of all that nothing else was learnt of.

    Attributes:
        alpha: Its false-rollback budget; more than the rule's counts for none.
        signals: By name; one that the rule does not have is passed over.
    """

    __pydantic_config__ = _STRICT

    alpha: Alpha | None = None
    signals: dict[SignalName, LearntSignal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Adjustments by `environment/service`, in which `*` stands for any, as in a policy.

    Raises:
        ValueError: a key is not two names with a slash between them.
    """

    __pydantic_config__ = _STRICT

    adjustments: dict[str, Adjustment] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in self.adjustments:
            if key.count("/") != 1:
                raise ValueError(f"adjustment is named {key}, expected environment/service")

    def adjustment(self, environment: EnvironmentName, service: ServiceName) -> Adjustment | None:
        """Return what was learnt of a service, the most specific first; None for nothing."""
        for key in (f"{environment}/{service}", f"*/{service}", f"{environment}/*", "*/*"):
            if key in self.adjustments:
                return self.adjustments[key]
        return None


def adjusted(rule: Rule, learnt: Adjustment | None) -> Rule:
    """Return a rule with what was learnt laid over it; its budget is never larger than before.

    A signal without a share, which people only want to see, gets none; one that has a share may lose it only
    where another keeps one.
    """
    if learnt is None:
        return rule
    alpha = rule.judge.alpha if learnt.alpha is None else min(rule.judge.alpha, learnt.alpha)
    signals = tuple(_adjusted(signal, learnt.signals.get(signal.name)) for signal in rule.signals)
    before, after = sum(signal.share for signal in rule.signals), sum(signal.share for signal in signals)
    if after > 0:
        # Silence has a share beside the signals': theirs together stay as large as they were.
        signals = tuple(replace(signal, share=signal.share * before / after) for signal in signals)
    else:
        signals = tuple(
            replace(signal, share=given.share) for signal, given in zip(signals, rule.signals, strict=True)
        )
    return replace(rule, judge=replace(rule.judge, alpha=alpha), signals=signals)


def _adjusted(signal: Signal, learnt: LearntSignal | None) -> Signal:
    if learnt is None:
        return signal
    share = signal.share if learnt.share is None or signal.share == 0 else learnt.share
    warm_up = signal.warm_up if learnt.warm_up is None else max(signal.warm_up, learnt.warm_up)
    return replace(signal, share=share, warm_up=warm_up, expected_ratio=learnt.expected_ratio)
