"""The simulation of flaky builds: the same seed gives the same, and flips are what the gate learns from."""

from bench.flaky_builds import World, simulate

SMALL = World(tests=25, flaky=0.15, builds=15, lessons=8)


def test_a_seed_gives_the_same_builds_and_the_same_results() -> None:
    assert simulate(SMALL, 3) == simulate(SMALL, 3)


def test_the_gate_fails_what_is_broken_and_fewer_good_builds_than_a_rule_that_fails_on_any_failure() -> None:
    tallies = simulate(SMALL, 3)
    gate, naive = tallies["gate"], tallies["any failure"]
    assert gate.broken["fail"] == sum(gate.broken.values()) > 0
    assert gate.good["fail"] < naive.good["fail"]


def test_a_build_that_breaks_a_steady_test_fails_every_rule() -> None:
    steady = World(tests=40, flaky=0.0, builds=10, lessons=5, broken=1.0)
    for tally in simulate(steady, 1).values():
        assert dict(tally.broken) == {"fail": 10}
