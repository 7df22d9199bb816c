"""Canned questions: SQL that people ask again and again, by a name and with parameters.

A file of `feature_store/questions` begins with what its question answers and what may be set, such as
`-- days = 7: how many days back`; in the SQL that is `$days`, always a text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from feature_store.sql import SqlError

_ABOUT = re.compile(r"-- (\w+): (.+)")
_PARAMETER = re.compile(r"-- (\w+) =[ ]?([^:]*): (.+)")


@dataclass(frozen=True, slots=True)
class Parameter:
    """What may be set of a question; `default` is a text, as are all values."""

    name: str
    default: str
    about: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question with a name.

    Attributes:
        about: What it answers, as a sentence.
        sql: Its text, with `$name` for each parameter.
    """

    name: str
    about: str
    parameters: tuple[Parameter, ...]
    sql: str

    @property
    def usage(self) -> str:
        """Return the parameters with their defaults, such as `days=7 until=`."""
        return " ".join(f"{parameter.name}={parameter.default}" for parameter in self.parameters)

    def values(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return a value for each parameter: the one given, else its default.

        Raises:
            SqlError: something is given that cannot be set.
        """
        known = {parameter.name: parameter.default for parameter in self.parameters}
        for name in given:
            if name not in known:
                may = f"expected {', '.join(known)}" if known else "it has none"
                raise SqlError(f"question {self.name} has no parameter {name!r}, {may}")
        return {**known, **given}


@cache
def questions() -> dict[str, Question]:
    """Return all questions by name, in the order of the alphabet."""
    files = resources.files("feature_store.questions").iterdir()
    names = sorted(file.name.removesuffix(".sql") for file in files if file.name.endswith(".sql"))
    return {name: read_question(_text(name)) for name in names}


def find_question(name: str) -> Question:
    """Return the question of a name.

    Raises:
        SqlError: there is none.
    """
    try:
        return questions()[name]
    except KeyError:
        raise SqlError(f"there is no question {name!r}, expected one of {', '.join(questions())}") from None


def read_question(text: str) -> Question:
    r"""Return what a question's file says.

    >>> read_question("-- late: What came late.\n-- days = 7: how many\n-- of =: whose\nSELECT 1").usage
    'days=7 of='
    """
    header = text.split("\n")
    name, about = _ABOUT.findall(header[0])[0]
    found = [match for line in header[1:] if (match := _PARAMETER.fullmatch(line))]
    parameters = tuple(Parameter(match[1], match[2].strip(), match[3]) for match in found)
    return Question(name=name, about=about, parameters=parameters, sql=text)


def _text(name: str) -> str:
    return resources.files("feature_store.questions").joinpath(f"{name}.sql").read_text()


def settings_of(texts: list[str]) -> dict[str, str]:
    """Return `name=value` texts as a dict.

    Raises:
        SqlError: one has no equals sign.

    >>> settings_of(["days=30", "until="])
    {'days': '30', 'until': ''}
    """
    given = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise SqlError(f"{text!r} sets nothing, expected NAME=VALUE")
        given[name.strip()] = value.strip()
    return given
