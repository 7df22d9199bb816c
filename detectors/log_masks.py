"""Masks: what of a log line is a value by its very form, and the tokens that are left.

One list for every system. A value betrays itself by a digit, by being a path, an address, a host, a file, a
date or a quantity, or by standing where `key=` announces one. Lists of values become one value, however
long they are: their length is no part of the statement that printed them.

Masks that redaction has put in already (`<n>`, `<id>`, `<who>`) count as values, so raw and redacted text
may be read alike.
"""

import re

WILD = "<*>"
"""Token that stands for any value."""

LONGEST_LINE = 2048
"""Characters read of a line."""

MOST_TOKENS = 64
"""Tokens kept of a line; a statement is known by its beginning."""

_UNIT = (
    r"(?:[KMGTPE]i?[Bb]?|k[Bb]|[Bb]ytes?|[bB]|ns|us|µs|ms|s|secs?|seconds?|min|mins|minutes?|hours?|h|d|days?"
    r"|%|[kMG]?Hz)"
)
_DAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)\b"
_MONTH = (
    r"(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec"
    r"|January|February|March|April|August|(?:Septem|Octo|Novem|Decem)ber)\b"
)
# Endings of hosts and of files. Two letters end a host when no language's sources end like that.
_ENDING = (
    r"(?:com|net|org|edu|gov|mil|int|io|info|biz|dev|app|cloud|local|localdomain|localhost|internal|intranet"
    r"|lan|home|corp|svc|arpa|exe|dll|log|txt|xml|json|jar|war|conf|cfg|ini|ya?ml|gz|zip|tar|so|csv|html?"
    r"|png|jpe?g|pdf|tmp|bak|pid|sock|service"
    r"|(?!py|js|rs|so|md|go|sh|cc|rb|ts|db|gz|pl|id|is|in|at|to|no|my|it|be)[a-z]{2})"
)
_NOTHING = r"(?:true|false|null|nil|none|undefined|True|False|None|TRUE|FALSE|NULL|NaN)"

# What redaction put in for a value reads like one: `blk_-<n>` as `blk_-0`.
_REDACTED = re.compile(r"<(?:n|id|ip|time|uuid|token|secret|who|email|query|text|long)>")
_VALUE = re.compile(
    rf"""
  (                                                                       # words as they are, in one go
    (?:(?<!\S)(?!{_DAY}|{_MONTH}|[0-9a-f]{{7}}|[0-9A-F]{{8}})[A-Za-z]+[,:;.]?(?:\s+|$))+
  )
| (?<![A-Za-z])[A-Za-z][A-Za-z0-9+.-]{{0,20}}://[^\s'"<>)\]}},;]+         # URL
| <[A-Za-z*_-]+>                                                          # a mask, a placeholder
| (?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*                               # mail address
| (?<!\w)[A-Za-z]:\\(?:[^\\/:*?"<>|]{{1,80}}\\)*[\w.$@%+~\#=*-]*              # path on Windows
| (?<![\w.<>*/\\])(?:[A-Za-z]:|\.{{1,2}}|~)?[/\\]{{1,2}}                  # path
  (?:[\w.$@%+~\#=*:-]*[/\\]+)*[\w.$@%+~\#=*:-]*[\w/\\](?:\?[^\s"']*)?
| (?<=\s)/(?=[\s"'])                                                      # root
| (?<![\w:])(?:[0-9A-Fa-f]{{1,2}}[:-]){{5,}}[0-9A-Fa-f]{{1,2}}(?![\w:])   # hardware address
| (?<![\w:])(?=[a-fA-F:]{{0,30}}\d)(?:[0-9a-fA-F]{{0,4}}:){{3,7}}[0-9a-fA-F]{{0,4}}(?![\w:])  # IPv6
| (?<!\w)(?:{_DAY},?\s+)?{_MONTH}\s+\d+(?:[\s,]+\d[\d:.]*)*               # date in words
  (?:\s+[A-Z]{{3,4}}\b)?(?:\s+\d{{4}}\b)?
| (?<!\w)\d{{1,2}}:\d\d(?::\d\d)?\s?[AaPp][Mm]\b                         # time of a half day
| (?<!\w)[-+<>~]?\d[\d,.]*\s?{_UNIT}(?:\s?\(~?\d[\d,.]*\s?{_UNIT}\))?(?!\w)  # quantity, perhaps said twice
| (?<![\w$@*+.~-])[\w$@*+.~-]*\d[\w$@*+.~-]*(?::\d+)?                     # whatever holds a digit
| (?<![\w.])(?:localhost|[A-Za-z][\w-]*(?:\.[A-Za-z][\w-]*)+):\d+           # host and port
| (?<![\w.])[A-Za-z][\w$]*(?:\.[\w$]+)+/\.?[A-Za-z_][\w$]*(?:\.[\w$]+)*   # part of a package
| (?<![\w.-])[A-Za-z0-9][\w-]*(?:(?:\.[A-Za-z][\w-]*)*\.{_ENDING}         # host or file
  |(?:\.[A-Za-z][\w-]*)*\.(?:co|com|net|org|edu|gov|ac)\.[a-z]{{2}})(?![\w.-]*\w)
| (?<!\w)(?:[0-9a-f]{{7,}}|[0-9A-F]{{8,}})(?!\w)                          # hexadecimal without a digit
| (?:(?<==)|(?<=":))\s{{0,2}}{_NOTHING}\b                                 # key=true, "key": null
| (?<=\s\()(?=\))                                                         # empty ( )
| (?<==)(?=\s*(?:[\w.-]+=|[,;)\]}}]|$))                                   # key= without a value
""",
    re.VERBOSE,
)
_LIST = re.compile(r'\[(?:\s*|[^\[\],{}]{1,80}(?:,[^\[\],{}]{1,80})+|\s*"[^"]*"\s*)\]')
_ASSIGNED = re.compile(r"(?<==)[\w./:-]*<\*>[\w./:<>*-]*")
_ENUMERATED = re.compile(r"<\*>(?:[\s,;:/|x#.\-=~]*<\*>)+")
_REPEATED = re.compile(r"([^\w\s<>*])(?:\s?\1)+")
_TOKEN = re.compile(r"<\*>|[^\W_](?:[\w.$@'-]*\w)?|_\w+|[^\w\s+*!^~]")


def masked(line: str) -> str:
    """Return a line with every value replaced by `<*>`, lists of values by one.

    >>> masked("block blk_-160 of size 67108864 from /10.250.19.102:54106, peers [n1, n2], idle= rate=1.5/s")
    'block <*> of size <*> from <*>, peers [<*>], idle=<*> rate=<*>'
    """
    if "<" in line:
        line = _REDACTED.sub("0", line)
    line = _VALUE.sub(_value_or_words, line)
    line = _LIST.sub("[<*>]", line)
    line = _ASSIGNED.sub(WILD, line)
    return _ENUMERATED.sub(WILD, line)


def _value_or_words(found: re.Match[str]) -> str:
    return found[0] if found.lastindex else WILD


def tokens(line: str) -> tuple[str, ...]:
    """Return a line's words, `<*>` for values, and punctuation apart from what only decorates.

    >>> tokens("Peer n-17 (10.0.0.3): timed out!")
    ('Peer', '<*>', '(', '<*>', ')', ':', 'timed', 'out')
    """
    if len(line) > LONGEST_LINE:
        # Half a value would be another line than the next one's half.
        line = line[:LONGEST_LINE].rpartition(" ")[0]
    parts = _TOKEN.findall(_REPEATED.sub(r"\1", masked(line)))[:MOST_TOKENS]
    if len(parts) > 1 and parts[-1] == ".":
        parts.pop()
    return tuple(parts)


def readable(parts: tuple[str, ...]) -> str:
    """Return tokens as a line again, spaced as people would.

    >>> readable(("Peer", "<*>", "(", "<*>", ")", ":", "timed", "out", ",", "code", "=", "<*>"))
    'Peer <*> (<*>): timed out, code=<*>'
    """
    said = ""
    for part in parts:
        is_glued = not said or part in ",;:.)]}=%?" or said[-1] in "([{=@#/$"
        said += part if is_glued else f" {part}"
    return said
