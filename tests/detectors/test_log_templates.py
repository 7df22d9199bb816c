"""Which log lines come from one statement: styles of many programs, none of them from a benchmark."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import log_templates
from detectors.log_masks import masked, readable, tokens
from detectors.log_templates import LogTemplates
from schemas.codec import from_json, to_json

USERS = (
    "ann",
    "bob",
    "carol",
    "dave",
    "erin",
    "frank",
    "grace",
    "heidi",
    "ivan",
    "judy",
    "kim",
    "lee",
    "mia",
)


def groups(lines: list[str]) -> list[int]:
    """Return each line's group when all have been read."""
    miner = LogTemplates()
    numbers = [miner.learn(line) for line in lines]
    return [miner.group(number) for number in numbers]


@pytest.mark.parametrize(
    "lines",
    [
        # Numbers with units, said once or twice; less than; signs.
        ["sent 10 bytes", "sent 7.5 MB", "sent 1165 bytes (1.13 KB)", "sent -1 bytes"],
        ["lifetime <1 sec", "lifetime 12 sec", "lifetime 00:17", "lifetime 3h"],
        # Lists of any length, with and without brackets and quotes.
        ["peers [a, b]", "peers [a, b, c, d]", "peers []", "peers [10.0.0.1, 10.0.0.2, 10.0.0.3]"],
        ["load 1 2 3 on n-1", "load 1 on n-2", "load 1, 2; 3/4 on n-3"],
        ['{"ids":[1,2],"ok":true}', '{"ids":[],"ok":false}', '{"ids":["x"],"ok":null}'],
        # Addresses, hosts, ports, hardware.
        ["to /10.0.0.1:80 now", "to db.example.org:5432 now", "to fe80::1 now", "to localhost:9 now"],
        ["via 00:1a:2b:3c:4d:5e up", "via AA-BB-CC-DD-EE-FF up"],
        # Paths, on every system, with wildcards and spaces.
        [
            "open /a/b.txt failed",
            "open ./x failed",
            "open C:\\Program Files\\a\\b.dll failed",
            "open /x/ failed",
        ],
        # Dates in words.
        ["at Sun Jul 10 03:55:15 2005 gone", "at Mon Aug 1 2005 gone", "at 2005-07-10T03:55:15Z gone"],
        # Ids glued to words; hexadecimal with and without its prefix or digits.
        ["job attempt_144_m_01 ended", "job blk_-123 ended", "job 0x1a ended", "job deadbeef ended"],
        # Empty values and empty brackets.
        ["uid=0 rhost= user=x1", "uid=1 rhost=h.example.com user=x2", "uid= rhost=1.2.3.4 user="],
        ["from 10.0.0.1 () done", "from 10.0.0.2 (h.example.com) done"],
        # Decoration.
        ["done", "done.", "done..."],
        ["==== start ====", "== start =="],
    ],
)
def test_lines_that_differ_in_values_are_one_statement(lines: list[str]) -> None:
    assert len(set(groups(lines))) == 1, [masked(line) for line in lines]


@pytest.mark.parametrize(
    "statement",
    [
        "session opened for user {}",
        "Failed password for {} from 10.0.0.1 port 22",
        "cannot find table '{}' in any schema",
        "level=info owner={} took=3ms",
        "cannot authorise client: {} is not known",
        "fetched profile of ({}) from cache",
        "the gateway lost {} while it waited for an answer",
    ],
)
def test_a_place_that_holds_many_words_is_a_value(statement: str) -> None:
    assert len(set(groups([statement.format(user) for user in USERS]))) == 1


def test_two_places_that_vary_together_are_values() -> None:
    lines = [
        f"{one} : TTY=pts/1 ; USER=root ; COMMAND=run with {two} rights"
        for one, two in zip(USERS, reversed(USERS), strict=True)
    ]
    assert len(set(groups(lines))) == 1


def test_a_word_in_a_place_that_is_known_to_vary_is_a_value_at_once() -> None:
    lines = [f"session opened for user {user}" for user in (*USERS, "NOBODY", "error")]
    assert len(set(groups(lines))) == 1


@pytest.mark.parametrize(
    "lines",
    [
        ["service started", "service stopped", "service starting", "service failed"],
        ["GET /a/1 done", "POST /a/1 done", "DELETE /a/1 done"],
        [
            "task 7 moved from NEW to RUNNING",
            "task 7 moved from RUNNING to DONE",
            "task 7 moved from NEW to DONE",
        ],
        ["limit of disk not set", "limit of memory not set", "limit of cores not set"],
        ["node 3 is up", "node 3 is down"],
        ["connection reset by peer", "connection refused by peer", "connection closed by peer"],
        ["due to java.io.IOException: x", "due to java.lang.IllegalStateException: x"],
        ["setA= 1", "setB = 1", "getA = 1"],
        ["read 3 of 4 blocks", "wrote 3 of 4 blocks"],
        ["a::b::c failed", "a::b::d failed"],
    ],
)
def test_statements_that_say_different_things_stay_apart(lines: list[str]) -> None:
    assert len(set(groups(lines))) == len(lines), [masked(line) for line in lines]


def test_raw_and_redacted_values_read_alike() -> None:
    assert tokens("block blk_-17 of <n> bytes at <ip>") == tokens("block blk_-<n> of 9 bytes at 10.0.0.1:80")


def test_a_statement_is_told_with_what_varies_masked() -> None:
    miner = LogTemplates()
    numbers = [miner.learn(f"payment {n} of {user} (card): refused, code=7") for n, user in enumerate(USERS)]
    assert {miner.text(number) for number in numbers} == {"payment <*> of <*> (card): refused, code=<*>"}


WORDS = st.lists(
    st.sampled_from(["lost", "found", "user", "ann", "bob", "7", "x=1", "(a)", "of", "RUN"]), max_size=6
)


@given(st.lists(WORDS.map(" ".join), max_size=60), st.integers(0, 60))
def test_a_restart_in_between_changes_nothing(lines: list[str], cut: int) -> None:
    straight = LogTemplates()
    stopped = LogTemplates()
    for place, line in enumerate(lines):
        if place == cut:
            stopped = from_json(LogTemplates, to_json(stopped))
        assert stopped.learn(line) == straight.learn(line)
        assert stopped.group(place % stopped.given) == straight.group(place % straight.given)
    assert stopped == straight


@given(st.text(max_size=300))
def test_any_text_has_tokens_that_say_it_again(text: str) -> None:
    parts = tokens(text)
    assert all(part and not part.isspace() for part in parts)
    assert tokens(text) == parts
    assert len(readable(parts)) >= len("".join(parts)) - text.count(" ")


def test_what_was_seen_longest_ago_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_templates, "MOST_SIGNATURES", 40)
    miner = LogTemplates()
    kept = miner.learn("heart beats")
    lost = miner.learn("said once")
    for one in USERS:
        for two in USERS[:7]:
            miner.learn(f"{one}{one} {two}{two}")
            miner.learn("heart beats")
    assert len(miner.signatures) <= 40
    assert miner.text(kept) == "heart beats"
    assert (miner.text(lost), miner.group(lost)) == ("", lost)
    assert from_json(LogTemplates, to_json(miner)) == miner
