"""A question to a replica that stands still: asked again, and the first answer counts."""

from __future__ import annotations

import asyncio

import pytest
from contracts.accounts import ListAccounts
from contracts.message import Message, Metadata
from contracts.rejections import Unavailable
from contracts.tracked_books import RestartOrderBooks
from gateway_api.handlers.repeated_questions import ask_twice
from gateway_api.handlers.requests import Requests
from service_kit.bus import NoAnswer, NoResponders, Response

QUIET = 0.05


class Replicas:
    """Each question goes to the next one: a Response, an exception, or None for one that stands still."""

    def __init__(self, *answers: Response | Exception | None) -> None:
        self._answers = list(answers)
        self.asked: list[float] = []
        self.cancelled = 0

    async def ask(self, timeout: float) -> Response:
        self.asked.append(timeout)
        answer = self._answers.pop(0)
        if answer is None:
            try:
                await asyncio.sleep(timeout)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            msg = "silence"
            raise NoAnswer(msg)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_what_is_answered_at_once_is_asked_once() -> None:
    replicas = Replicas(Response(200, b"first"))
    assert (await ask_twice(replicas.ask, 60, QUIET)).body == b"first"
    assert replicas.asked == [60]


async def test_what_a_replica_keeps_to_itself_another_one_answers() -> None:
    replicas = Replicas(None, Response(200, b"second"))
    assert (await ask_twice(replicas.ask, 60, QUIET)).body == b"second"
    assert replicas.asked == [60, 60 - QUIET], "both within the same time"
    await asyncio.sleep(0)
    assert replicas.cancelled == 1


async def test_a_slow_answer_counts_when_the_second_question_reaches_nobody() -> None:
    refused = asyncio.Event()

    async def slow(timeout: float) -> Response:
        if timeout < 60:
            refused.set()
            msg = "nobody"
            raise NoResponders(msg)
        await refused.wait()
        return Response(200, b"slow")

    assert (await ask_twice(slow, 60, QUIET)).body == b"slow"
    assert refused.is_set()


@pytest.mark.parametrize("failure", [NoResponders("nobody"), NoAnswer("away")])
async def test_a_failure_before_that_is_the_answer(failure: Exception) -> None:
    with pytest.raises(type(failure)):
        await ask_twice(Replicas(failure).ask, 60, QUIET)


async def test_two_that_are_silent_are_waited_for_no_longer_than_one() -> None:
    replicas = Replicas(None, None)
    with pytest.raises(NoAnswer):
        await ask_twice(replicas.ask, 4 * QUIET, QUIET)
    assert len(replicas.asked) == 2


async def test_a_question_with_little_time_is_asked_once() -> None:
    replicas = Replicas(None)
    with pytest.raises(NoAnswer):
        await ask_twice(replicas.ask, QUIET, QUIET)
    assert replicas.asked == [QUIET]


class Standing:
    """A messenger whose first replica stands still."""

    def __init__(self) -> None:
        self.replicas = Replicas(None, Response(200, b"second"))

    async def request(self, _subject: str, _message: Message, _metadata: Metadata, timeout: float) -> Response:
        return await self.replicas.ask(timeout)


async def test_queries_are_asked_again() -> None:
    assert (await Requests(Standing(), quiet=QUIET).query(ListAccounts(), Metadata(), timeout=60)).body == b"second"


async def test_a_query_that_begins_much_work_is_asked_once() -> None:
    standing, restart = Standing(), RestartOrderBooks(connector="binance")
    with pytest.raises(Unavailable):
        await Requests(standing, quiet=QUIET).query(restart, Metadata(), timeout=4 * QUIET)
    assert standing.replicas.asked == [4 * QUIET]
