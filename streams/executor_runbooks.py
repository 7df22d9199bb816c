"""What an executor may run besides a cluster's API, and the file that stops all of it."""

import logging
from collections.abc import Callable, Mapping

from actions import kill_file
from actions.actuator import Actuator
from actions.ansible_runs import AnsiblePlaybooks
from actions.http_calls import HttpCalls
from actions.pipeline_runs import Pipelines
from actions.run_folders import sweep
from actions.runbook_file import load_runbooks
from actions.script_runs import Scripts
from schemas.orders import CommandKind
from streams import clock
from streams.settings import Settings

logger = logging.getLogger("suture.executor")


def runbook_actuators(settings: Settings) -> Mapping[CommandKind, Actuator]:
    """Return what carries out each kind of runbook; nothing where none is listed.

    Raises:
        RunbookFileError: the list has mistakes.
    """
    if settings.runbooks is None:
        return {}
    listed, runs = load_runbooks(settings.runbooks), settings.runs.resolve()
    if removed := sweep(runs, clock.now()):
        logger.info("old runs removed", extra={"folders": removed})
    return {
        CommandKind.RUN_ANSIBLE: AnsiblePlaybooks(listed.ansible, runs, clock.now),
        CommandKind.RUN_SCRIPT: Scripts(listed.scripts, runs, clock.now),
        CommandKind.CALL_HTTP: HttpCalls(listed.http, runs, clock.now),
        CommandKind.RUN_PIPELINE: Pipelines(listed.pipelines, runs, clock.now),
    }


def kill_switch(settings: Settings) -> Callable[[], str]:
    """Return the question why nothing may be changed now, answered by the kill file each time."""
    path = settings.kill_switch
    return lambda: kill_file.reason(path)
