"""Judging a log again leaves the process as it was."""

import gc

from streams.backtest_contenders import CHAMPION
from streams.backtest_judging import judge_log
from streams.backtest_pod_minutes import PodMinutes

_ROW = {
    "ts": 1_700_000_000,
    "environment": "one",
    "case": "one",
    "kind": "metric",
    "edge": "shop_cart",
    "service": "cart",
    "pod": "cart-v1-a",
    "version": "v1",
    "values": {"success": 100.0, "latency": 12.5},
}


def test_the_garbage_collector_is_rare_while_a_log_is_judged_and_as_before_after_it() -> None:
    before, during = gc.get_threshold(), []
    judge_log(PodMinutes([_ROW]), (CHAMPION,), 1, lambda _: during.append(gc.get_threshold()))
    assert during[0][0] > before[0]
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
