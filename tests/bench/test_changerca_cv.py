"""Cross-validation by whole case: nobody judges the cases that chose it."""

from bench.changerca_cv import cross_validated
from bench.changerca_data import Change

CASES = [f"case-{number}" for number in range(10)]
CHANGES = [
    Change(f"{case}/{service}", case, case, service, ready=1000, next_step=2000)
    for case in CASES
    for service in ("ads", "cart")
]
BAD = {f"{case}/cart" for case in CASES}
NONE: dict[str, int | None] = {change.id: None for change in CHANGES}
PERFECT = NONE | dict.fromkeys(BAD, 1120)


def test_one_setting_that_is_right_everywhere_is_right_on_unseen_cases() -> None:
    found = cross_validated({"blind": NONE, "right": PERFECT}, CHANGES, BAD)
    assert (found.f1, found.false_share, found.median_min) == (1.0, 0.0, 2.0)
    assert found.settings == [2, 1, 1, 1, 1, 1]


def test_settings_that_each_fit_one_case_only_are_worth_little_on_others() -> None:
    # Each is right on all cases but the one of its name's fold, and is chosen there most.
    fitted = {
        f"fits all but fold {fold}": PERFECT
        | {change.id: None for change in CHANGES if change.case in CASES[fold::5]}
        for fold in range(5)
    }
    found = cross_validated(fitted, CHANGES, BAD)
    assert found.f1 == 0.0


def test_settings_that_do_equally_well_have_an_equal_say() -> None:
    eager = PERFECT | {"case-0/ads": 1060}
    late = PERFECT | dict.fromkeys(BAD, 1240)
    found = cross_validated({"right": PERFECT, "late": late}, CHANGES, BAD)
    assert found.settings[1:] == [2] * 5
    assert found.median_min in (2.0, 4.0)
    assert cross_validated({"eager": eager}, CHANGES, BAD).false_share == 0.1
