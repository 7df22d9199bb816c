"""Log text without what varies and without what identifies: safe to keep, and the same line twice.

Two rules do most of it. Whatever has a digit in it is masked, since ids, amounts, addresses and keys do
and words do not. Whatever follows a name that promises a secret, or a person, is masked whatever it is.
Masking too much costs a template; masking too little leaks.

Blind to a secret that is spelled like a word and that nothing announces ("the horse is battery").
"""

import re

LONGEST_LINE = 300
"""Characters kept of a line; the template of a log line is in its beginning."""

_LONGEST_READ = 4096

_SECRET_NAMES = (
    r"(?:password|passwd|passphrase|passcode|secret|token|credential|authorization|authentication|cookie"
    r"|signature|(?:api|access|private|encryption|auth)[-_. ]?key|session[-_. ]?id|connection[-_. ]?string"
    r"|(?<![a-z])(?:pass|pwd|auth|creds?|session|sig|otp|pin|cvv|nonce|salt|bearer|dsn|key)(?![a-z]))"
)
_PERSON_NAMES = (
    r"(?:user(?:[-_. ]?(?:name|id))?|login|e?mail|account|customer|client[-_. ]?id|tenant|phone|ssn|iban"
    r"|(?:first|last|full)[-_. ]?name|address|owner)"
)
# A quoted value ends at its quote, and any other at a blank.
_VALUE = r"""(?:\\?"(?:[^"\\]|\\.)*(?:"|$)|\\?'(?:[^'\\]|\\.)*(?:'|$)|\S+)"""

# Repetitions are bounded, or followed by nothing that could fail, so that a hostile line costs no more
# than a long one.
_STEPS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), mask)
    for pattern, mask in (
        # What a scheme of HTTP authentication announces.
        (r"\b(bearer|basic|digest|negotiate|apikey)[ \t]+(?!<)\S+", r"\1 <secret>"),
        # `password=...`, `"apiKey": "..."`, `db_password is ...`; then `--token ...`.
        (
            rf"({_SECRET_NAMES}[\w.-]{{0,40}}[\"'\\\])]{{0,4}}\s{{0,4}}(?:=>|[=:]|\bis\b)+\s{{0,4}})(?!<secret>){_VALUE}",
            r"\1<secret>",
        ),
        (
            rf"((?<!\S)--?[\w-]{{0,40}}{_SECRET_NAMES}[\w-]{{0,40}}\s{{1,4}})(?!<secret>){_VALUE}",
            r"\1<secret>",
        ),
        (
            rf"((?<![a-z]){_PERSON_NAMES}[\"'\\\])]{{0,4}}\s{{0,4}}(?:=>|[=:])+\s{{0,4}})(?!<who>){_VALUE}",
            r"\1<who>",
        ),
        # Keys that announce themselves, by their issuers' prefixes.
        (
            r"(?<![a-z0-9])(?:gh[opsur]_|github_pat_|glpat-|xox[abeoprs]-|xapp-|[srp]k[-_]|akia|asia|aiza|npm_|pypi-"
            r"|hf_|sg\.|shpat_|dop_v1_|eyj)[\w./+=-]{8,}",
            "<secret>",
        ),
        # Whoever logs in by URL, and whatever a URL was asked.
        (r"\b([a-z][a-z0-9+.-]{0,20}://)[^\s/@]*@", r"\1<who>@"),
        (r"\?[^\s=]{0,100}=\S*", "?<query>"),
        (r"[^\s@<>\"'(),;:=]{1,64}@[^\s@<>\"'(),;:=]{1,255}", "<email>"),
        (r"((?<![\w.])(?:[a-z]:)?[\\/]{1,2}(?:home|users)[\\/]{1,2})[^\s\\/\"'<]+", r"\1<who>"),
        # Quoted values longer than a name.
        (r"\"(?:[^\"\\]|\\.){25,}(?:\"|$)", '"<text>"'),
        (r"(?<!\w)'(?:[^'\\]|\\.){25,}(?:'|$)", "'<text>'"),
        (r"\b\d{4}-\d\d-\d\d[t ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:z|[+-]\d\d:?\d\d)?(?!\w)", "<time>"),
        (r"(?<![\w-])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![\w-])", "<uuid>"),
        (r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?:(?=:)|(?![\w.]))", "<ip>"),
        (r"(?<![\w:])(?:[0-9a-f]{1,4}:){3,7}(?::?[0-9a-f]{1,4})?(?![\w:])", "<ip>"),
        (r"(?<![\w:])(?:[0-9a-f]{1,4}:){1,7}:(?:[0-9a-f]{1,4}:){0,6}(?:[0-9a-f]{1,4})?(?![\w:])", "<ip>"),
        (r"(?<![\w.,])\d+(?:[.,]\d+)*(ns|us|ms|s|m|h|d|b|kb|mb|gb|kib|mib|gib)?(?![\w.,/+=-]*\w)", r"<n>\1"),
    )
)
_RUN = re.compile(r"[^\s\"'<>(){}\[\],;:|@?#&`]+")
_PIECE = re.compile(r"[^\W_]+")
# A word as people write them, which no random text of any length is.
_SIMPLE = re.compile(r"[^\W\d_][a-z]*|[A-Z]+|[^\W\d_A-Za-z]+|\d+")
_HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SHORTEST_TOKEN = 16
_LONGEST_WORD = 32


def redact(text: str, limit: int = LONGEST_LINE) -> str:
    """Return the telling line of a log text with everything masked that varies or identifies.

    That is the first line, or the last of a Python traceback.

    Args:
        text: A log body as it came.
        limit: Most characters to return.

    >>> redact("order 8812 of ann@example.org failed after 31.5ms at 10.2.3.4")
    'order <n> of <email> failed after <n>ms at <ip>'
    >>> redact("GET https://api.shop/v2/carts/77?key=abc db_password: hunter Authorization: Bearer xyz")
    'GET https://api.shop/<id>/carts/<n>?<query> db_password: <secret> Authorization: <secret> <secret>'
    """
    line = _telling_line(text)
    for pattern, mask in _STEPS:
        line = pattern.sub(mask, line)
    line = _RUN.sub(_mask_run, line)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _telling_line(text: str) -> str:
    lines = [line for line in text[: 16 * _LONGEST_READ].splitlines() if line and not line.isspace()]
    if not lines:
        return ""
    line = lines[-1] if lines[0].startswith("Traceback (most recent call last)") else lines[0]
    line = "".join(letter if letter.isprintable() else " " for letter in line[: _LONGEST_READ + 1]).strip()
    if len(line) <= _LONGEST_READ:
        return line
    # Half a secret would no longer look like one, so the word that is cut goes as a whole.
    return line[:_LONGEST_READ].rpartition(" ")[0] or "<long>"


def _mask_run(match: re.Match[str]) -> str:
    """Mask what in a run of letters, digits and joints is not made of words."""
    run = match[0]
    pieces = _PIECE.findall(run)
    has_digit = any(letter.isdigit() for letter in run)
    if len(run) >= _SHORTEST_TOKEN and has_digit and not all(_SIMPLE.fullmatch(piece) for piece in pieces):
        return "<token>"
    return _PIECE.sub(_mask_piece, run)


def _mask_piece(match: re.Match[str]) -> str:
    piece = match[0]
    if any(letter.isdigit() or letter.isnumeric() for letter in piece):
        return "<n>" if piece.isdigit() else "<id>"
    if len(piece) > _LONGEST_WORD:
        return "<token>"
    # `getUserById` has humps of three letters; random letters have humps of two.
    if len(piece) >= _SHORTEST_TOKEN and len(piece) < 2.5 * len(_HUMP.findall(piece)):
        return "<token>"
    return piece
