"""Where playbooks are tried: all parts of the product, which act alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.cluster_board import DEPLOYMENTS
from bench.product_world import Layout, World, product_world
from bench.remedy_manifests import ENVIRONMENT, NAMESPACE

_POLICY = f"""\
# Times are short, so that a trouble is over in minutes; signals, margins and the budget of false rollbacks
# are the built-in ones, and so are the playbooks.
version: 1
defaults:
  judge:
    interval: 3s
    lateness: 2s
    watch: 75s
    min_watch: 30s
    min_intervals: 6
    quiet: 60s
  gate: {{rollback: alone, promote: alone, remedy: alone, blame_wait: 0s, cooldown: 0s, recovery: 2m}}
  target: {{kind: deployment, namespace: {NAMESPACE}}}
  levels:
    - name: cache
      pattern: cache_full
      reading: {{metric: shop.cache.fill_ratio}}
      above: 0.95
      lasting: 6s
      calm: 6s
    - name: pool
      pattern: saturation
      reading: {{metric: shop.utilization}}
      above: 0.9
      lasting: 9s
      calm: 9s
"""

_LAYOUT = Layout(
    namespace=NAMESPACE,
    workloads=DEPLOYMENTS,
    parts={
        "judge": ["worker", "--role=judge"],
        "gate": ["worker", "--role=gate"],
        "executor": ["executor"],
        "watcher": ["watcher"],
        "journal": ["journal"],
        "gateway": ["gateway"],
    },
    policy=_POLICY,
    variables={"SUTURE_WATCH": f"{ENVIRONMENT}={NAMESPACE}"},
)


@contextmanager
def remedy_world(kubeconfig: Path, bootstrap: str, folder: Path) -> Iterator[World]:
    """Run what playbooks are tried in for the length of the block.

    Args:
        kubeconfig: A cluster whose pods may use folders of their node.
        bootstrap: A Kafka broker, which others may use as well.
        folder: For logs and settings, and for what pods of the node share.

    Raises:
        SutureError: a part did not come up.
    """
    with product_world(kubeconfig, bootstrap, folder, _LAYOUT) as world:
        yield world
