"""The connection of a public feed: whether it is there, and whether anything is heard on it.

A connection whose other end is gone looks like one on which nothing happens. So a silent one is pinged, which costs none of the
exchange's limits; a book behind one that does not answer either is not served.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

logger = logging.getLogger(__name__)

PING_SECONDS = 2.0
SILENT_SECONDS = 6.0
"""After which a connection that does not answer pings is taken for dead: several of them are lost by then."""
SEND_SECONDS = 1.0


def stream_of(source: Any) -> Any:
    """The engine's connection of a data source now, None when it is down.

    A source that keeps its connection elsewhere does not tell: it stands for it itself, and its books are judged by their age.
    """
    listens = type(source).listen_for_subscriptions
    return source._ws_assistant if "_ws_assistant" in listens.__code__.co_names else source


def silence(stream: Any) -> float:
    """Seconds since anything came, an answer to a ping too; 0 for a stream that does not tell."""
    heard = getattr(stream, "last_recv_time", None)
    return 0.0 if heard is None else max(0.0, time.time() - float(heard))


async def probe(stream: Any) -> None:
    """Ping a connection on which nothing is heard."""
    if silence(stream) < PING_SECONDS:
        return
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await stream.ping()
    except (OSError, TimeoutError, AttributeError) as error:
        # It was closed meanwhile, for which the engine forgets its socket, or nothing more fits into it.
        logger.debug("a silent stream cannot be pinged: %s", type(error).__name__)
