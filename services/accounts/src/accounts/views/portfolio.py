"""View over trading's events: the balances each session reported last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from contracts.naming import noun_events
from contracts.trading import Balance, BalancesRead, BalancesReported
from eventlog.log import EventLog
from eventlog.statements import Statement, Write
from service_kit.received import Received
from sqlalchemy import BigInteger, Column, MetaData, Table, Text, bindparam, delete, select
from sqlalchemy.dialects.postgresql import JSONB, insert

from accounts.views.credentials import CREDENTIALS

METADATA = MetaData()

BALANCES = Table(
    "balances",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("connector", Text, primary_key=True),
    # The version of the session's stream that the balances are as new as.
    Column("version", BigInteger, nullable=False),
    # [[token, total, available], ...], amounts as text.
    Column("balances", JSONB, nullable=False),
)


def _put(*, same_version: bool) -> Statement:
    """Replace a session's balances by newer ones; nothing happens for a session without a credential."""
    account, connector = bindparam("account", type_=Text), bindparam("connector", type_=Text)
    source = select(account, connector, bindparam("version", type_=BigInteger), bindparam("balances", type_=JSONB)).where(
        select(CREDENTIALS).where(CREDENTIALS.c.account == account, CREDENTIALS.c.connector == connector).exists()
    )
    row = insert(BALANCES).from_select(["account", "connector", "version", "balances"], source)
    newer = BALANCES.c.version <= row.excluded.version if same_version else BALANCES.c.version < row.excluded.version
    return Statement(
        row.on_conflict_do_update(
            index_elements=["account", "connector"],
            set_={"version": row.excluded.version, "balances": row.excluded.balances},
            where=newer,
        )
    )


_REPORT = _put(same_version=False)
# A session reads after it stored the event of that version: what it read is as new as that event, or newer.
_READ = _put(same_version=True)
_FORGET = Statement(
    delete(BALANCES).where(
        BALANCES.c.account == bindparam("of_account", type_=Text),
        BALANCES.c.connector == bindparam("of_connector", type_=Text),
    )
)

# Joined with the credentials: what belongs to a deleted credential is never shown.
_SELECT = """
SELECT account, connector, balances FROM balances JOIN credentials USING (account, connector)
WHERE ($1::text[] IS NULL OR account = ANY($1)) AND ($2::text[] IS NULL OR connector = ANY($2))
ORDER BY account COLLATE "C", connector COLLATE "C"
"""


class PortfolioView:
    """One row for each session; an event never overwrites a newer one, in whatever order they come."""

    name = "portfolio"
    context = "trading"
    subjects: Sequence[str] = (noun_events("trading", "session"),)
    metadata = METADATA

    def project(self, received: Received) -> Iterable[Write]:
        """Take over the balances of a BalancesReported."""
        match received.event:
            case BalancesReported(account=account, connector=connector, balances=balances):
                yield _REPORT.bind(account=account, connector=connector, version=received.version, balances=_rows(balances))


def taken_over(read: BalancesRead) -> Write:
    """The write of what a session answered to a refresh, unless the view is ahead of it."""
    return _READ.bind(account=read.account, connector=read.connector, version=read.version, balances=_rows(read.balances))


def forgotten(account: str, connector: str) -> Write:
    """The write that drops a session's balances with its credential."""
    return _FORGET.bind(of_account=account, of_connector=connector)


async def session_balances(
    log: EventLog, accounts: Sequence[str] | None = None, connectors: Sequence[str] | None = None
) -> list[tuple[str, str, list[list[str]]]]:
    """(account, connector, [[token, total, available], ...]) of sessions with a credential, sorted; None or nothing: all."""
    rows = await log.fetch(_SELECT, list(accounts or ()) or None, list(connectors or ()) or None)
    return [(row["account"], row["connector"], json.loads(row["balances"])) for row in rows]


def _rows(balances: Iterable[Balance]) -> list[tuple[str, str, str]]:
    return sorted((balance.token, str(balance.total), str(balance.available)) for balance in balances)
