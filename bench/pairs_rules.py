"""The rules under which pairs are judged: the shipped one, or Kayenta's for comparison."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from detectors.defaults import pair_rule
from schemas.kayenta import KayentaSettings
from schemas.policy import JudgeMethod, Rule

JUDGES = ("shipped", "kayenta", "kayenta-any", "kayenta-each")
"""What may judge: Suture as shipped; Kayenta's rule, once, when the watch ends; the same where any one failed
signal fails the release; the same again with an analysis every five minutes."""

_EVERY = timedelta(minutes=5)


def rule_for(judge: str, kinds: Mapping[str, bool], live_minutes: int) -> Rule:
    """Return the rule under which one of `JUDGES` judges.

    Signals and margins of the baselines are those of the shipped rule; a score that does not reach
    `pass_score` fails, as it does at the end of Spinnaker's canary stage.

    Args:
        judge: One of `JUDGES`.
        kinds: Each signal's name, and whether it is a count.
        live_minutes: How long a release is watched.
    """
    shipped = pair_rule(kinds)
    if judge == JUDGES[0]:
        return shipped
    kayenta = KayentaSettings(
        marginal_score=KayentaSettings().pass_score,
        critical=() if judge == "kayenta" else tuple(kinds),
        analysis_interval=_EVERY if judge == "kayenta-each" else timedelta(0),
    )
    watch = timedelta(minutes=live_minutes)
    return replace(
        shipped, judge=replace(shipped.judge, method=JudgeMethod.KAYENTA, watch=watch, kayenta=kayenta)
    )
