"""What the playbooks' benchmark hears and counts, without a cluster."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bench.playbooks import table, told
from bench.remedy_cases import troubles
from bench.remedy_heard import Account
from bench.remedy_trial import Mended
from schemas.judgements import Recovery, RecoveryKind
from schemas.keys import EnvironmentName, ReleaseId, ServiceName
from schemas.observations import OutcomeReported
from schemas.orders import Command, Outcome, OutcomeKind
from schemas.verbs import RemedyStep
from tests.actions.orders import a_command
from tests.builders import START

STEP = RemedyStep(playbook="undo-release@1", index=0, step="undo", failure="f")
ORDER: Command = replace(a_command(), remedy=STEP)


def an_outcome(kind: OutcomeKind) -> OutcomeReported:
    outcome = Outcome(
        id="o",
        command=ORDER.id,
        kind=kind,
        command_kind=ORDER.kind,
        release=ORDER.release,
        environment=ORDER.environment,
        service=ORDER.service,
        target=ORDER.target,
        started_at=START,
        at=START + timedelta(seconds=1),
        detail="as it was found",
    )
    return OutcomeReported(outcome=outcome)


def a_recovery(kind: RecoveryKind) -> Recovery:
    return Recovery(
        id="r",
        command=ORDER.id,
        release=ReleaseId("r1"),
        environment=EnvironmentName("prod"),
        service=ServiceName("cart"),
        kind=kind,
        at=START,
        text="",
    )


def mended(folder: Path, account: Account, well_s: float | None) -> Mended:
    trouble = next(one for one in troubles(folder) if one.playbook == "undo-release")
    return Mended(
        trouble=trouble,
        noticed_s=1.0,
        ordered_s=2.0,
        done_s=None,
        well_s=well_s,
        said_s=None,
        account=account,
        requests=10,
        bad_requests=1,
    )


def test_an_account_keeps_the_first_word_the_orders_and_the_last_thing_done() -> None:
    account = Account()
    account.hear(ORDER, 5.0)
    account.hear(ORDER, 6.0)
    account.hear(an_outcome(OutcomeKind.DONE), 7.0)
    account.hear(an_outcome(OutcomeKind.REFUSED), 8.0)
    account.hear(a_recovery(RecoveryKind.NOT_RECOVERED), 9.0)
    account.hear(a_recovery(RecoveryKind.RECOVERED), 10.0)
    assert (account.ordered, account.done, account.recovered) == (5.0, 7.0, 10.0)
    assert account.orders == [f"{ORDER.kind} by undo-release@1"] * 2
    assert account.failures == [f"{ORDER.kind} refused: as it was found"]


def test_only_the_playbook_that_is_for_a_trouble_counts_as_right(tmp_path: Path) -> None:
    own, others = Account(orders=["undo by undo-release@1"]), Account(orders=["undo by nobody"])
    assert mended(tmp_path, own, 9.0).is_right
    assert not mended(tmp_path, own, None).is_right
    assert not mended(tmp_path, others, 9.0).is_right
    assert not mended(tmp_path, Account(), 9.0).is_right
    assert told(mended(tmp_path, own, 9.0))["well_s"] == 9.0
    assert table([mended(tmp_path, others, 9.0)]).endswith("WRONG")
