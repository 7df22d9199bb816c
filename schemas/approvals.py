"""Approval: who may answer a hold, what they are shown, and what becomes of the question meanwhile."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field

from schemas.durations import Duration
from schemas.keys import EnvironmentName, ReleaseId, ServiceName

_STRICT = ConfigDict(extra="forbid")

GROUP = "group:"
"""How the name of a group begins, where people and groups may stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who answers holds, and how each channel calls them.

    Attributes:
        pagerduty: Their user id at PagerDuty, such as PXPGF42; "" for none.
        slack: Their user id at Slack, such as U061F7AUR; "" for none.
        login: Their login name on the machines from which `suture approve` is used; "" for the name that
            the policy gives them.
        groups: Groups that they belong to.
    """

    __pydantic_config__ = _STRICT

    pagerduty: str = ""
    slack: str = ""
    login: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalSettings:
    """Who is asked, and what happens when nobody answers.

    Attributes:
        approvers: People and groups (`group:sre`) whose answers count. Empty: whoever holds a token or may
            write to Kafka; at PagerDuty and Slack everybody whom the policy's `people` name.
        quorum: How many different people must approve. A single rejection ends the question.
        escalate_after: Without an end by then, `escalate_to` is asked as well; zero for never.
        escalate_to: People and groups whose answers count from then on.
        clear_harm: Confidence from which a rollback waits for nobody, even where the policy asks; None for
            no such bound. A question that is open is answered by it when the evidence gets so clear.
    """

    __pydantic_config__ = _STRICT

    approvers: tuple[str, ...] = ()
    quorum: Annotated[int, Field(ge=1, le=16)] = 1
    escalate_after: Duration = timedelta(0)
    escalate_to: tuple[str, ...] = ()
    clear_harm: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whom a hold asks; names as the policy writes them.

    Attributes:
        escalates_at: When `escalates_to` is asked as well; None for never.
    """

    approvers: tuple[str, ...] = ()
    quorum: int = 1
    escalates_at: AwareDatetime | None = None
    escalates_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What a human is shown with a question: plain text of bounded length, the same on every channel.

    Attributes:
        what: What approval does, and to what, as a sentence.
        against: What the release was compared with.
        certainty: How sure the judge is, in words and numbers.
        suspects: Releases by blame, a line each, most to blame first.
        signals: What the signals say, a line each, strongest first.
        if_nothing: What happens when nobody answers.
    """

    what: str
    against: str
    certainty: str
    if_nothing: str
    suspects: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()


class HoldChange(StrEnum):
    """What became of a question.

    It stays open: AGREED: one of several needed approved. ESCALATED: more people are asked. HANDED_OVER:
    somebody asked another in their place. NOT_COUNTED: an answer came from somebody who is not asked.

    It is over: GRANTED: the order goes out. REJECTED: a human said no. EXPIRED: nobody answered in time.
    WITHDRAWN: it is no longer asked, because the release recovered, was superseded, or may not be touched.
    """

    AGREED = "agreed"
    ESCALATED = "escalated"
    HANDED_OVER = "handed_over"
    NOT_COUNTED = "not_counted"
    GRANTED = "granted"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"

    @property
    def is_end(self) -> bool:
        """Return whether the question is over."""
        return self in (HoldChange.GRANTED, HoldChange.REJECTED, HoldChange.EXPIRED, HoldChange.WITHDRAWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldChanged:
    """Something about a question changed, or it is over: of each, exactly one end is said.

    Attributes:
        by: Who did it, as "name via channel"; "policy" where no human did.
        to: Whom it concerns: who is asked as well, or who agreed so far.
        text: The change as a sentence.
    """

    id: str
    hold: str
    release: ReleaseId
    environment: EnvironmentName
    service: ServiceName
    change: HoldChange
    by: str
    at: AwareDatetime
    text: str
    to: tuple[str, ...] = ()


def hold_code(hold: str) -> str:
    """Return the six characters by which a human names a hold in free text; no secret.

    >>> len(hold_code("x"))
    6
    """
    return hashlib.sha256(hold.encode()).hexdigest()[:6]


def person_behind(people: Mapping[str, Person], channel: str, identity: str) -> str | None:
    """Return the policy's name for whom a channel calls so; None when it names nobody.

    >>> person_behind({"ada": Person(slack="U061F7AUR")}, "slack", "U061F7AUR")
    'ada'
    """
    for name in sorted(people):
        person = people[name]
        known = {"pagerduty": person.pagerduty, "slack": person.slack}.get(channel, person.login or name)
        if known and known == identity:
            return name
    return None


def includes(names: tuple[str, ...], people: Mapping[str, Person], name: str) -> bool:
    """Return whether a person is among people and groups.

    >>> includes(("group:sre",), {"ada": Person(groups=("sre",))}, "ada")
    True
    """
    person = people.get(name)
    groups = person.groups if person else ()
    return name in names or any(f"{GROUP}{group}" in names for group in groups)


def unknown_names(names: tuple[str, ...], people: Mapping[str, Person]) -> tuple[str, ...]:
    """Return the names that stand for nobody: neither a person nor a group with somebody in it."""
    groups = {f"{GROUP}{group}" for person in people.values() for group in person.groups}
    return tuple(name for name in names if name not in people and name not in groups)
