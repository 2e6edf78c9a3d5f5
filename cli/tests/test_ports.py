"""Ports: the recorded one is kept, a taken one is avoided, none is given twice."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hummingbus.embedded.ports import LOOPBACK, Reservations, choose_ports, free_port, port_free, read_ports, write_ports


@pytest.fixture
def reservations(tmp_path: Path) -> Iterator[Reservations]:
    reservations = Reservations(tmp_path / "ports")
    yield reservations
    reservations.release()


def test_a_taken_port_is_replaced_by_the_next_free_one(reservations: Reservations) -> None:
    with socket.socket() as stranger:
        stranger.bind((LOOPBACK, 0))
        stranger.listen(1)
        taken = stranger.getsockname()[1]
        assert not port_free(taken)
        assert choose_ports({"gateway-api": taken}, {}, reservations)["gateway-api"] > taken


def test_the_recorded_port_is_used_again(reservations: Reservations) -> None:
    recorded = free_port()
    assert choose_ports({"nats": 4222}, {"nats": recorded}, reservations) == {"nats": recorded}


def test_no_port_is_given_twice(reservations: Reservations) -> None:
    wanted = free_port()
    chosen = choose_ports({"a": wanted, "b": wanted, "c": wanted}, {}, reservations)
    assert len(set(chosen.values())) == 3


def test_two_stacks_that_start_together_choose_different_ports(reservations: Reservations, tmp_path: Path) -> None:
    wanted = free_port()
    first = choose_ports({"nats": wanted}, {}, reservations)["nats"]
    other = Reservations(tmp_path / "ports")
    assert choose_ports({"nats": wanted}, {"nats": wanted}, other)["nats"] != first
    reservations.release()
    assert other.take(first)
    other.release()


def test_a_torn_record_counts_as_none(tmp_path: Path) -> None:
    record = tmp_path / "ports.json"
    write_ports(record, {"nats": 4222})
    assert read_ports(record) == {"nats": 4222}
    record.write_text('{"nats": 42')
    assert read_ports(record) == {}
