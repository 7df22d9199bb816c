"""Settings for workloads that somebody writes again from git: a part of `streams.settings`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from schemas.errors import SettingsError

_PUBLIC_GITHUB, _PUBLIC_GITLAB = "https://api.github.com", "https://gitlab.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class GitOpsSettings:
    """How owners of workloads are dealt with.

    Attributes:
        lease: How long an owner is told to leave an undone object alone before it is asked to go on.
            Shorter asks more often; longer leaves a fix that was merged waiting. `SUTURE_LEASE_SECONDS`.
        argo_cd: Namespace of Argo CD's own Applications. `SUTURE_ARGOCD_NAMESPACE`.
        helm: The program of Helm; None to look for it on the path. `SUTURE_HELM`.
        github_token: Opens pull requests; "" for none. A file's name in `SUTURE_GITHUB_TOKEN_FILE`.
        github: Base of GitHub's API; of an Enterprise Server `https://HOST/api/v3`. `SUTURE_GITHUB_URL`.
        gitlab_token: Opens merge requests; "" for none. A file's name in `SUTURE_GITLAB_TOKEN_FILE`.
        gitlab: Address of GitLab. `SUTURE_GITLAB_URL`.
        evidence: Address of a page about a release, with `{release}` in it; "" for none.
            `SUTURE_EVIDENCE_URL`.
    """

    lease: timedelta = timedelta(minutes=30)
    argo_cd: str = "argocd"
    helm: Path | None = None
    github_token: str = ""
    github: str = _PUBLIC_GITHUB
    gitlab_token: str = ""
    gitlab: str = _PUBLIC_GITLAB
    evidence: str = ""

    def __repr__(self) -> str:
        """Return what may be shown: never a token."""
        return f"GitOpsSettings(lease={self.lease!r}, argo_cd={self.argo_cd!r})"


def read_gitops_settings(given: Mapping[str, str]) -> GitOpsSettings:
    """Return the settings that the environment gives.

    Raises:
        SettingsError: a variable holds what it must not.
    """

    def text(name: str, default: str = "") -> str:
        return given.get(name, "").strip() or default

    helm = text("SUTURE_HELM")
    if helm and not Path(helm).is_file():
        raise SettingsError(f"SUTURE_HELM is {helm!r}, expected the program's file")
    lease = text("SUTURE_LEASE_SECONDS", "1800")
    if not lease.isdecimal() or not 60 <= int(lease) <= 7 * 24 * 60 * 60:
        raise SettingsError(f"SUTURE_LEASE_SECONDS is {lease!r}, expected whole seconds from 60 to a week")
    return GitOpsSettings(
        lease=timedelta(seconds=int(lease)),
        argo_cd=text("SUTURE_ARGOCD_NAMESPACE", "argocd"),
        helm=Path(helm) if helm else None,
        github_token=_token(text("SUTURE_GITHUB_TOKEN_FILE"), "SUTURE_GITHUB_TOKEN_FILE"),
        github=_address(text("SUTURE_GITHUB_URL", _PUBLIC_GITHUB), "SUTURE_GITHUB_URL"),
        gitlab_token=_token(text("SUTURE_GITLAB_TOKEN_FILE"), "SUTURE_GITLAB_TOKEN_FILE"),
        gitlab=_address(text("SUTURE_GITLAB_URL", _PUBLIC_GITLAB), "SUTURE_GITLAB_URL"),
        evidence=text("SUTURE_EVIDENCE_URL"),
    )


def _token(file: str, name: str) -> str:
    if not file:
        return ""
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{name} names {file}: {error.strerror}") from error


def _address(text: str, name: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise SettingsError(f"{name} is {text!r}, expected an address that begins with https://")
    return text.rstrip("/")
