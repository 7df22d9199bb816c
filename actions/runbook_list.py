"""What an installation allows an executor to run outside any cluster's API, by name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict

PLACEHOLDER = re.compile(r"\{([A-Za-z][A-Za-z0-9_]*)\}")
"""Where an argument or a fact stands in a URL or a body."""

FACTS = (
    "suture_command",
    "suture_environment",
    "suture_service",
    "suture_cluster",
    "suture_namespace",
    "suture_workload",
)
"""What every runbook is told of its command besides its arguments."""

_STRICT = ConfigDict(extra="forbid")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument that a command may give.

    Attributes:
        pattern: Regular expression that the whole value must match; "" for none.
        choices: The only values; empty for any.
        required: Whether a command without it is refused.
    """

    __pydantic_config__ = _STRICT

    pattern: str = ""
    choices: tuple[str, ...] = ()
    required: bool = True

    def __post_init__(self) -> None:
        if self.pattern and self.choices:
            raise ValueError("names a pattern and choices, expected one of them")
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"pattern is no regular expression: {error}") from error

    def fits(self, value: str) -> bool:
        """Return whether a command may say this."""
        if self.choices:
            return value in self.choices
        return not self.pattern or re.fullmatch(self.pattern, value) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a value comes from that no command may carry.

    Attributes:
        value: The value itself: nothing secret.
        file: File that holds it, without the last newline.
        variable: Environment variable of the executor that holds it.
        prefix: Put before it, such as `Bearer `.
    """

    __pydantic_config__ = _STRICT

    value: str = ""
    file: str = ""
    variable: str = ""
    prefix: str = ""

    def __post_init__(self) -> None:
        if sum(map(bool, (self.value, self.file, self.variable))) != 1:
            raise ValueError("must name one of value, file and variable")

    @property
    def is_secret(self) -> bool:
        """Whether what it gives must not be shown."""
        return not self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsibleEntry:
    """A playbook of Ansible.

    Attributes:
        playbook: Its file; a relative path is from the list's folder.
        inventory: File or folder with hosts; "" for this machine alone.
        limit: Pattern of hosts that it is limited to.
        arguments: Become extra variables, as do the facts.
        environment: Variables of `ansible-playbook` beyond the executor's few.
        repeatable: May be run again when a run was cut off and nobody knows what it did.
    """

    __pydantic_config__ = _STRICT

    playbook: str
    inventory: str = ""
    limit: str = ""
    arguments: dict[str, Argument] = field(default_factory=dict)
    environment: dict[str, Source] = field(default_factory=dict)
    repeatable: bool = False

    def __post_init__(self) -> None:
        _check_names(self.arguments, self.environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptEntry:
    """A Python script.

    Attributes:
        file: The script; a relative path is from the list's folder.
        arguments: Reach it as one JSON object on its standard input.
        environment: Its variables beyond the few that say what it is run for.
        cpu_s: Seconds of CPU time that it may use.
        memory_mib: Address space that it may take; numerical libraries map a lot.
        open_files: Files that it may have open.
        file_mib: Size of a file that it may write.
        repeatable: May be run again when a run was cut off and nobody knows what it did.
    """

    __pydantic_config__ = _STRICT

    file: str
    arguments: dict[str, Argument] = field(default_factory=dict)
    environment: dict[str, Source] = field(default_factory=dict)
    cpu_s: int = 300
    memory_mib: int = 1024
    open_files: int = 256
    file_mib: int = 64
    repeatable: bool = False

    def __post_init__(self) -> None:
        _check_names(self.arguments, self.environment)
        if min(self.cpu_s, self.memory_mib, self.open_files, self.file_mib) < 1:
            raise ValueError("a limit is below 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """Where a request's work is asked after.

    Attributes:
        url: Asked with GET; may hold `{id}`.
        path: Where in the JSON answer the status stands, as `execution.status` or `items.0.state`.
        succeeded: Statuses that end it well.
        failed: Statuses that end it badly; any other is still under way.
        id: Where in the first answer the value of `{id}` stands.
        every_s: Seconds between two questions.
    """

    __pydantic_config__ = _STRICT

    url: str
    path: str
    succeeded: tuple[str, ...]
    failed: tuple[str, ...] = ()
    id: str = ""
    every_s: float = 2

    def __post_init__(self) -> None:
        _check_url(self.url)
        if not self.succeeded:
            raise ValueError("names no status that ends it well")
        if not 0.1 <= self.every_s <= 300:
            raise ValueError(f"asks every {self.every_s:g} s, expected 0.1 to 300")
        if ("{id}" in self.url) != bool(self.id):
            raise ValueError("`{id}` in the url and `id`, where it stands in the answer, need each other")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpEntry:
    """A request.

    Attributes:
        method: Its method.
        url: Its address; `{argument}` is put in quoted, never into the host.
        headers: Its headers.
        body: Sent as JSON; `{argument}` within its texts is replaced.
        expect: Statuses that mean it was taken.
        poll: How to see its work done; None when the answer is the end of it.
        certificates: File with the authorities that the server's certificate may come from; "" for the
            well-known ones.
        timeout_s: Seconds until one answer must be there.
        arguments: What a command may say.
        repeatable: The server knows a repeat by its Idempotency-Key, so that a request whose answer was
            lost is sent again; None leaves it to the method.
    """

    __pydantic_config__ = _STRICT

    url: str
    method: Literal["GET", "PUT", "POST", "PATCH", "DELETE"] = "POST"
    headers: dict[str, Source] = field(default_factory=dict)
    body: Any = None
    expect: tuple[int, ...] = (200, 201, 202, 204)
    poll: Poll | None = None
    certificates: str = ""
    timeout_s: float = 10
    arguments: dict[str, Argument] = field(default_factory=dict)
    repeatable: bool | None = None

    def __post_init__(self) -> None:
        _check_names(self.arguments, {})
        _check_url(self.url)
        if not 0 < self.timeout_s <= 300:
            raise ValueError(f"timeout_s is {self.timeout_s:g}, expected above 0 and at most 300")
        known = (*self.arguments, *FACTS)
        texts = [(self.url, known), (str(self.body), known)]
        if self.poll is not None:
            texts.append((self.poll.url, (*known, "id")))
        for text, names in texts:
            for name in PLACEHOLDER.findall(text):
                if name not in names:
                    raise ValueError(f"{{{name}}} is no argument of it, expected one of {', '.join(names)}")

    @property
    def may_repeat(self) -> bool:
        """Whether a request whose answer was lost may be sent again (RFC 9110, 9.2.2, when nobody says)."""
        return self.method in ("GET", "PUT", "DELETE") if self.repeatable is None else self.repeatable


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineEntry:
    """A pipeline of Spinnaker, named `application/pipeline`.

    Attributes:
        gate: Address of Gate's API.
        headers: Headers of every request, such as an authorization.
        arguments: Become the pipeline's parameters.
        certificates: File with the authorities that Gate's certificate may come from.
        timeout_s: Seconds until one answer must be there.
    """

    __pydantic_config__ = _STRICT

    gate: str
    headers: dict[str, Source] = field(default_factory=dict)
    arguments: dict[str, Argument] = field(default_factory=dict)
    certificates: str = ""
    timeout_s: float = 10

    def __post_init__(self) -> None:
        _check_names(self.arguments, {})
        _check_url(self.gate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbooks:
    """Everything that is allowed, by kind and name."""

    ansible: dict[str, AnsibleEntry] = field(default_factory=dict)
    scripts: dict[str, ScriptEntry] = field(default_factory=dict)
    http: dict[str, HttpEntry] = field(default_factory=dict)
    pipelines: dict[str, PipelineEntry] = field(default_factory=dict)


def _check_names(arguments: Mapping[str, Argument], environment: Mapping[str, Source]) -> None:
    for name in (*arguments, *environment):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name, expected at most 63 letters, digits and '_'")
        if name.lower().startswith("suture_"):
            raise ValueError(f"{name} begins as Suture's own names do")


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"url {url!r} is no address, expected http:// or https:// and a host")
    if PLACEHOLDER.search(parts.netloc) or parts.username or parts.password:
        raise ValueError("the host of a url is fixed, and nobody logs in by it")
