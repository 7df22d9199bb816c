from typer.testing import CliRunner

from actions.signing import KeyRing
from schemas.errors import SettingsError
from streams.cli import app


def test_a_fresh_key_is_an_entry_of_a_ring_and_no_two_are_alike() -> None:
    first, second = (CliRunner().invoke(app, ["keys", "new", "--id=k2"]).stdout.strip() for _ in range(2))
    assert first != second
    ring = KeyRing.from_text(f"{first},k1:b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQ=")
    assert ring.verify(b"value", ring.sign(b"value")) == "k2"
    assert CliRunner().invoke(app, ["keys", "new"]).stdout.startswith("k2")


def test_an_id_that_no_ring_takes_is_refused() -> None:
    wrong = CliRunner().invoke(app, ["keys", "new", "--id=a b"])
    assert isinstance(wrong.exception, SettingsError)
    assert "--id is 'a b'" in str(wrong.exception)
