"""The rules under which ChangeRCA's changes are judged: the shipped one, or Kayenta's for comparison."""

from dataclasses import replace
from datetime import timedelta

from bench.changerca_data import Change
from detectors.defaults import pod_minute_rule
from schemas.codec import digest
from schemas.instants import from_ms
from schemas.kayenta import KayentaSettings
from schemas.observations import SettingsChanged
from schemas.policy import Autonomy, JudgeMethod, Policy
from streams.pod_minutes import Row

_TO_ACT = 2
"""Minutes before the next step at which a change's one analysis begins, so that its order comes in time."""


JUDGES = ("shipped", "kayenta", "kayenta-nodata")
"""What may judge: Suture as shipped; Kayenta's rule; the same with metrics without data counted as failed."""


def settings_for(judge: str, rows: list[Row], changes: list[Change]) -> SettingsChanged | None:
    """Return the settings under which one of `JUDGES` judges; None for what is shipped.

    Kayenta's rule judges every change once, before its rollout's next step: that is what a pipeline with
    Kayenta would be given, a canary's lifetime being the length of its step. A score that does not reach
    `pass_score` fails, as it does at the end of Spinnaker's canary stage. Signals, margins and gate are those
    of the shipped rule for pod-minutes.
    """
    if judge == "shipped":
        return None
    shipped = pod_minute_rule(Autonomy.ALONE)
    told = tuple(signal.name for signal in shipped.signals if signal.share > 0)
    kayenta = KayentaSettings(
        marginal_score=KayentaSettings().pass_score,
        must_have_data=told if judge == "kayenta-nodata" else (),
    )
    rules = {"*/*": shipped}
    for change in changes:
        minutes = max((change.next_step - change.ready) // 60 - _TO_ACT, 1)
        settings = replace(
            shipped.judge, method=JudgeMethod.KAYENTA, watch=timedelta(minutes=minutes), kayenta=kayenta
        )
        rules[f"{change.environment}/{change.service}"] = replace(shipped, judge=settings)
    policy = Policy(rules=rules)
    return SettingsChanged(policy=policy, digest=digest(policy), at=from_ms(rows[0]["ts"] * 1000))
