"""What a command asks of the list of runbooks: an entry by name, with arguments as the list says."""

from collections.abc import Mapping
from typing import TypeVar

from actions.errors import RefusedActionError
from actions.runbook_list import FACTS, AnsibleEntry, Argument, HttpEntry, PipelineEntry, ScriptEntry
from schemas.orders import Command

Entry = TypeVar("Entry", AnsibleEntry, ScriptEntry, HttpEntry, PipelineEntry)


def listed(entries: Mapping[str, Entry], command: Command) -> tuple[Entry, dict[str, str]]:
    """Return the entry that a command names, and its arguments, checked.

    Raises:
        RefusedActionError: it is not listed, or an argument is not as the list says.
    """
    call = command.runbook
    assert call is not None, "a command of these kinds names a runbook"
    entry = entries.get(call.name)
    if entry is None:
        known = ", ".join(sorted(entries)) or "nothing"
        raise RefusedActionError(f"{command.kind} {call.name}: it is not listed, expected {known}")
    declared: Mapping[str, Argument] = entry.arguments
    for name, value in call.arguments.items():
        if name not in declared:
            raise RefusedActionError(
                f"{command.kind} {call.name}: it takes no argument {name}, expected "
                f"{', '.join(declared) or 'none'}"
            )
        if not declared[name].fits(value):
            choices = ", ".join(declared[name].choices) or f"what matches {declared[name].pattern}"
            raise RefusedActionError(
                f"{command.kind} {call.name}: argument {name} is not as listed, expected {choices}"
            )
    for name, argument in declared.items():
        if argument.required and name not in call.arguments:
            raise RefusedActionError(f"{command.kind} {call.name}: argument {name} is missing")
    return entry, dict(call.arguments)


def facts(command: Command) -> dict[str, str]:
    """Return what every runbook is told of its command."""
    target = command.target
    said = (command.id, command.environment, command.service)
    return dict(zip(FACTS, (*said, target.cluster, target.namespace, target.workload), strict=True))
