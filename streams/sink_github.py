"""The sink that tells GitHub what became of its deployments, and what is held of their commits."""

import re
from collections.abc import Callable

from actions.github_tellings import LONGEST_DESCRIPTION, CheckWord, DeploymentWord, GitHubTellings
from schemas.cdevents_form import Addresses, Background
from schemas.cdevents_out import is_rolled_back
from schemas.effects import Effect
from schemas.judgements import Verdict, VerdictKind
from schemas.keys import ReleaseId
from schemas.observations import OutcomeReported, VerdictReached
from schemas.orders import Outcome
from schemas.outward_words import SAID_BY, outward_title, outward_words
from schemas.releases import Release
from streams.forge_words import is_told, line_of, path_on, shortened

_COMMIT = re.compile(r"[0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?")
_STATES = {VerdictKind.HARMFUL: "failure", VerdictKind.HEALTHY: "success"}
_CONCLUSIONS = {VerdictKind.HARMFUL: "failure", VerdictKind.HEALTHY: "success"}
_UNKNOWN = "action_required"
"""Ways not to know are no pass, and a neutral conclusion is one to a protected branch."""


class GitHubSink:
    """Tells GitHub.

    Args:
        tellings: Write to GitHub.
        forge: Address of GitHub itself, as repositories' addresses begin.
        background: What was said of a release before.
        addresses: Where a reader goes on.
        has_checks: Check runs are written, too: an App stands behind the client.
    """

    name = "github"

    def __init__(
        self,
        tellings: GitHubTellings,
        forge: str,
        background: Callable[[ReleaseId], Background],
        addresses: Addresses,
        *,
        has_checks: bool,
    ) -> None:
        self._tellings, self._forge, self._has_checks = tellings, forge, has_checks
        self._background, self._addresses = background, addresses

    def take(self, effect: Effect) -> None:
        """Tell of a verdict and of a rollback, where the release's event named a repository there."""
        match effect.said:
            case VerdictReached(verdict=verdict, release=release) if is_told(verdict):
                if repository := path_on(self._forge, release.repository):
                    self._judged(repository, release, verdict)
            case OutcomeReported(outcome=outcome) if is_rolled_back(outcome):
                self._rolled_back(outcome)
            case _:
                return

    def turn(self) -> None:
        """Do nothing: nobody answers."""

    def _judged(self, repository: str, release: Release, verdict: Verdict) -> None:
        state = _STATES.get(verdict.kind)
        if state is not None:
            self._status(repository, release, state, line_of(verdict, LONGEST_DESCRIPTION))
        if self._has_checks and _COMMIT.fullmatch(release.commit):
            word = CheckWord(
                repository=repository,
                commit=release.commit,
                name=f"suture {release.environment}/{release.service}",
                id=verdict.id,
                conclusion=_CONCLUSIONS.get(verdict.kind, _UNKNOWN),
                title=outward_title(verdict),
                summary=outward_words(verdict),
                began_at=min(release.started_at, verdict.at),
                ended_at=verdict.at,
                address=self._address(release.id),
            )
            self._tellings.check(word)

    def _rolled_back(self, outcome: Outcome) -> None:
        release = self._background(outcome.release).release
        if release is None:
            return
        if repository := path_on(self._forge, release.repository):
            text = f"{SAID_BY}rolled back {release.service} {release.version} in {release.environment}"
            self._status(repository, release, "inactive", shortened(text, LONGEST_DESCRIPTION))

    def _status(self, repository: str, release: Release, state: str, description: str) -> None:
        if not release.deployment.isdecimal():
            return
        word = DeploymentWord(
            repository=repository,
            deployment=int(release.deployment),
            state=state,
            description=description,
            address=self._address(release.id),
        )
        self._tellings.deployment(word)

    def _address(self, release: ReleaseId) -> str:
        return self._addresses.of(release) if self._addresses.release else ""
