from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest

from infra.dev.instances import StartError
from infra.dev.networks import first_free
from infra.dev.ports import accepts_connections, free_ports
from infra.dev.starting import start_on_free_ports
from infra.dev.waiting import wait_until


def test_free_ports_differ_and_can_be_bound() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", port))


def test_a_listener_is_seen_and_its_absence_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert accepts_connections(port)
    assert not accepts_connections(port)


def test_a_start_whose_port_was_taken_is_tried_on_others() -> None:
    tried: list[Sequence[int]] = []

    def start(ports: Sequence[int]) -> str:
        tried.append(ports)
        if len(tried) < 3:
            raise StartError("java.net.BindException: Address already in use")
        return "up"

    assert start_on_free_ports(2, start) == "up"
    assert [len(ports) for ports in tried] == [2, 2, 2]


def test_a_start_that_fails_otherwise_fails_at_once() -> None:
    tried: list[Sequence[int]] = []

    def start(ports: Sequence[int]) -> None:
        tried.append(ports)
        raise StartError("unknown setting")

    with pytest.raises(StartError, match="unknown setting"):
        start_on_free_ports(1, start)
    assert len(tried) == 1


def test_a_condition_that_never_holds_is_named() -> None:
    with pytest.raises(TimeoutError, match="rain: not seen"):
        wait_until(lambda: False, deadline_s=0.0, what="rain")


def test_a_cluster_takes_ranges_that_nobody_uses() -> None:
    assert first_free([]) == 0
    assert first_free(["10.213.0.0/24", "10.214.0.0/24"]) == 1
    assert first_free(["192.0.2.0/24", "10.213.0.0/23"]) == 2


def test_no_free_range_is_an_error_that_says_so() -> None:
    with pytest.raises(StartError, match="no range"):
        first_free(["10.213.0.0/16"])
