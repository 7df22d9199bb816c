"""What became of each release under one contender's settings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from schemas.effects import Effect
from schemas.judgements import VerdictKind
from schemas.keys import ReleaseId
from schemas.observations import ReleaseClosed, ReleaseOpened, VerdictReached
from schemas.orders import Command, CommandKind, Decision, Held, Playbook
from schemas.releases import Release

_TAKES_BACK = (CommandKind.UNDO, CommandKind.ABORT)


@dataclass(slots=True, kw_only=True)
class Fate:
    """What became of one release.

    Attributes:
        release: As its service knew it last.
        verdict: The newest kind; None when none was reached.
        reason: The newest verdict's first reason.
        harmful_at: When it was first called harmful; None when it never was.
        first_bad_at: When the damage began, as far as that verdict says.
        called_at: When a rollback was first decided on; None when none was.
        ordered_at: When one was first ordered; None when none was.
        asked_at: When a human was first asked about one, or it was held; None when nobody was.
        closed_at: When its watch ended; None when it did not end within the log.
        cut_off_at: When it was really taken back, without this contender having called it harmful: what that
            one would have said later cannot be known.
        suspicion: Largest log evidence against it, which orders those that nobody blamed.
    """

    release: Release
    verdict: VerdictKind | None = None
    reason: str = ""
    harmful_at: datetime | None = None
    first_bad_at: datetime | None = None
    called_at: datetime | None = None
    ordered_at: datetime | None = None
    asked_at: datetime | None = None
    closed_at: datetime | None = None
    cut_off_at: datetime | None = None
    suspicion: float = 0.0


@dataclass(slots=True, kw_only=True)
class Fates:
    """What became of all releases of a log.

    Attributes:
        of_release: By id, in the order in which they were opened.
        blamed: By environment and day, releases by blame, the most to blame first: what was said when
            somebody was first blamed there.
    """

    of_release: dict[ReleaseId, Fate]
    blamed: dict[tuple[str, str], list[ReleaseId]]


def fates_of(
    said: Iterable[Effect], cut_off: Mapping[ReleaseId, datetime], asks: Mapping[str, Release] | None = None
) -> Fates:
    """Return what became of the releases, from what services and environments said.

    Args:
        said: What services said before what their environments said of it; each in its order.
        cut_off: Releases that were really taken back before they were called harmful.
        asks: Releases that are not to be looked at are left out; None for all.
    """
    fates = Fates(of_release={}, blamed={})
    known = fates.of_release
    for effect in said:
        match effect.said:
            case ReleaseOpened(release=release):
                if asks is None or release.id in asks:
                    known.setdefault(release.id, Fate(release=release))
            case VerdictReached() as reached if reached.release.id in known:
                _judged(known[reached.release.id], reached)
            case ReleaseClosed(release=name, at=at) if name in known:
                known[name].closed_at = at
            case Decision() as decision:
                _decided(fates, decision)
            case Held(release=name, at=at, command=command) if name in known:
                if command is None or command.kind in _TAKES_BACK:
                    known[name].asked_at = known[name].asked_at or at
            case Command(release=name, kind=kind, issued_at=at, is_rehearsal=False) if name in known:
                if kind in _TAKES_BACK:
                    known[name].ordered_at = known[name].ordered_at or at
            case _:
                pass
    for name, at in cut_off.items():
        if name in known:
            known[name].cut_off_at = at
    return fates


def _judged(fate: Fate, reached: VerdictReached) -> None:
    verdict, suspicion = reached.verdict, reached.suspicion
    fate.release, fate.verdict, fate.reason = reached.release, verdict.kind, verdict.reasons[0]
    fate.suspicion = max(suspicion.own_log_e, suspicion.silence_log_e)
    if verdict.kind is VerdictKind.HARMFUL:
        fate.harmful_at = fate.harmful_at or verdict.at
        fate.first_bad_at = fate.first_bad_at or verdict.first_bad_at


def _decided(fates: Fates, decision: Decision) -> None:
    if decision.suspects:
        place = (str(decision.environment), decision.at.date().isoformat())
        fates.blamed.setdefault(place, [suspect.release for suspect in decision.suspects])
    fate = fates.of_release.get(decision.release)
    if fate is not None and decision.playbook is Playbook.ROLLBACK:
        fate.called_at = fate.called_at or decision.at
