"""Which runs and releases of a forge count as deployments, where a pipeline writes no deployments.

Nothing counts that was not named: most runs build and test, and what deploys is known to its team only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.keys import EnvironmentName

PRERELEASE = "prerelease"
"""What stands behind a repository's name and `@` where its pre-releases are meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployingRuns:
    """What counts as a deployment, and the environment that it deploys to, by the name telemetry says.

    Attributes:
        workflows: GitHub's workflows: `OWNER/REPOSITORY:WORKFLOW`, or `WORKFLOW` of any repository. One is
            known by its file, such as `deploy.yml`, or by its name.
        releases: GitHub's releases: `OWNER/REPOSITORY`, and for pre-releases `OWNER/REPOSITORY@prerelease`.
        pipelines: GitLab's pipelines: `GROUP/PROJECT@REF`, or `GROUP/PROJECT` for tags and the default
            branch.
    """

    workflows: Mapping[str, EnvironmentName] = field(default_factory=dict)
    releases: Mapping[str, EnvironmentName] = field(default_factory=dict)
    pipelines: Mapping[str, EnvironmentName] = field(default_factory=dict)

    def workflow(self, repository: str, file: str, name: str) -> EnvironmentName | None:
        """Return where a workflow deploys to, or None: by its repository first, then by its file.

        >>> runs = DeployingRuns(workflows={"shop/cart:deploy.yml": "prod", "deploy": "staging"})
        >>> runs.workflow("shop/cart", "deploy.yml", "deploy"), runs.workflow("a/b", "cd.yml", "deploy")
        ('prod', 'staging')
        """
        for known in (f"{repository}:{file}", f"{repository}:{name}", file, name):
            if known in self.workflows:
                return self.workflows[known]
        return None

    def release(self, repository: str, *, is_prerelease: bool) -> EnvironmentName | None:
        """Return where a repository's releases, or its pre-releases, deploy to, or None."""
        return self.releases.get(f"{repository}@{PRERELEASE}" if is_prerelease else repository)

    def pipeline(self, project: str, ref: str, *, is_usual: bool) -> EnvironmentName | None:
        """Return where a pipeline of a ref deploys to, or None.

        Args:
            project: Path with its groups.
            ref: Branch or tag.
            is_usual: It is one that deploys where no ref is named: a tag, or the default branch.
        """
        usual = self.pipelines.get(project) if is_usual else None
        return self.pipelines.get(f"{project}@{ref}", usual)
