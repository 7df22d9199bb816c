"""What an executor needs to deal with owners of workloads, put together from its settings."""

import logging
import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from actions.helm_program import Helm
from actions.revert_requests import Forge, RevertRequests
from actions.verb_undo_through_owner import OwnerSettings
from streams import clock
from streams.gitops_settings import GitOpsSettings

logger = logging.getLogger("suture.executor")


def owners_of(settings: GitOpsSettings) -> OwnerSettings:
    """Return how owners are dealt with; forges only where there are credentials for them."""
    forges = forges_of(settings)
    found = settings.helm or shutil.which("helm")
    program = Path(found) if found else None
    return OwnerSettings(
        lease=settings.lease,
        argo_cd=settings.argo_cd,
        helm=Helm(program, os.environ) if program else None,
        clock=clock.now,
        reverts=RevertRequests(forges, settings.evidence) if forges else None,
    )


def forges_of(settings: GitOpsSettings) -> dict[str, Forge]:
    """Return what opens requests to revert, by the host that repositories' addresses name."""
    found: dict[str, Forge] = {}
    if not settings.github_token and not settings.gitlab_token:
        return found
    # Their clients are an extra.
    try:
        from actions.github_reverts import GitHubReverts
        from actions.gitlab_reverts import GitLabReverts
    except ImportError:
        logger.warning("no clients of forges, expected the extra suture[gitops]: no reverts are requested")
        return found
    if settings.github_token:
        host = urlsplit(settings.github).netloc.lower()
        found["github.com" if host == "api.github.com" else host] = GitHubReverts(
            settings.github_token, settings.github
        )
    if settings.gitlab_token:
        found[urlsplit(settings.gitlab).netloc.lower()] = GitLabReverts(
            settings.gitlab_token, settings.gitlab
        )
    return found
