"""Which subjects each login of the bus may use: as little as its service needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from contracts import market_data, naming
from contracts.accounts import RevealCredential
from contracts.vault import RevealConfigPassword, RotateConfigPassword

from hummingbus.embedded.nats import NatsUser

CONTEXTS = ("accounts", "trading")
"""The contexts with an event log; each is owned by the service of the same name."""

MARKET_DATA = market_data.CONTEXT
"""The service of market data: it answers queries, and stores no event."""

LOGINS = (*CONTEXTS, MARKET_DATA, "gateway-api", "operator")
"""Every login of the bus. The sandbox exchange has none: it is the outside world."""

API = "$JS.API"
REVEAL = naming.query_subject(RevealCredential)
REVEAL_PASSWORD = naming.query_subject(RevealConfigPassword)
ROTATE = naming.command_subject(RotateConfigPassword)


@dataclass(frozen=True, slots=True)
class Access:
    """What one login may publish and subscribe to."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    deny_publish: tuple[str, ...] = ()


def nats_users(passwords: dict[str, str]) -> list[NatsUser]:
    """The server's users; `passwords` holds the bcrypt hash of each of LOGINS."""
    return [
        NatsUser(login, passwords[login], access.publish, access.subscribe, access.deny_publish)
        for login in LOGINS
        for access in [access_of(login)]
    ]


def access_of(login: str) -> Access:
    """The permissions of one of LOGINS; KeyError for another name."""
    if login == "operator":
        return _operator()
    if login == "gateway-api":
        return _gateway()
    if login == MARKET_DATA:
        return _market_data()
    return _owner(login, asks=_ASKS[login])


_ASKS: dict[str, tuple[str, ...]] = {
    # A replica whose vault key is out of date asks the others; nobody else may.
    "accounts": (REVEAL_PASSWORD, naming.commands_of("trading"), naming.queries_of("trading")),
    # A session reveals its own credential; nobody else may.
    "trading": (REVEAL, naming.commands_of("trading"), naming.queries_of("trading")),
}


def _owner(context: str, asks: tuple[str, ...]) -> Access:
    """A service with an event log: it writes its own stream, reads all, and answers for its context."""
    own = [naming.event_stream(context), naming.DEAD_LETTER_STREAM, naming.bucket_stream(naming.LEASE_BUCKET)]
    foreign = [naming.event_stream(other) for other in CONTEXTS if other != context]
    publish = [
        *asks,
        naming.event_stream_subjects(context),
        naming.wakes_of(context),
        naming.changes_subject(context),
        naming.DEAD_LETTER_SUBJECTS,
        naming.bucket_subjects(naming.LEASE_BUCKET),
        *_jetstream_account(),
        *(subject for stream in own for subject in _keep(stream)),
        *(subject for stream in (*own, *foreign) for subject in _consume(stream)),
    ]
    subscribe = [
        naming.inbox(context),
        naming.commands_of(context),
        naming.queries_of(context),
        *(naming.wakes_of(other) for other in CONTEXTS),
        # Told when a message was given up on, so that it becomes a dead letter.
        "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>",
    ]
    return Access(tuple(publish), tuple(subscribe))


def _market_data() -> Access:
    """Stores nothing; its replicas see each other by their leases, and ask each other."""
    leases = naming.bucket_stream(naming.LEASE_BUCKET)
    publish = (
        naming.LIVE_FEEDS,
        naming.queries_of(MARKET_DATA),
        naming.leases_of(MARKET_DATA),
        *_jetstream_account(),
        *_keep(leases),
        *_consume(leases),
    )
    return Access(publish, (naming.inbox(MARKET_DATA), naming.queries_of(MARKET_DATA)))


def _gateway() -> Access:
    """Asks every context for all but the vault's secrets; follows events without keeping a position; keeps its answers."""
    asks = [subject for context in CONTEXTS for subject in (naming.commands_of(context), naming.queries_of(context))]
    streams = [naming.event_stream(context) for context in CONTEXTS]
    answers = naming.bucket_stream(naming.ANSWER_BUCKET)
    publish = [
        *asks,
        naming.queries_of(MARKET_DATA),
        naming.bucket_subjects(naming.ANSWER_BUCKET),
        *_jetstream_account(),
        *_keep(answers),
        *(subject for stream in (*streams, answers) for subject in _consume(stream)),
    ]
    events = [naming.event_stream_subjects(context) for context in CONTEXTS]
    changes = [naming.changes_subject(context) for context in (*CONTEXTS, MARKET_DATA)]
    asked = [naming.queries_of("gateway-api"), naming.commands_of("gateway-api")]
    subscribe = [naming.inbox("gateway-api"), *asked, *events, *changes, naming.LIVE_FEEDS]
    return Access(tuple(publish), tuple(subscribe), deny_publish=(REVEAL, REVEAL_PASSWORD, ROTATE))


def _operator() -> Access:
    """The command line: reads events and dead letters, mends streams and rotates the config password.

    Commands, which may carry secrets, stay hidden from it.
    """
    events = [naming.event_stream_subjects(context) for context in CONTEXTS]
    asks = [ROTATE, *(naming.queries_of(context) for context in CONTEXTS)]
    publish = [*asks, f"{API}.>", "$JS.ACK.>", naming.DEAD_LETTER_SUBJECTS]
    subscribe = [naming.inbox("operator"), *events, naming.DEAD_LETTER_SUBJECTS, *(naming.wakes_of(each) for each in CONTEXTS)]
    return Access(tuple(publish), tuple(subscribe), deny_publish=(REVEAL, REVEAL_PASSWORD))


def _jetstream_account() -> Iterable[str]:
    """What every JetStream client asks about the account."""
    return (f"{API}.INFO", f"{API}.STREAM.NAMES", "$JS.FC.>")


def _keep(stream: str) -> Iterable[str]:
    """Make a stream and change its settings; deleting and purging it is the operator's."""
    return (f"{API}.STREAM.CREATE.{stream}", f"{API}.STREAM.UPDATE.{stream}")


def _consume(stream: str) -> Iterable[str]:
    """Read a stream, by message or with consumers of one's own."""
    consumer = f"{API}.CONSUMER"
    return (
        f"{API}.STREAM.INFO.{stream}",
        f"{API}.STREAM.MSG.GET.{stream}",
        f"{API}.DIRECT.GET.{stream}",
        f"{API}.DIRECT.GET.{stream}.>",
        *(f"{consumer}.{verb}.{stream}" for verb in ("CREATE", "NAMES", "LIST")),
        *(f"{consumer}.{verb}.{stream}.>" for verb in ("CREATE", "DURABLE.CREATE", "INFO", "DELETE", "MSG.NEXT")),
        f"$JS.ACK.{stream}.>",
    )
