"""Cross-validation by whole case: what settings that were settled on some cases are worth on others.

The evidence of every look is recorded once and held against other thresholds: another budget, another share
for silence. Five folds of whole cases; the setting that does best on the other four judges the fifth, and
where several do equally well each has an equal say, so that what is shipped has no advantage. With `--cv`,
settings that change the evidence itself are searched as well, one run of the engine for each.

What cannot be cross-validated is said here: the form of the tests, the list of signals and how telemetry is
read were settled with all dev cases in sight.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import inf, log

from bench.changerca_data import Change
from detectors.blame import CLEAR_LEAD
from detectors.case import PRESENCE_SHARE
from detectors.defaults import pod_minute_rule
from schemas.codec import digest
from schemas.effects import Effect
from schemas.instants import from_ms
from schemas.judgements import PRESENCE, Evidence
from schemas.observations import ReleaseOpened, SettingsChanged
from schemas.policy import Autonomy, Policy, Rule
from streams.pod_minutes import Row

FOLDS = 5
ALPHAS = (0.01, 0.001, 0.003, 0.03, 0.1)
PRESENCE_SHARES = (PRESENCE_SHARE, 0.5, 1.0, 4.0)
FAILURE_MARGINS = (2.0, 1.0, 4.0)
SILENT_INTERVALS = (2, 3)
"""Of each list the first is what is shipped."""

_TICK = timedelta(seconds=5)

Outcome = Mapping[str, int | None]


@dataclass(slots=True)
class Looks:
    """What was said of each change at each look, up to its next step.

    Attributes:
        evidence: By change, in the order of time: what may convict, with the shipped threshold in it.
    """

    changes: list[Change]
    evidence: dict[str, list[Evidence]] = field(default_factory=lambda: defaultdict(list))

    def watching(self, effects: Iterable[Effect]) -> Iterator[Effect]:
        """Yield effects as they come, and remember their evidence."""
        by_service = {(change.environment, change.service): change for change in self.changes}
        opened: dict[str, Change] = {}
        weighty = {signal.name for signal in pod_minute_rule().signals if signal.share > 0} | {PRESENCE}
        for effect in effects:
            said = effect.said
            if isinstance(said, ReleaseOpened):
                opened[said.release.id] = by_service[said.release.environment, said.release.service]
            elif isinstance(said, Evidence) and said.release in opened:
                change = opened[said.release]
                # By the next tick, when it is acted on, the next step must not have come.
                is_timely = (said.at + _TICK).timestamp() <= change.next_step
                if is_timely and said.signal in weighty and not said.is_shared:
                    self.evidence[change.id].append(said)
            yield effect

    def outcome(self, alpha: float, presence_share: float) -> dict[str, int | None]:
        """Return when each change would have been rolled back under another budget.

        In each case the first change that is convicted is rolled back; of several at once the first by
        evidence, when it leads clearly.
        """
        rule = pod_minute_rule()
        others = sum(signal.share for signal in rule.signals)
        whole = log(rule.judge.alpha / alpha)
        spread = log((others + presence_share) / (others + PRESENCE_SHARE))
        silent = spread + log(PRESENCE_SHARE / presence_share)
        found: dict[str, int | None] = dict.fromkeys(change.id for change in self.changes)
        convicted: dict[str, dict[float, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
        for change in self.changes:
            for evidence in self.evidence[change.id]:
                more = whole + (silent if evidence.signal == PRESENCE else spread)
                if evidence.log_e >= evidence.threshold_log_e + more:
                    scores = convicted[change.environment][evidence.at.timestamp()]
                    scores[change.id] = max(scores.get(change.id, -inf), evidence.log_e)
        for times in convicted.values():
            for at in sorted(times):
                ranked = sorted(times[at].items(), key=lambda pair: (-pair[1], pair[0]))
                second = ranked[1][1] if len(ranked) > 1 else 0.0
                if ranked[0][1] - second >= CLEAR_LEAD:
                    found[ranked[0][0]] = int(at + _TICK.total_seconds())
                    break
        return found


@dataclass(frozen=True, slots=True)
class Validated:
    """Figures on cases that had no say in the settings that judged them.

    Attributes:
        f1: Of rollbacks over all changes.
        false_share: Good changes rolled back, of all good ones.
        median_min: From canary ready to rollback; None without any.
        settings: How many settings were searched, and how many of them did equally best in each fold.
    """

    f1: float
    false_share: float
    median_min: float | None
    settings: list[int]


def candidates(looks: Looks, name: str = "") -> dict[str, dict[str, int | None]]:
    """Return the outcome under every threshold of the grid, by name."""
    return {
        f"{name}alpha {alpha:g}, presence {share:g}": looks.outcome(alpha, share)
        for alpha in ALPHAS
        for share in PRESENCE_SHARES
    }


def cross_validated(outcomes: Mapping[str, Outcome], changes: list[Change], bad: set[str]) -> Validated:
    """Return the figures of settings that were chosen on other cases.

    Args:
        outcomes: When each change was rolled back, by setting.
        changes: All changes.
        bad: Ids of the defective ones.
    """
    cases = sorted({change.case for change in changes})
    hits = false = 0.0
    delays: list[tuple[float, float]] = []
    settings = [len(outcomes)]
    for fold in range(min(FOLDS, len(cases))):
        held = [change for change in changes if change.case in cases[fold::FOLDS]]
        known = [change for change in changes if change.case not in cases[fold::FOLDS]]
        merits = {name: _merit(outcome, known, bad) for name, outcome in outcomes.items()}
        best = [name for name, merit in merits.items() if merit == max(merits.values())]
        settings.append(len(best))
        for name in best:
            false += _false(outcomes[name], held, bad) / len(best)
            found = _delays(outcomes[name], held, bad)
            hits += len(found) / len(best)
            delays += [(delay, 1.0 / len(best)) for delay in found]
    wrong = false + sum(change.id in bad for change in changes) - hits
    return Validated(
        f1=round(2 * hits / (2 * hits + wrong), 6) if hits else 0.0,
        false_share=false / max(sum(change.id not in bad for change in changes), 1),
        median_min=_weighted_median(delays),
        settings=settings,
    )


def _weighted_median(weighed: list[tuple[float, float]]) -> float | None:
    total, passed = sum(weight for _, weight in weighed), 0.0
    for value, weight in sorted(weighed):
        passed += weight
        if passed >= total / 2:
            return value
    return None


def engine_settings(rows: list[Row]) -> Iterator[tuple[str, SettingsChanged]]:
    """Yield the settings that change the evidence itself, by name."""
    for margin in FAILURE_MARGINS:
        for silent in SILENT_INTERVALS:
            rule = _with(pod_minute_rule(Autonomy.ALONE), margin, silent)
            policy = Policy(rules={"*/*": rule})
            at = from_ms(rows[0]["ts"] * 1000)
            name = f"margin {margin:g} %, silent {silent}, "
            yield name, SettingsChanged(policy=policy, digest=digest(policy), at=at)


def _with(rule: Rule, margin: float, silent: int) -> Rule:
    signals = tuple(
        replace(signal, margin_floor=margin) if signal.name == "failures" else signal
        for signal in rule.signals
    )
    return replace(rule, signals=signals, judge=replace(rule.judge, silent_intervals=silent))


def _merit(outcome: Outcome, changes: list[Change], bad: set[str]) -> tuple[float, int]:
    return _f1(outcome, changes, bad), -_false(outcome, changes, bad)


def _f1(outcome: Outcome, changes: list[Change], bad: set[str]) -> float:
    hits = sum(outcome[change.id] is not None and change.id in bad for change in changes)
    wrong = _false(outcome, changes, bad) + sum(change.id in bad for change in changes) - hits
    return 2 * hits / (2 * hits + wrong) if hits else 0.0


def _false(outcome: Outcome, changes: list[Change], bad: set[str]) -> int:
    return sum(outcome[change.id] is not None and change.id not in bad for change in changes)


def _delays(outcome: Outcome, changes: list[Change], bad: set[str]) -> list[float]:
    times = ((change, outcome[change.id]) for change in changes if change.id in bad)
    return [(at - change.ready) / 60 for change, at in times if at is not None]
