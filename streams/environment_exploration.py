"""Rollbacks that an environment puts off to learn of them, and how each wait ends. Pure."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import AwareDatetime

from actions.exploration import has_faded
from schemas.judgements import Suspicion
from schemas.labels import Label, LabelKind, LabelSource


@dataclass(slots=True, kw_only=True)
class PutOff:
    """A rollback that is put off.

    Attributes:
        until: When it is carried out at the latest, unless what spoke against the release is gone by then.
        is_cut_short: It is carried out without a look at what still speaks against the release.
        is_over: It was carried out, or handed on to whatever stood in its way.
    """

    until: AwareDatetime
    is_cut_short: bool = False
    is_over: bool = False

    def cut_short(self, due_at: datetime, at: datetime) -> datetime:
        """End the wait; return when its rollback is due now."""
        self.is_cut_short = True
        return min(due_at, at)

    def is_let_be(self, suspicion: Suspicion) -> bool:
        """Return whether the wait has shown that the release need not be taken back."""
        return not self.is_over and not self.is_cut_short and has_faded(suspicion)


def calls_it_bad(label: Label) -> bool:
    """Return whether a person says that the release does harm: then nothing is left to learn by waiting."""
    return label.source is LabelSource.HUMAN and label.kind is LabelKind.BAD
