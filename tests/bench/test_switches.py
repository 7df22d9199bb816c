"""Leaving one idea of the judge out, and putting it back."""

import pytest

from bench.switches import SWITCHES, without
from detectors.defaults import pair_rule, pod_minute_rule


@pytest.mark.parametrize("name", sorted(SWITCHES))
def test_what_was_left_out_is_put_back(name: str) -> None:
    switch = SWITCHES[name]
    before = [getattr(module, part) for module, part, _ in switch.parts]

    with without(switch):
        assert all(getattr(module, part) is other for module, part, other in switch.parts)

    assert all(
        getattr(module, part) is kept for (module, part, _), kept in zip(switch.parts, before, strict=True)
    )


@pytest.mark.parametrize("name", sorted(SWITCHES))
def test_every_idea_is_there_to_be_left_out(name: str) -> None:
    switch = SWITCHES[name]
    rule = pod_minute_rule()

    assert switch.parts or switch.rule(rule) != rule


def test_what_is_put_back_after_an_error_is_everything() -> None:
    switch = SWITCHES["blips"]
    module, part, _ = switch.parts[0]
    before = getattr(module, part)

    with pytest.raises(RuntimeError), without(switch):
        raise RuntimeError

    assert getattr(module, part) is before


def test_without_a_margin_every_signal_has_none() -> None:
    rule = SWITCHES["margin"].rule(pair_rule({"errors": True}))

    assert [(signal.margin_ratio, signal.margin_floor) for signal in rule.signals] == [(0.0, 0.0)]
