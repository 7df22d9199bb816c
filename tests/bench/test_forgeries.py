"""The campaign of forged callbacks, in small."""

import asyncio
import json
import logging
from collections.abc import Iterator
from random import Random

import pytest

from bench.forgeries import Site, Tally, campaign, main, try_attack
from bench.forgery_attacks import Attack, attacks_on
from bench.forgery_senders import SENDERS, Sender

each_sender = pytest.mark.parametrize("sender", SENDERS, ids=lambda sender: sender.name)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def tally() -> Tally:
    return asyncio.run(campaign(3500, seed=2))


@each_sender
def test_no_forgery_counts_and_every_original_counts_once(sender: Sender, tally: Tally) -> None:
    told = tally.figures()["by_vendor"][sender.name]
    assert told["accepted"] == {}
    assert told["originals_counted_once"] == told["originals"] > 0


@each_sender
def test_every_attack_is_tried_on_whom_it_makes_sense_against(sender: Sender, tally: Tally) -> None:
    tried = tally.figures()["by_vendor"][sender.name]["attacks"]
    assert set(tried) == {attack.name for attack in attacks_on(sender)}


def test_no_forgery_breaks_the_gateway(tally: Tally) -> None:
    assert tally.figures()["server_errors"] == 0


@each_sender
def test_an_original_that_is_called_a_forgery_is_seen_to_count(sender: Sender) -> None:
    tally, attack = Tally(), Attack(name="none at all", forge=lambda _sender, original, _n, _chance: original)
    original = sender.original(1)
    asyncio.run(try_attack(Site(), tally, sender, attack, attack.forge(sender, original, 1, Random(1))))
    assert tally.accepted == {(sender.name, "none at all"): 1}


@each_sender
def test_attacks_before_the_original_change_it(sender: Sender) -> None:
    original, chance = sender.original(1), Random(3)
    for attack in attacks_on(sender):
        if not attack.is_replay:
            assert all(attack.forge(sender, original, 1, chance) != original for _ in range(50)), attack.name


def test_the_command_prints_one_object_and_says_that_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--count", "200", "--seed", "4"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["accepted"], told["seed"]) == (0, 4)
    assert told["forgeries"] >= 200
