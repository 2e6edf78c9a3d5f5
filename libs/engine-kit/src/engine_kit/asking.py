"""Asking an exchange through the engine, within a time limit: what the engine raises becomes Unavailable with its reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import aiohttp
from contracts.rejections import Unavailable

from engine_kit import answer

ASK_SECONDS = 20

ENGINE_ERRORS = (OSError, aiohttp.ClientError, TimeoutError, ValueError, LookupError, TypeError, ArithmeticError, RuntimeError)
"""What an engine connector raises when the exchange, the network or an answer is not as it should be."""


async def asked[T](given: Awaitable[T]) -> T:
    """The exchange's answer; Unavailable with its reason when there is none in time."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            return await given
    except ENGINE_ERRORS as error:
        raise Unavailable(f"the exchange gave no usable answer: {answer.read(error).reason}") from error
