"""Docstrings as descriptions: what a class says of its attributes becomes what its schema says of them."""

import inspect
import re
from itertools import pairwise
from typing import Any

_SECTION = re.compile(r"^(Attributes|Args|Raises|Returns|Source|Sources):", re.MULTILINE)
_ENTRY = re.compile(r"^    (\w+): (.*(?:\n        .*)*)", re.MULTILINE)


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON Schema whose classes' docstrings are taken apart.

    The text before the first section stays as the description, the entries of `Attributes:` go to
    their properties, and the titles that pydantic makes of property names are dropped.
    """
    return {key: _defined(value) if key == "$defs" else value for key, value in _described(schema).items()}


def summary_of(kind: type[Any]) -> str:
    """Return the first paragraph of a class's docstring on one line.

    >>> class Thing:
    ...     '''A thing
    ...     of two lines.
    ...
    ...     And more.
    ...     '''
    >>> summary_of(Thing)
    'A thing of two lines.'
    """
    return " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())


def _defined(definitions: dict[str, Any]) -> dict[str, Any]:
    return {name: _described(definition) for name, definition in sorted(definitions.items())}


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    text = schema.get("description", "")
    sections = [match.start() for match in _SECTION.finditer(text)] + [len(text)]
    told = {
        name: " ".join(entry.split())
        for start, end in pairwise(sections)
        if text.startswith("Attributes:", start)
        for name, entry in _ENTRY.findall(text[start:end])
    }
    described = dict(schema)
    if text:
        described["description"] = "\n\n".join(
            " ".join(paragraph.split()) for paragraph in text[: sections[0]].strip().split("\n\n")
        )
    if "properties" in schema:
        described["properties"] = {
            name: _property(content, told.get(name, "")) for name, content in schema["properties"].items()
        }
    return described


def _property(content: dict[str, Any], told: str) -> dict[str, Any]:
    rest = {key: value for key, value in content.items() if key != "title"}
    return rest | {"description": told} if told else rest
