"""The policy files of the demonstration: as an operator would write them, with short times."""

_LOCAL = """\
# The demonstration's policy. Times are short, so that a release is judged in seconds and not in minutes;
# signals, margins and the false-rollback budget are the built-in ones.
version: 1
defaults:
  judge:
    interval: {interval}
    watch: {watch}
    min_watch: {min_watch}
    min_intervals: 5
    quiet: 90s
    lateness: 2s
  target: {{kind: {kind}, namespace: {namespace}}}
environments:
  {environment}:
    gate: {{rollback: alone, promote: alone, command_expires: 1m, recovery: 50s, cooldown: 0s}}
"""


def policy_text(*, interval_s: float, watch_s: float, kind: str, namespace: str, environment: str) -> str:
    """Return a policy file under which an environment acts alone.

    Args:
        interval_s: Width of one look.
        watch_s: How long a release is watched.
        kind: deployment or processes.
        namespace: Where the workload is.
        environment: Which environment acts alone.
    """
    return _LOCAL.format(
        interval=f"{interval_s:g}s",
        watch=f"{watch_s:g}s",
        min_watch=f"{watch_s / 2:g}s",
        kind=kind,
        namespace=namespace,
        environment=environment,
    )
