"""Forged and replayed callbacks against the gateway's real application: how many of them count.

`python -m bench.forgeries --count 100000 --seed 1` sends at least so many forged requests, from everybody who
may tell the gateway something, and the originals between them. A forgery is accepted when anything reaches
any topic that its original would not have put there, or when Flagger's hook is answered with a yes. It prints
one JSON object: counts by vendor and attack, which of them were accepted, what answered in the 500s, and how
many originals counted exactly once, also after all the forgeries of it.
"""

import argparse
import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count as numbers
from itertools import cycle
from random import Random
from typing import Any

from fastapi import FastAPI

from bench.asgi_calls import post
from bench.forgery_attacks import Attack, attacks_on
from bench.forgery_senders import NOW, SECRETS, SENDERS, Delivery, Sender
from bench.report import Started, report
from schemas.judgements import Verdict, VerdictKind
from schemas.keys import EnvironmentName, ReleaseId, ServiceName
from streams.gateway import create_app
from streams.gateway_callbacks import CallbackSettings
from streams.release_verdicts import ReleaseVerdicts
from streams.webhook_settings import WebhookSettings

_AT_A_TIME = 6
"""Forgeries of one original before it comes, and again after it."""

_NO_SUCCESS = 300


class Site:
    """A gateway that everybody may reach, whose clock can be moved, and what it put onto topics."""

    def __init__(self) -> None:
        self.published = 0
        self.now = NOW
        held = ReleaseVerdicts()
        held.learn(_healthy())
        held.is_current = True
        self._app: FastAPI = create_app(
            self,
            f"ann:{SECRETS['approvals'].decode()}",
            verdicts=held,
            hook_tokens=f"flagger:{SECRETS['flagger'].decode()}",
            now=lambda: self.now,
            webhooks=WebhookSettings(
                github=(SECRETS["github"],),
                gitlab=(SECRETS["gitlab"],),
                gitlab_tokens=(SECRETS["gitlab-token"],),
                argo_cd=(SECRETS["argocd"],),
                alertmanager=(SECRETS["alertmanager"],),
            ),
            callbacks=CallbackSettings(pagerduty=(SECRETS["pagerduty"],), slack=(SECRETS["slack"],)),
        )

    async def publish(self, *_message: object) -> None:
        """Count what would go onto a topic, as late as Kafka would take it."""
        await asyncio.sleep(0)
        self.published += 1

    async def send(self, delivery: Delivery) -> tuple[int, int]:
        """Return the status that answers a request, and how many messages it brought onto topics."""
        before, self.now = self.published, delivery.at
        status, _ = await post(self._app, delivery.path, delivery.body, delivery.headers)
        return status, self.published - before

    async def send_twice_at_once(self, delivery: Delivery) -> tuple[list[int], int]:
        """Return the same of a request that comes twice at the same time."""
        before, self.now = self.published, delivery.at
        calls = [post(self._app, delivery.path, delivery.body, delivery.headers) for _ in range(2)]
        answers = await asyncio.gather(*calls)
        return [status for status, _ in answers], self.published - before


def _healthy() -> Verdict:
    return Verdict(
        id="v-1",
        release=ReleaseId("r-1"),
        environment=EnvironmentName("prod"),
        service=ServiceName("cart"),
        version="1",
        kind=VerdictKind.HEALTHY,
        ordinal=1,
        is_final=True,
        confidence=0.0,
        alpha=0.01,
        at=NOW,
        reasons=("nothing was found",),
        evidence=(),
    )


@dataclass(slots=True)
class Tally:
    """What became of the requests.

    Attributes:
        sent: Forgeries by sender and attack.
        accepted: Those that counted, likewise.
        statuses: Their answers, by sender and status.
        originals: By sender.
        counted: Originals that counted exactly once.
    """

    sent: Counter[tuple[str, str]] = field(default_factory=Counter)
    accepted: Counter[tuple[str, str]] = field(default_factory=Counter)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    originals: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)

    @property
    def forgeries(self) -> int:
        """Return how many were sent."""
        return self.sent.total()

    def figures(self) -> dict[str, Any]:
        """Return what the report says."""
        names = [sender.name for sender in SENDERS]
        return {
            "forgeries": self.forgeries,
            "accepted": self.accepted.total(),
            "server_errors": sum(n for (_, status), n in self.statuses.items() if status >= 500),
            "originals": self.originals.total(),
            "originals_counted_once": self.counted.total(),
            "by_vendor": {
                name: {
                    "attacks": {attack: n for (whose, attack), n in self.sent.items() if whose == name},
                    "accepted": {attack: n for (whose, attack), n in self.accepted.items() if whose == name},
                    "answers": {
                        str(s): n for (whose, s), n in sorted(self.statuses.items()) if whose == name
                    },
                    "originals": self.originals[name],
                    "originals_counted_once": self.counted[name],
                }
                for name in names
            },
        }


async def campaign(count: int, seed: int) -> Tally:
    """Send forgeries and originals until there were enough.

    Args:
        count: Forgeries at least.
        seed: Decides all that is left to chance.
    """
    site, tally, chance = Site(), Tally(), Random(seed)
    turns = {sender.name: _turns(sender) for sender in SENDERS}
    for number in numbers(1):
        for sender in SENDERS:
            before, after = turns[sender.name]
            original = sender.original(number)
            for attack in (next(before) for _ in range(_AT_A_TIME)):
                await try_attack(site, tally, sender, attack, attack.forge(sender, original, number, chance))
            await _deliver(site, tally, sender, original, at_once=sender.counts_once and number % 4 == 0)
            for attack in (next(after) for _ in range(_AT_A_TIME if after is not _NEVER else 0)):
                await try_attack(site, tally, sender, attack, attack.forge(sender, original, number, chance))
        if tally.forgeries >= count:
            break
    return tally


_NEVER: Iterator[Attack] = iter(())


def _turns(sender: Sender) -> tuple[Iterator[Attack], Iterator[Attack]]:
    """Return the attacks in turn, for ever: those before the original and those after it."""
    attacks = attacks_on(sender)
    replays = [one for one in attacks if one.is_replay]
    return cycle([one for one in attacks if not one.is_replay]), cycle(replays) if replays else _NEVER


async def try_attack(site: Site, tally: Tally, sender: Sender, attack: Attack, forged: Delivery) -> None:
    """Send a forgery, and note whether it counted."""
    status, published = await site.send(forged)
    tally.sent[sender.name, attack.name] += 1
    tally.statuses[sender.name, status] += 1
    if published or (sender.name == "flagger" and status < _NO_SUCCESS):
        tally.accepted[sender.name, attack.name] += 1


async def _deliver(site: Site, tally: Tally, sender: Sender, original: Delivery, *, at_once: bool) -> None:
    if at_once:
        statuses, published = await site.send_twice_at_once(original)
    else:
        status, published = await site.send(original)
        statuses = [status]
    tally.originals[sender.name] += 1
    if all(status < _NO_SUCCESS for status in statuses) and published == (sender.name != "flagger"):
        tally.counted[sender.name] += 1


def main(given: Sequence[str] | None = None) -> int:
    """Run the campaign; 1 when a forgery or a crash got through, or an original did not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="forged requests, at least")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(given)
    logging.disable(logging.CRITICAL)
    started = Started()
    figures = asyncio.run(campaign(chosen.count, chosen.seed)).figures()
    report(figures, started, seed=chosen.seed, packages=("fastapi", "starlette", "pydantic"))
    is_clean = not figures["accepted"] and not figures["server_errors"]
    return 0 if is_clean and figures["originals"] == figures["originals_counted_once"] else 1


if __name__ == "__main__":
    sys.exit(main())
