"""Shared readings: who is told what, how often it is read, and how much a slow watcher missed."""

from __future__ import annotations

import asyncio

from gateway_api.domain.watched import Tail
from gateway_api.handlers.turns import Turns
from gateway_api.handlers.watches import Reading, Watches

DEADLINE = 60


class Source:
    """Counts its readings; `value` is what they give."""

    def __init__(self, good_for: float = 0) -> None:
        self.value = 0
        self.reads = 0
        self.good_for = good_for

    async def read(self) -> Reading[int]:
        self.reads += 1
        return Reading(self.value, self.good_for)


class News:
    """Told of news."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def __call__(self) -> None:
        self.event.set()

    async def wait(self) -> None:
        async with asyncio.timeout(DEADLINE):
            await self.event.wait()
        self.event.clear()


async def test_a_slow_watcher_learns_how_many_states_it_missed() -> None:
    source, watches, slow, quick = Source(good_for=3600), Watches(Turns()), News(), News()
    one = watches.watch("k", source.read, 0, slow)
    two = watches.watch("k", source.read, 0, quick)
    for _ in range(5):
        await quick.wait()
        assert two.take() == (source.value, 0)
        source.value += 1
        watches.changed()
    await quick.wait()
    assert one.take() == (5, 5)
    assert one.take() is None
    assert two.take() == (5, 0)
    one.close()
    two.close()
    assert not watches._watched


async def test_a_watcher_is_told_no_more_often_than_it_wants_to_be() -> None:
    source, watches, seldom, often = Source(good_for=3600), Watches(Turns()), News(), News()
    one = watches.watch("k", source.read, 3600, seldom)
    await seldom.wait()
    assert one.take() == (0, 0)
    two = watches.watch("k", source.read, 0, often)
    for state in range(1, 4):
        await often.wait()
        two.take()
        source.value = state
        watches.changed()
    await often.wait()
    assert not seldom.event.is_set()
    # States it did not want are not missed ones.
    assert one.take() == (3, 0)
    one.close()
    two.close()


async def test_who_joins_gets_a_fresh_state_also_when_nothing_changed() -> None:
    source, watches, first, second = Source(good_for=3600), Watches(Turns()), News(), News()
    one = watches.watch("k", source.read, 60, first)
    await first.wait()
    two = watches.watch("k", source.read, 60, second)
    await second.wait()
    assert (source.reads, two.take(), one.take()) == (2, (0, 0), (0, 0))
    assert watches.watch("other", source.read, 60, first) is not two
    one.close()
    two.close()
    assert len(watches._watched) == 1


def test_a_tail_counts_what_it_does_not_hold_any_more() -> None:
    tail = Tail(("c", "d", "e"), end=5, total=9)
    assert tail.last(2) == ("d", "e")
    assert tail.since(5) == ((), 0)
    assert tail.since(4) == (("e",), 0)
    assert tail.since(1) == (("c", "d", "e"), 1)


async def test_who_left_before_their_turn_is_not_told() -> None:
    source, watches, first, last = Source(good_for=3600), Watches(Turns()), News(), News()
    told: list[int] = []
    one = watches.watch("k", source.read, 0, first)
    others = [watches.watch("k", source.read, 0, lambda number=number: told.append(number)) for number in range(50)]  # type: ignore[misc]
    end = watches.watch("k", source.read, 0, last)
    await first.wait()
    others[49].close()
    await last.wait()
    assert told == list(range(49)), "the end of the line was told, and one before it was not"
    for each in (one, *others[:49], end):
        each.close()
