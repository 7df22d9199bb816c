"""Stack traces as one line: what was said, the kind of error, and where it came from without line numbers."""

import re

_OPENER = "Traceback (most recent call last)"
_MOST_LINES = 400
_LONGEST_HEAD = 2048

_FAULT = re.compile(r"((?:[A-Za-z_$][\w$]*\.){0,12}[A-Z][\w$]*(?:Exception|Error|Throwable|Failure|Exit))\b")
_AT = re.compile(r"\s*at (?:async |new )?(?:[\w.@-]+/)?([A-Za-z_$<][\w.$<>\[\]]*) ?\(")
_PYTHON = re.compile(r'\s*File "[^"]{0,300}", line \d+, in ([\w.<>]+)')
_GOROUTINE = re.compile(r"goroutine \d+ \[")
_GO = re.compile(r"([A-Za-z_][\w./*()-]*)\(")


def folded(text: str) -> str:
    r"""Return a body of several lines as one that names its error and innermost own frame.

    Knows the traces of Java, .NET, Node.js, Python and Go. The error's message stays out unless it is in
    the first line, since messages vary. A single line comes back as it is.

    >>> folded("\n".join(["order lost", "java.io.IOException: disk", "  at shop.Cart.add(Cart.java:7)"]))
    'order lost; java.io.IOException at shop.Cart.add'
    >>> folded("\n".join([f"{_OPENER}:", '  File "a.py", line 3, in pay', "KeyError: 'cart'"]))
    "KeyError: 'cart' at pay"
    """
    lines = [line for line in text.splitlines()[:_MOST_LINES] if line and not line.isspace()]
    if not lines:
        return ""
    if len(lines) == 1:
        return lines[0]
    is_python = any(line.lstrip().startswith(_OPENER) for line in lines)
    is_headless = lines[0].lstrip().startswith(_OPENER)
    head = lines[-1] if is_headless else lines[0]
    if is_python:
        last = [line for line in lines if not line[0].isspace()][-1]
        fault = _named(last)
        places = [found[1] for line in lines if (found := _PYTHON.match(line))]
        frame = places[-1] if places else ""
    else:
        fault = next(filter(None, map(_named, lines[1:])), "")
        frame = next((found[1] for line in lines[1:] if (found := _AT.match(line))), "") or _go_frame(lines)
    head = head.strip()
    if len(head) > _LONGEST_HEAD and (fault or frame):
        # Half a secret would no longer look like one, so the word that is cut goes as a whole.
        head = head[:_LONGEST_HEAD].rpartition(" ")[0] or "<long>"
    if fault and fault not in head:
        head = f"{head}; {fault}"
    return f"{head} at {frame}" if frame else head


def _named(line: str) -> str:
    """Return the kind of error that a line begins with, "" for none."""
    found = _FAULT.match(line.strip().removeprefix("Caused by: "))
    return found[1] if found else ""


def _go_frame(lines: list[str]) -> str:
    """Return the first function below the first goroutine's heading that is none of the runtime's."""
    start = next((place for place, line in enumerate(lines) if _GOROUTINE.match(line)), len(lines))
    for line in lines[start + 1 :]:
        found = _GO.match(line)
        if found and not found[1].startswith(("panic", "runtime.", "main.main.")):
            return found[1]
    return ""
