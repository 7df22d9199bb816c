"""Requests to revert a bad commit where it came from: opened for people to merge, never merged here.

An undo in the cluster holds until the source is asked again; until the commit is reverted, git is wrong.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from actions.errors import RefusedActionError
from actions.owner_objects import Source
from schemas.orders import Command

_SCP_FORM = re.compile(r"(?:[^@/]+@)?([^:/]+):(?!//)(.+)")
FILES_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """Where a commit lies.

    Attributes:
        host: Name of the forge's host, in lower case.
        path: Path of the repository there, such as `shop/infra`.
    """

    host: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Revert:
    """What is asked for.

    Attributes:
        repository: Path of the repository at its forge.
        base: Branch to be changed; "" for the repository's default branch.
        commit: The commit to take back, in full.
        folder: Folder that the commit must have changed something in; "" for anywhere.
        branch: Branch to make; it hangs on the command alone, so that twice is once.
        title: Of the request.
        body: Of the request, in Markdown.
    """

    repository: str
    base: str
    commit: str
    folder: str
    branch: str
    title: str
    body: str


class Forge(Protocol):
    """A host of repositories."""

    def request(self, revert: Revert) -> str:
        """Return the address of the request to revert, which is opened unless it is there.

        Raises:
            RefusedActionError: the commit cannot be taken back by itself; says why.
            PermanentActionError: we may not.
            TransientActionError: the forge cannot be reached, or has too much to do.
        """


class RevertRequests:
    """Opens requests to revert at whichever forge a repository lies.

    Args:
        forges: By name of the host.
        evidence: Address of a page about a release, with `{release}` in it; "" for none.
    """

    def __init__(self, forges: Mapping[str, Forge], evidence: str = "") -> None:
        self._forges, self._evidence = forges, evidence

    def open(self, command: Command, owner: str, source: Source) -> str:
        """Return the address of the request to revert what a command undid.

        Args:
            command: The undo.
            owner: How sentences name the workload's owner.
            source: What the owner follows.

        Raises:
            ActionError: there is none; says why, and what to revert by hand.
        """
        if source.why_not:
            raise RefusedActionError(f"nothing to revert at {owner}: {source.why_not}")
        repository = repository_of(source.url)
        forge = self._forges.get(repository.host)
        if forge is None:
            raise RefusedActionError(by_hand(source))
        return forge.request(
            Revert(
                repository=repository.path,
                base=source.branch,
                commit=source.commit,
                folder=source.path,
                branch=f"suture/revert-{source.commit[:12]}-{command.id[:8]}",
                title=f"Revert {source.commit[:12]}: {command.release} harms {command.service}",
                body=self._body(command, owner, source),
            )
        )

    def _body(self, command: Command, owner: str, source: Source) -> str:
        page = self._evidence.replace("{release}", command.release)
        evidence = page or f"`suture why {command.release}`"
        return "\n".join(
            (
                f"Commit {source.commit} brought release `{command.release}` of service "
                f"`{command.service}` to `{command.environment}`, where it was judged harmful.",
                "",
                f"- Decision: `{command.decision}`, command `{command.id}`",
                f"- Evidence: {evidence}",
                f"- In the cluster, {command.target.kind} `{command.target.key}` goes back to template "
                f"`{command.template}`; {owner} follows this repository and still asks for the bad one.",
                "",
                "Suture merges nothing. Once the branch that is followed has moved on, the owner may go on.",
            )
        )


def by_hand(source: Source) -> str:
    """Return what people have to revert where nothing does it for them."""
    if source.why_not:
        return source.why_not
    branch = f" on {source.branch}" if source.branch else ""
    return f"revert commit {source.commit}{branch} of {_plain(source.url)} by hand"


def repository_of(url: str) -> Repository:
    """Return host and path of a repository's address, in each of the forms that git takes.

    Raises:
        RefusedActionError: it is none of a forge.

    >>> repository_of("git@git.example:shop/infra.git")
    Repository(host='git.example', path='shop/infra')
    >>> repository_of("https://token:x@git.example:8443/shop/infra")
    Repository(host='git.example:8443', path='shop/infra')
    """
    short = _SCP_FORM.fullmatch(url)
    if short and "://" not in url:
        host, path = short.groups()
    else:
        parts = urlsplit(url)
        host, path = parts.hostname or "", parts.path
        if parts.port and parts.scheme in ("http", "https"):
            host = f"{host}:{parts.port}"
    path = path.strip("/").removesuffix(".git")
    if not host or "/" not in path:
        raise RefusedActionError(f"{_plain(url)!r} is no address of a forge's repository")
    return Repository(host=host.lower(), path=path)


def require_in_folder(revert: Revert, changed: list[str]) -> None:
    """Go on when a commit changed something in the folder that its owner follows.

    Raises:
        RefusedActionError: it did not, so that another one must be to blame.
    """
    if revert.folder and not any(path.startswith(f"{revert.folder}/") for path in changed):
        raise RefusedActionError(
            f"commit {revert.commit} changes nothing below {revert.folder}: an earlier one is to blame, "
            f"which has to be found and reverted by hand"
        )


def named(paths: list[str]) -> str:
    """Return some paths in words.

    >>> named(["a", "b"])
    'a, b'
    """
    more = len(paths) - FILES_NAMED
    return ", ".join(paths[:FILES_NAMED]) + (f" and {more} more" if more > 0 else "")


def _plain(url: str) -> str:
    """Return an address without the credentials that it may hold."""
    scheme, mark, rest = url.partition("://")
    return (
        f"{scheme}{mark}{rest.rpartition('@')[2] if '@' in rest.partition('/')[0] else rest}" if mark else url
    )
