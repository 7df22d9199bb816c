"""Every verb on a Rollout of Argo, as rows of the same table; the Rollouts have no pods."""

from __future__ import annotations

from collections.abc import Callable

from actions.kubernetes_resources import ROLLOUTS
from actions.rollout_status import Rollout
from actions.rollouts import read_rollout
from schemas.keys import NO_TEMPLATE, TemplateHash
from schemas.orders import Command, CommandKind
from schemas.releases import TargetKind
from schemas.verbs import StepPromotion
from tests.integration.verb_rows import LABELS, Json, Row, Stand, template

STEPS = [{"setWeight": 50}, {"pause": {}}, {"setWeight": 75}, {"pause": {}}]
PAUSED_AT = 1
MANIFEST: Json = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Rollout",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": LABELS},
        "strategy": {"canary": {"steps": STEPS, "maxSurge": 1, "maxUnavailable": 0}},
        "template": template(),
    },
}


def look(stand: Stand) -> Rollout:
    """Return the Rollout once its controller has seen its newest change."""
    asked = stand.order(CommandKind.PAUSE, TargetKind.ROLLOUT)
    return stand.again(lambda: read_rollout(stand.api, asked))


def healthy(stand: Stand) -> Rollout:
    """Return the Rollout once its newest template is all there is; whatever was under way is promoted."""
    stand.patch(ROLLOUTS, {"spec": {"paused": False}})
    found = look(stand)
    if found.is_aborted:
        stand.patch(ROLLOUTS, {"status": {"abort": False}}, subresource="status")
        stand.until(lambda: not look(stand).is_abort_seen)
    if look(stand).is_under_way:
        stand.patch(ROLLOUTS, {"status": {"promoteFull": True}}, subresource="status")
    stand.until(lambda: look(stand).stable and not look(stand).lacking_of_promotion())
    return look(stand)


def under_way(stand: Stand) -> Rollout:
    """Return the Rollout once an update waits at the first pause."""
    found = healthy(stand)
    env = found.body["spec"]["template"]["spec"]["containers"][0]["env"]
    version = next(one["value"] for one in env if one["name"] == "VERSION")
    stand.patch(ROLLOUTS, {"spec": {"template": template("2" if version == "1" else "1")}})
    return stand.until(lambda: _waiting(look(stand), found.stable))


def _waiting(rollout: Rollout, stable: TemplateHash) -> Rollout | None:
    is_there = rollout.is_under_way and rollout.stable == stable and rollout.step == PAUSED_AT
    return rollout if is_there and rollout.status.get("pauseConditions") else None


def aborted(stand: Stand) -> Rollout:
    """Return the Rollout once an update is aborted."""
    under_way(stand)
    stand.patch(ROLLOUTS, {"status": {"abort": True}}, subresource="status")
    stand.until(lambda: look(stand).is_aborted and not look(stand).lacking_of_abort())
    return look(stand)


def row(
    name: str,
    command: CommandKind,
    before: Callable[[Stand], Command],
    is_reached: Callable[[Rollout, Command], bool],
    *,
    writes: int = 1,
    nth: int = 1,
) -> Row:
    """Return a row about a Rollout."""
    return Row(
        name=f"rollout: {name}",
        command=command,
        manifests=(MANIFEST,),
        before=before,
        is_reached=lambda stand, command: is_reached(look(stand), command),
        contested=ROLLOUTS,
        writes=writes,
        nth=nth,
    )


def _order(
    stand: Stand, kind: CommandKind, rollout: Rollout, template: TemplateHash = NO_TEMPLATE
) -> Command:
    return stand.order(kind, TargetKind.ROLLOUT, template=template, expected_template=rollout.newest)


def _abort(stand: Stand) -> Command:
    return _order(stand, CommandKind.ABORT, under_way(stand))


def _retry(stand: Stand) -> Command:
    return _order(stand, CommandKind.RETRY, aborted(stand))


def _step(stand: Stand) -> Command:
    newest = under_way(stand).newest
    step = StepPromotion(step=PAUSED_AT)
    return stand.order(CommandKind.PROMOTE_STEP, TargetKind.ROLLOUT, template=newest, step=step)


def _full(stand: Stand) -> Command:
    rollout = under_way(stand)
    return _order(stand, CommandKind.PROMOTE, rollout, rollout.newest)


def _pause(stand: Stand) -> Command:
    return _order(stand, CommandKind.PAUSE, under_way(stand))


def _resume(stand: Stand) -> Command:
    under_way(stand)
    stand.patch(ROLLOUTS, {"spec": {"paused": True}})
    return _order(stand, CommandKind.RESUME, look(stand))


def _undo_under_way(stand: Stand) -> Command:
    rollout = under_way(stand)
    return _order(stand, CommandKind.UNDO, rollout, rollout.stable)


def _undo_promoted(stand: Stand) -> Command:
    earlier = healthy(stand).stable
    under_way(stand)
    return _order(stand, CommandKind.UNDO, healthy(stand), earlier)


def _is_alone(rollout: Rollout, command: Command) -> bool:
    return rollout.stable == command.template and not rollout.lacking_of_promotion()


def _is_aborted(rollout: Rollout, command: Command) -> bool:
    serves = command.template in (NO_TEMPLATE, rollout.stable)
    return serves and rollout.is_aborted and rollout.is_under_way and not rollout.lacking_of_abort()


ROLLOUT_ROWS: tuple[Row, ...] = (
    row("abort", CommandKind.ABORT, _abort, _is_aborted),
    row(
        "retry", CommandKind.RETRY, _retry, lambda rollout, _: not rollout.is_aborted and rollout.is_under_way
    ),
    row(
        "promote step",
        CommandKind.PROMOTE_STEP,
        _step,
        lambda rollout, _: rollout.is_past(PAUSED_AT) and rollout.is_under_way,
    ),
    row("promote full", CommandKind.PROMOTE, _full, _is_alone),
    row("pause", CommandKind.PAUSE, _pause, lambda rollout, _: rollout.is_paused),
    row(
        "resume",
        CommandKind.RESUME,
        _resume,
        lambda rollout, _: not rollout.is_paused and rollout.is_under_way,
    ),
    row("undo under way", CommandKind.UNDO, _undo_under_way, _is_aborted),
    row("undo promoted, at the template", CommandKind.UNDO, _undo_promoted, _is_alone, writes=2),
    row("undo promoted, at the promotion", CommandKind.UNDO, _undo_promoted, _is_alone, writes=2, nth=2),
)
