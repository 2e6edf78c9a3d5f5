"""Ports: the recorded one is kept, a taken one is avoided, none is given twice."""

from __future__ import annotations

import socket
from pathlib import Path

from hummingbus.embedded.ports import LOOPBACK, choose_ports, free_port, port_free, read_ports, write_ports


def test_a_taken_port_is_replaced_by_the_next_free_one() -> None:
    with socket.socket() as stranger:
        stranger.bind((LOOPBACK, 0))
        stranger.listen(1)
        taken = stranger.getsockname()[1]
        assert not port_free(taken)
        chosen = choose_ports({"gateway-api": taken}, {})["gateway-api"]
    assert chosen != taken


def test_the_recorded_port_is_used_again() -> None:
    recorded = free_port()
    assert choose_ports({"nats": 4222}, {"nats": recorded}) == {"nats": recorded}


def test_no_port_is_given_twice() -> None:
    wanted = free_port()
    chosen = choose_ports({"a": wanted, "b": wanted, "c": 0, "d": 0}, {})
    assert len(set(chosen.values())) == 4


def test_a_torn_record_counts_as_none(tmp_path: Path) -> None:
    record = tmp_path / "ports.json"
    write_ports(record, {"nats": 4222})
    assert read_ports(record) == {"nats": 4222}
    record.write_text('{"nats": 42')
    assert read_ports(record) == {}
