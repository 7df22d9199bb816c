"""Where canaries are tried: Argo acts, and asks Suture for its verdict."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.canary_manifests import NAMESPACE, analysis_template
from bench.cluster_board import ROLLOUTS
from bench.product_world import Layout, World, product_world

_POLICY = f"""\
# Times are short, so that a canary is judged in a minute; signals, margins and the budget of false
# rollbacks are the built-in ones. Argo acts on the verdict, so Suture does not.
version: 1
defaults:
  judge:
    interval: 3s
    lateness: 2s
    watch: 75s
    min_watch: 30s
    min_intervals: 6
    quiet: 60s
  gate: {{rollback: shadow, promote: shadow}}
  target: {{kind: rollout, namespace: {NAMESPACE}}}
"""

_LAYOUT = Layout(
    namespace=NAMESPACE,
    workloads=ROLLOUTS,
    # There is nothing for an executor to do, and the gate only says what it would have done.
    parts={
        "judge": ["worker", "--role=judge"],
        "gate": ["worker", "--role=gate"],
        "gateway": ["gateway"],
    },
    policy=_POLICY,
    variables={},
)


@contextmanager
def canary_world(kubeconfig: Path, bootstrap: str, folder: Path) -> Iterator[World]:
    """Run what canaries are tried in for the length of the block.

    Args:
        kubeconfig: A cluster that Argo Rollouts' controller serves.
        bootstrap: A Kafka broker, which others may use as well.
        folder: For logs and settings.

    Raises:
        SutureError: a part did not come up.
    """
    with product_world(kubeconfig, bootstrap, folder, _LAYOUT) as world:
        world.reader.apply(analysis_template(world.gateway))
        yield world
