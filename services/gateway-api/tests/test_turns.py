"""Calls a few at a time."""

from __future__ import annotations

import asyncio
from collections import Counter

from gateway_api.handlers.turns import FEW, PART, Turns


async def test_a_few_are_called_in_a_turn_and_all_in_their_order() -> None:
    turns, called, beside = Turns(), list[int](), Counter[int]()
    many = 10 * FEW
    for number in range(many):
        turns.add(lambda number=number: called.append(number))  # type: ignore[misc]
    assert called == [0], "who comes first does not wait"
    while len(called) < many:
        before = len(called)
        await asyncio.sleep(0)
        beside[len(called) - before] += 1
    assert called == list(range(many))
    assert max(beside) <= FEW


async def test_of_a_crowd_more_are_called_in_a_turn() -> None:
    turns, called = Turns(), list[int]()
    many, rounds = 5 * PART * FEW, 0
    for number in range(many):
        turns.add(lambda number=number: called.append(number))  # type: ignore[misc]
    while len(called) < many:
        before = len(called)
        await asyncio.sleep(0)
        rounds += len(called) > before
    assert rounds < 0.6 * many / FEW, "more than a few at a time while there are too many"


async def test_one_that_waits_is_called_once_and_one_that_is_dropped_never() -> None:
    turns, called, over = Turns(), list[str](), asyncio.Event()

    def twice() -> None:
        called.append("twice")

    def dropped() -> None:
        called.append("dropped")

    turns.add(lambda: called.append("first"))
    turns.add(twice)
    turns.add(dropped)
    turns.add(twice)
    turns.drop(dropped)
    turns.add(over.set)
    await over.wait()
    assert called == ["first", "twice"]
