"""Dead letters: messages a consumer gave up on, kept with the reason until an operator sends them again.

A letter lies at `dlq.<durable>` and its number is its sequence. Sent again, it goes to `dlq.<durable>.retry.<number>`, which
only the consumer that gave up on it reads; the server takes one message there, so a letter is sent again once however often
it is tried. Those messages stay, as the record of what was sent again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts import naming
from contracts.message import utc_now
from nats.js.api import RawStreamMsg, StorageType, StreamConfig
from nats.js.errors import APIError, BadRequestError, NotFoundError

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.js import JetStreamContext

_ANOTHER_LAST_SEQUENCE = (10071, 10164)
"""JetStream's codes for a subject that does not end where the publisher expected."""


class LetterUnknown(Exception):
    """There is no dead letter of this number (any more)."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that `durable` gave up on after `deliveries` attempts; `subject` is where it came from."""

    number: int
    durable: str
    subject: str
    reason: str
    deliveries: int
    buried_at: str
    headers: Mapping[str, str]
    body: bytes


async def ensure_dead_letter_stream(jetstream: JetStreamContext) -> None:
    """Make the stream of dead letters when it is missing. Raises NATS_AWAY."""
    try:
        await jetstream.stream_info(naming.DEAD_LETTER_STREAM)
    except NotFoundError:
        config = StreamConfig(name=naming.DEAD_LETTER_STREAM, subjects=[naming.DEAD_LETTER_SUBJECTS], storage=StorageType.FILE)
        await jetstream.add_stream(config)


async def bury(jetstream: JetStreamContext, durable: str, message: Msg, *, reason: str, deliveries: int) -> None:
    """Keep a message of an event stream, or of an earlier letter, that `durable` gave up on. Raises NATS_AWAY."""
    headers = {**(message.headers or {})}
    sequence = str(message.metadata.sequence.stream)
    # A letter that failed again is another letter.
    attempt = f".{sequence}" if naming.HEADER_DEAD_AT in headers else ""
    identity = headers.get(naming.HEADER_MESSAGE_ID) or sequence
    for guard in (naming.HEADER_EXPECTED_LAST_SEQUENCE, naming.HEADER_EXPECTED_LAST_SUBJECT_SEQUENCE):
        headers.pop(guard, None)
    origin = {naming.HEADER_DEAD_SUBJECT: message.subject, naming.HEADER_DEAD_SEQUENCE: sequence}
    headers = (
        origin
        | headers
        | {
            naming.HEADER_DEDUPLICATION: f"{durable}.{identity}{attempt}",
            naming.HEADER_DEAD_REASON: " ".join(reason.split())[:1000],
            naming.HEADER_DEAD_DELIVERIES: str(deliveries),
            naming.HEADER_DEAD_AT: utc_now().isoformat(),
        }
    )
    await ensure_dead_letter_stream(jetstream)
    await jetstream.publish(naming.dead_letter_subject(durable), message.data, headers=headers)


async def dead_letters(jetstream: JetStreamContext) -> AsyncIterator[DeadLetter]:
    """All dead letters, the oldest first. Raises NATS_AWAY."""
    after = 0
    while True:
        try:
            found = await jetstream.get_msg(naming.DEAD_LETTER_STREAM, seq=after + 1, subject=naming.DEAD_LETTERS, next=True)
        except NotFoundError:  # no stream, or no letter behind this one
            return
        letter = _letter(found)
        after = letter.number
        yield letter


async def dead_letter(jetstream: JetStreamContext, number: int) -> DeadLetter:
    """The dead letter of a number. Raises LetterUnknown, NATS_AWAY."""
    msg = f"there is no dead letter {number}"
    try:
        found = await jetstream.get_msg(naming.DEAD_LETTER_STREAM, seq=number)
    except NotFoundError as error:
        raise LetterUnknown(msg) from error
    letter = _letter(found)
    if found.subject != naming.dead_letter_subject(letter.durable):
        raise LetterUnknown(msg)
    return letter


async def send_again(jetstream: JetStreamContext, letter: DeadLetter) -> None:
    """Hand a letter to the consumer that gave up on it, once, and remove it. Safe to repeat. Raises NATS_AWAY."""
    headers = {**letter.headers, naming.HEADER_EXPECTED_LAST_SUBJECT_SEQUENCE: "0"}
    headers.pop(naming.HEADER_DEDUPLICATION, None)
    try:
        await jetstream.publish(naming.dead_letter_retry_subject(letter.durable, letter.number), letter.body, headers=headers)
    except BadRequestError as error:
        if error.err_code not in _ANOTHER_LAST_SEQUENCE:
            raise
        # An earlier attempt, or somebody else, sent it and did not come to removing it.
    try:
        await jetstream.delete_msg(naming.DEAD_LETTER_STREAM, letter.number)
    except APIError:
        # The server has one error for all that can go wrong; removed by somebody else meanwhile is as good.
        if await _is_there(jetstream, letter.number):
            raise


async def _is_there(jetstream: JetStreamContext, number: int) -> bool:
    try:
        await jetstream.get_msg(naming.DEAD_LETTER_STREAM, seq=number)
    except NotFoundError:
        return False
    return True


def _letter(found: RawStreamMsg) -> DeadLetter:
    headers: dict[str, str] = found.headers or {}
    return DeadLetter(
        number=found.seq or 0,
        durable=(found.subject or "").split(".")[1],
        subject=headers.get(naming.HEADER_DEAD_SUBJECT, ""),
        reason=headers.get(naming.HEADER_DEAD_REASON, ""),
        deliveries=int(headers.get(naming.HEADER_DEAD_DELIVERIES, 0)),
        buried_at=headers.get(naming.HEADER_DEAD_AT, ""),
        headers=headers,
        body=found.data or b"",
    )
