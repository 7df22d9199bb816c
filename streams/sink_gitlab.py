"""The sink that tells GitLab what is held of a release, as a status of its commit."""

import re

from actions.gitlab_tellings import LONGEST_DESCRIPTION, CommitWord, GitLabTellings
from schemas.cdevents_form import Addresses
from schemas.effects import Effect
from schemas.judgements import VerdictKind
from schemas.observations import VerdictReached
from streams.forge_words import is_told, line_of, path_on

_COMMIT = re.compile(r"[0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?")
_STATES = {VerdictKind.HARMFUL: "failed", VerdictKind.HEALTHY: "success"}
_UNKNOWN = "canceled"
"""Ways not to know are no pass, and no failure either."""


class GitLabSink:
    """Tells GitLab.

    Args:
        tellings: Write to GitLab.
        forge: Address of GitLab, as projects' addresses begin.
        addresses: Where a reader goes on.
    """

    name = "gitlab"

    def __init__(self, tellings: GitLabTellings, forge: str, addresses: Addresses) -> None:
        self._tellings, self._forge, self._addresses = tellings, forge, addresses

    def take(self, effect: Effect) -> None:
        """Tell of a verdict, where the release's event named a project there and a whole commit."""
        match effect.said:
            case VerdictReached(verdict=verdict, release=release) if is_told(verdict):
                project = path_on(self._forge, release.repository)
                if not project or not _COMMIT.fullmatch(release.commit):
                    return
                word = CommitWord(
                    project=project,
                    commit=release.commit,
                    name=f"suture {release.environment}/{release.service}",
                    state=_STATES.get(verdict.kind, _UNKNOWN),
                    description=line_of(verdict, LONGEST_DESCRIPTION),
                    address=self._addresses.of(release.id) if self._addresses.release else "",
                )
                self._tellings.commit(word)
            case _:
                return

    def turn(self) -> None:
        """Do nothing: nobody answers."""
