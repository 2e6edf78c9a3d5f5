"""Every subject, stream, durable and header of the bus. No other module writes one of these as a literal."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from contracts.message import TOKEN, Command, Event, Message, Query, Update

HEADER_MESSAGE_ID = "Hb-Message-Id"
HEADER_CAUSATION_ID = "Hb-Causation-Id"
HEADER_CORRELATION_ID = "Hb-Correlation-Id"
HEADER_ACTOR = "Hb-Actor"
HEADER_TRACEPARENT = "traceparent"
HEADER_TYPE = "Hb-Type"
HEADER_STREAM_ID = "Hb-Stream-Id"
HEADER_VERSION = "Hb-Version"
HEADER_POSITION = "Hb-Position"
HEADER_RECORDED_AT = "Hb-Recorded-At"
HEADER_STATUS = "Hb-Status"
"""On replies: the HTTP status the gateway answers with, e.g. `200`, `404`."""
HEADER_RETRY_AFTER = "Hb-Retry-After"
HEADER_KEEP = "Hb-Keep"
"""On replies to queries: `<owner> <seconds>`, the process that answers and for how long its answer may be kept."""
HEADER_DEDUPLICATION = "Nats-Msg-Id"
HEADER_EXPECTED_LAST_SEQUENCE = "Nats-Expected-Last-Sequence"
HEADER_EXPECTED_LAST_SUBJECT_SEQUENCE = "Nats-Expected-Last-Subject-Sequence"
HEADER_TRANSACTION = "Hb-Transaction"
"""With the position: where an event stands in its log's feed."""
HEADER_DEAD_REASON = "Hb-Dead-Reason"
HEADER_DEAD_SUBJECT = "Hb-Dead-Subject"
HEADER_DEAD_SEQUENCE = "Hb-Dead-Sequence"
HEADER_DEAD_DELIVERIES = "Hb-Dead-Deliveries"
HEADER_DEAD_AT = "Hb-Dead-At"
"""On dead letters, beside the headers of the message itself."""

LEASE_BUCKET = "LEASES"
ANSWER_BUCKET = "ANSWERS"
"""What the gateway answered to requests with an Idempotency-Key."""
DEAD_LETTER_STREAM = "DLQ"
DEAD_LETTER_SUBJECTS = "dlq.>"
DEAD_LETTERS = "dlq.*"
"""The dead letters among them; the others are those that were sent again."""
ALL_EVENTS = "evt.>"
LIVE_FEEDS = "mkt.>"
"""The updates of all live feeds of market data."""


def tokens(id_: str) -> str:
    """`id_` when it is one token or tokens joined by a dot (as `account.connector`); ValueError otherwise."""
    if not all(TOKEN.fullmatch(part) for part in id_.split(".")):
        msg = f"not a subject token: {id_!r}"
        raise ValueError(msg)
    return id_


def command_subject(command: type[Command]) -> str:
    """`cmd.<context>.<noun>.<Command>`, served by any replica (queue group)."""
    return f"cmd.{command.context}.{command.noun}.{command.__name__}"


def session_command_subject(account: str, connector: str, command: type[Command]) -> str:
    """`cmd.trading.session.<account>.<connector>.<Command>`, served only by the session's lease holder."""
    return f"cmd.trading.session.{tokens(account)}.{tokens(connector)}.{command.__name__}"


def query_subject(query: type[Query]) -> str:
    """`qry.<context>.<noun>.<Query>`."""
    return f"qry.{query.context}.{query.noun}.{query.__name__}"


def replica_query_subject(replica: str, query: type[Query]) -> str:
    """`qry.<context>.replica.<replica>.<Query>`, answered by that replica only."""
    return f"qry.{query.context}.replica.{tokens(replica)}.{query.__name__}"


def stream_id(context: str, noun: str, id_: str) -> str:
    """The id of one aggregate's stream in the event log: `trading.order-o1`."""
    return f"{context}.{noun}-{tokens(id_)}"


def aggregate_id(stream: str) -> str:
    """The aggregate's id of a stream id: `trading.order-o1` -> `o1`."""
    return stream.split("-", 1)[1]


def event_subject(stream: str, event_type: str) -> str:
    """`evt.<context>.<noun>.<id>.<Event>` for an event of stream `<context>.<noun>-<id>`."""
    noun, id_ = stream.split("-", 1)
    return f"evt.{noun}.{tokens(id_)}.{event_type}"


def event_stream(context: str) -> str:
    """The JetStream stream of a context's events: `EVT_TRADING`."""
    return f"EVT_{context.upper()}"


def event_stream_subjects(context: str) -> str:
    """What the context's stream captures: `evt.trading.>`."""
    return f"evt.{context}.>"


def noun_events(context: str, noun: str) -> str:
    """Filter for all events of a noun: `evt.trading.order.>`."""
    return f"evt.{context}.{noun}.>"


def events_of(event: type[Event]) -> str:
    """Filter for one event class over all ids of one token: `evt.trading.order.*.OrderFilled`."""
    return f"evt.{event.context}.{event.noun}.*.{event.__name__}"


def durable(service: str, purpose: str) -> str:
    """`<service>__<purpose>`."""
    return f"{service.replace('-', '_')}__{purpose}"


def queue_group(service: str) -> str:
    """The queue group all replicas of a service share."""
    return service


def dead_letter_subject(durable_name: str) -> str:
    """`dlq.<durable>`."""
    return f"dlq.{durable_name}"


def dead_letter_retry_subject(durable_name: str, number: int) -> str:
    """`dlq.<durable>.retry.<number>`: the dead letter of that number, sent again to the consumer that gave up on it."""
    return f"dlq.{durable_name}.retry.{number}"


def dead_letter_retries(durable_name: str) -> str:
    """All dead letters sent again to a consumer: `dlq.<durable>.retry.*`."""
    return f"dlq.{durable_name}.retry.*"


def event_filters(subject: str, contexts: Sequence[str]) -> dict[str, str]:
    """A filter over events as one for each context's stream: `evt.*.order.>` as `{"trading": "evt.trading.order.>", ...}`.

    ValueError when no event of these contexts can have such a subject.
    """
    head, _, rest = subject.partition(".")
    context, dot, beyond = rest.partition(".")
    wanted = list(contexts) if context in {"*", ">"} else [each for each in contexts if each == context]
    whole = context == ">" and not dot
    if head != "evt" or not wanted or not (whole or (beyond and context != ">")):
        msg = f"{subject!r} is no subject of events: expected evt.<context>.<noun>.<id>.<Event>, with * and > as wildcards"
        raise ValueError(msg)
    return {each: event_stream_subjects(each) if whole else f"evt.{each}.{beyond}" for each in wanted}


def health_subject(service: str) -> str:
    """`qry.<service>.health.GetHealth`, answered by one replica of the service."""
    return f"qry.{service}.health.GetHealth"


def wake_subject(context: str, noun: str) -> str:
    """A core NATS ping to all replicas of a service: look at what is stored of a noun now, not at your next poll."""
    return f"wake.{context}.{tokens(noun)}"


def changes_subject(context: str) -> str:
    """Where the owner of a context tells on core NATS that rows changed on which its answers depend: `chg.<context>`."""
    return f"chg.{context}"


def feed_subject(update: type[Update], *name: str) -> str:
    """Where a live feed's updates are told: `mkt.<noun>.<connector>.<pair>`, of candles with the interval behind it.

    Exchanges name pairs as they like: what may not stand in a subject is written as in a URL.
    """
    return ".".join(("mkt", update.noun, *(quote(part, safe="").replace(".", "%2E") for part in name)))


def lease_key(noun: str, id_: str) -> str:
    """The key of a lease in the lease bucket: `session.master_account.binance`."""
    return f"{noun}.{tokens(id_)}"


def commands_of(context: str) -> str:
    """All commands of a context, those of its sessions too: `cmd.trading.>`."""
    return f"cmd.{context}.>"


def queries_of(context: str) -> str:
    """All queries of a context: `qry.trading.>`."""
    return f"qry.{context}.>"


def wakes_of(context: str) -> str:
    """All pings within a context: `wake.trading.>`."""
    return f"wake.{context}.>"


def inbox_prefix(service: str) -> str:
    """Where answers to a service's requests go; no other login may listen there: `_INBOX.gateway-api`."""
    return f"_INBOX.{service}"


def inbox(service: str) -> str:
    """All inboxes of a service: `_INBOX.gateway-api.>`."""
    return f"{inbox_prefix(service)}.>"


def bucket_stream(bucket: str) -> str:
    """The stream NATS keeps a key-value bucket in: `KV_LEASES`."""
    return f"KV_{bucket}"


def bucket_subjects(bucket: str) -> str:
    """What a key-value bucket's stream captures: `$KV.LEASES.>`."""
    return f"$KV.{bucket}.>"


def leases_of(noun: str) -> str:
    """Where the leases of a noun are written: `$KV.LEASES.market-data.>`."""
    return f"$KV.{LEASE_BUCKET}.{tokens(noun)}.>"


def pull_subject(stream: str, consumer: str) -> str:
    """Where NATS takes the pull requests of a consumer."""
    return f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"


def message_name(message: type[Message]) -> str:
    """The one name of a message class."""
    return message.__name__
