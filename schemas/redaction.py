"""Log text without what varies and without what identifies: safe to keep, and the same line twice.

Two rules do most of it. Whatever has a digit in it is masked, since ids, amounts, addresses and keys do
and words do not. Whatever follows a name that promises a secret, or a person, is masked whatever it is.
Masking too much costs a template; masking too little leaks.

Blind to a secret that is spelled like words and that nothing announces ("the horse is battery"); of
random mixed-case letters without any digit, 12 % pass for a name at 24 letters and 3 % at 32 (measured).
"""

import re
from typing import NamedTuple

from schemas.stack_traces import folded

LONGEST_LINE = 300
"""Characters kept of a line; the template of a log line is in its beginning."""

_LONGEST_READ = 4096

_HUSHED = (
    r"(?:password|passwd|passphrase|passcode|secret|token|credential|authorization|authentication|cookie"
    r"|signature|(?:api|access|private|encryption|auth)[-_. ]?key|session[-_. ]?id|connection[-_. ]?string"
    r"|(?<![a-z])(?:pass|pwd|auth|creds?|session|sig|otp|pin|cvv|nonce|salt|bearer|dsn|key)(?![a-z]))"
)
_PERSONAL = (
    r"(?:user(?:[-_. ]?(?:name|id))?|login|e?mail|account|customer|client[-_. ]?id|tenant|phone|ssn|iban"
    r"|(?:first|last|full)[-_. ]?name|address|owner)"
)
# A quoted value ends at its quote, a list or an object at its first closing bracket, any other at a blank.
_VALUE = r"""(?:\\?"(?:[^"\\]|\\.)*(?:"|$)|\\?'(?:[^'\\]|\\.)*(?:'|$)|\{[^}]*\}?|\[[^\]]*\]?|\S+)"""
_SAYS = r"[\"'\\\])]{0,4}\s{0,4}(?:=>|[=:]|\bis\b)+\s{0,4}"
_ISSUED = (
    r"gh[opsur]_|github_pat_|glpat-|xox[abeoprs]-|xapp-|[srp]k[-_]|akia|asia|aiza|npm_|pypi-|hf_|sg\."
    r"|shpat_|dop_v1_|eyj"
)


class _Step(NamedTuple):
    """One mask.

    Attributes:
        needs: The pattern cannot match a line whose lower case holds none of these, which is cheap to see.
    """

    needs: tuple[str, ...]
    pattern: re.Pattern[str]
    mask: str


# Repetitions are bounded, or followed by nothing that could fail, so that a hostile line costs no more
# than a long one.
_STEPS = tuple(
    _Step(tuple(needs.split()), re.compile(pattern, re.IGNORECASE), mask)
    for needs, pattern, mask in (
        # What a scheme of HTTP authentication announces.
        (
            "bearer basic digest negotiate apikey",
            r"\b(bearer|basic|digest|negotiate|apikey)[ \t]+(?!<|is\b|[=:])\S+",
            r"\1 <secret>",
        ),
        # `password=...`, `"apiKey": "..."`, `db_password is ...`; then `--token ...`.
        (
            "pass secret token cred auth cookie sig key session string pwd otp pin cvv nonce salt bearer dsn",
            rf"({_HUSHED}[\w.-]{{0,40}}{_SAYS})(?!<secret>){_VALUE}",
            r"\1<secret>",
        ),
        (
            "-",
            rf"((?<![\w-])--?[\w.-]{{0,40}}{_HUSHED}[\w.-]{{0,40}}\s{{1,4}})(?!<secret>){_VALUE}",
            r"\1<secret>",
        ),
        ("= :", rf"((?<![a-z]){_PERSONAL}{_SAYS})(?!<who>){_VALUE}", r"\1<who>"),
        # Keys that announce themselves, by their issuers' prefixes.
        (
            "_ - akia asia aiza sg. eyj",
            rf"(?<![a-z0-9])(?:{_ISSUED})[\w./+=-]{{8,}}",
            "<secret>",
        ),
        # Whoever logs in by URL, and whatever a URL was asked.
        ("@", r"\b([a-z][a-z0-9+.-]{0,20}://)[^\s/@]*@", r"\1<who>@"),
        ("?", r"\?[^\s=]{0,100}=\S*", "?<query>"),
        ("@", r"[^\s@<>\"(),;:]{1,64}@[^\s@<>\"'(),;:=]{1,255}", "<email>"),
        ("home users", r"((?<![\w.])(?:[a-z]:)?[\\/]{1,2}(?:home|users)[\\/]{1,2})[^\s\\/\"'<]+", r"\1<who>"),
        # Quoted values longer than a name.
        ('"', r"\"(?:[^\"\\]|\\.){25,}(?:\"|$)", '"<text>"'),
        ("'", r"(?<!\w)'(?:[^'\\]|\\.){25,}(?:'|$)", "'<text>'"),
        (
            "-",
            r"\b\d{4}-\d\d-\d\d[t ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:z|[+-]\d\d:?\d\d)?(?!\w)",
            "<time>",
        ),
        ("-", r"(?<![\w-])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![\w-])", "<uuid>"),
        (".", r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?:(?=:)|(?![\w.]))", "<ip>"),
        (":", r"(?<![\w:])(?:[0-9a-f]{1,4}:){3,7}(?::?[0-9a-f]{1,4})?(?![\w:])", "<ip>"),
        (
            "::",
            r"(?<![\w:])(?:[0-9a-f]{1,4}:){1,7}:(?:[0-9a-f]{1,4}:){0,6}(?:[0-9a-f]{1,4})?(?![\w:])",
            "<ip>",
        ),
    )
)
_NUMBER = re.compile(
    r"(?<![\w.,])\d+(?:[.,]\d+)*(ns|us|ms|s|m|h|d|b|kb|mb|gb|kib|mib|gib)?(?![\w.,/+=-]*\w)", re.IGNORECASE
)
_RUN = re.compile(r"[^\s\"'<>(){}\[\],;:|@?#&`]+")
_PIECE = re.compile(r"[^\W_]+")
# A word as people write them, which random text seldom is.
_SIMPLE = re.compile(r"[^\W\d_][a-z]*|[A-Z]+|[^\W\d_A-Za-z]+|\d+")
_HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SHORTEST_TOKEN = 16
_LONGEST_WORD = 24
_COMMIT = re.compile(r"[0-9a-f]{40}")
# Those that mask what is secret or somebody's; the others mask what varies.
_TYPED_STEPS = tuple(
    step for step in _STEPS if step.mask.endswith(("<secret>", "<who>", "<query>", "<email>", "<who>@"))
)
_MOST_ROUNDS = 5
_COLOUR = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]")


def redact(text: str, limit: int = LONGEST_LINE) -> str:
    """Return the telling line of a log text with everything masked that varies or identifies.

    That is the first line, with the error's kind and place where a stack trace follows it
    (`schemas.stack_traces`), so that one trace is one line however long it is.

    Args:
        text: A log body as it came.
        limit: Most characters to return.

    >>> redact("order 8812 of ann@example.org failed after 31.5ms at 10.2.3.4")
    'order <n> of <email> failed after <n>ms at <ip>'
    >>> redact("GET https://api.shop/v2/carts/77?key=abc db_password: hunter Authorization: Bearer xyz")
    'GET https://api.shop/<id>/carts/<n>?<query> db_password: <secret> Authorization: <secret> <secret>'
    """
    line = _telling_line(text)
    low = line.lower()
    for needs, pattern, mask in _STEPS:
        if any(need in low for need in needs):
            line = pattern.sub(mask, line)
    line = _RUN.sub(_mask_run, _NUMBER.sub(r"<n>\1", line))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def redact_typed(text: str) -> str:
    """Return what a person wrote with secrets and persons masked, and all else left as it was.

    A reason is written to be read, and by few, so numbers, times and quotes stay. A piece of sixteen and more
    letters and digits goes, unless it is a commit: forty digits of base 16. Twice is once.

    >>> redact_typed("ticket 88: 2 of 9 failed, password=hunter2 ask ann@example.org at 10:30")
    'ticket 88: 2 of 9 failed, password=<secret> ask <email> at 10:30'
    """
    if len(text) > _LONGEST_READ:
        # Half a secret would no longer look like one, so the word that is cut goes as a whole.
        text = text[:_LONGEST_READ].rpartition(" ")[0] or "<long>"
    for _ in range(_MOST_ROUNDS):
        before, low = text, text.lower()
        for needs, pattern, mask in _TYPED_STEPS:
            if any(need in low for need in needs):
                text = pattern.sub(mask, text)
        text = _PIECE.sub(_mask_typed, text)
        if text == before:
            break
    return text


def _mask_typed(match: re.Match[str]) -> str:
    piece = match[0]
    if len(piece) < _SHORTEST_TOKEN or _COMMIT.fullmatch(piece):
        return piece
    is_mixed = any(map(str.isdigit, piece)) and any(map(str.isalpha, piece))
    return "<token>" if is_mixed or (piece.isascii() and _is_random(piece)) else piece


def _telling_line(text: str) -> str:
    line = folded(text[: 16 * _LONGEST_READ])
    line = _COLOUR.sub("", line[: _LONGEST_READ + 200])
    line = "".join(letter if letter.isprintable() else " " for letter in line[: _LONGEST_READ + 1]).strip()
    if len(line) <= _LONGEST_READ:
        return line
    # Half a secret would no longer look like one, so the word that is cut goes as a whole.
    return line[:_LONGEST_READ].rpartition(" ")[0] or "<long>"


def _mask_run(match: re.Match[str]) -> str:
    """Mask what in a run of letters, digits and joints is not made of words."""
    run = match[0]
    if len(run) >= _SHORTEST_TOKEN and not run.isalpha() and _is_token(run):
        return "<token>"
    return _PIECE.sub(_mask_piece, run)


def _is_token(run: str) -> bool:
    """Return whether a long run of several pieces is rather drawn than written."""
    pieces = _PIECE.findall(run)
    if any(map(str.isdigit, run)):
        # A path is judged by its steps, unless one of them looks like a part of base64.
        return any(map(_is_random if "/" in run else _is_odd, pieces))
    if "+" in run or run.endswith("="):
        return any(map(_is_odd, pieces))
    return _is_random("".join(pieces))


def _mask_piece(match: re.Match[str]) -> str:
    piece = match[0]
    if any(letter.isnumeric() for letter in piece):
        return "<n>" if piece.isnumeric() else "<id>"
    if len(piece) >= _SHORTEST_TOKEN and (_is_random(piece) or piece.isupper()):
        return "<token>"
    if len(piece) > _LONGEST_WORD and len(piece) > 12 * len(_HUMP.findall(piece)):
        return "<token>"
    return piece


def _is_odd(piece: str) -> bool:
    """Return whether a piece is neither a word nor a number."""
    return not _SIMPLE.fullmatch(piece)


def _is_random(piece: str) -> bool:
    """Return whether a piece mixes cases as no name does.

    `getUserById` has humps of three letters; random letters have shorter ones, many without small letters.
    """
    if piece.islower() or piece.isupper() or piece.isnumeric():
        return False
    if any(map(str.isdigit, piece)):
        return True
    humps = _HUMP.findall(piece)
    return len(piece) < 3 * len(humps) or sum(hump.isupper() or len(hump) == 1 for hump in humps) > 2
