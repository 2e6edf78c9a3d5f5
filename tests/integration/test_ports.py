"""Ports of tests' stacks: nobody gets them while they are kept, whether or not anybody listens."""

from __future__ import annotations

import socket
from pathlib import Path

from hummingbus.embedded.ports import LOOPBACK, Reservations

from tests.ports import BLOCKS, port_block


def test_a_kept_block_is_not_given_again_before_it_is_let_go(tmp_path: Path) -> None:
    others = Reservations(tmp_path)
    with port_block(tmp_path) as first, port_block(tmp_path) as second:
        assert not set(first) & set(second)
        assert not others.take(first[0])
    assert others.take(first[0])
    others.release()


def test_a_block_where_somebody_listens_is_passed_over(tmp_path: Path) -> None:
    # From the real reservations: the stacks of other tests must not listen there just now.
    with port_block() as taken, socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a stack that has ended may leave connections behind
        stranger.bind((LOOPBACK, taken[3]))
        stranger.listen(1)
        with port_block(tmp_path / "others") as other:
            assert other != taken


def test_no_block_is_among_the_ports_of_outgoing_connections() -> None:
    with Path("/proc/sys/net/ipv4/ip_local_port_range").open() as told:
        first = int(told.read().split()[0])
    assert BLOCKS[-1] + BLOCKS.step <= first
