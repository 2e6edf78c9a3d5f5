"""How the exchange comes back from its journal, and how the journal is kept short.

Both markets share one journal: records and snapshot lines of the futures exchange are under the key `perpetual`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sandbox_exchange.adapters import journal_files as files
from sandbox_exchange.domain.market.pairs import LISTED as PAIRS
from sandbox_exchange.domain.perpetual import events as futures_events
from sandbox_exchange.domain.perpetual import snapshot as futures_snapshot
from sandbox_exchange.domain.perpetual.contracts import LISTED as CONTRACTS
from sandbox_exchange.domain.perpetual.exchange import FuturesExchange
from sandbox_exchange.domain.spot import snapshot
from sandbox_exchange.domain.spot.events import from_record
from sandbox_exchange.domain.spot.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Exchanges:
    """The two exchanges of one journal. Their accounts are the same: spot opens them."""

    spot: Exchange = field(default_factory=lambda: Exchange(PAIRS))
    futures: FuturesExchange = field(default_factory=lambda: FuturesExchange(CONTRACTS))


def fold(exchanges: Exchanges, stored: files.Stored) -> tuple[int, int]:
    """Fold everything stored into empty exchanges. Number and time (ms) of the last record. Raises JournalBroken."""
    for line in stored.snapshot:
        if "perpetual" in line:
            futures_snapshot.load(exchanges.futures.state, line["perpetual"])
        else:
            snapshot.load(exchanges.spot.state, [line])
    number = stored.last
    times = [account.updated_at for account in exchanges.spot.state.accounts.values()]
    times += [account.updated_at for account in exchanges.futures.state.accounts.values()]
    at = max(times, default=0)
    for record in stored.records:
        exchanges.spot.replay(from_record(event) for event in record.get("events", ()))
        exchanges.futures.replay(futures_events.from_record(event) for event in record.get("perpetual", ()))
        number, at = record["n"], max(at, record["at"])
    return number, at


def compact(directory: Path, exchanges: Exchanges) -> int:
    """Fold every full segment into the snapshot, next to a running exchange. The number of the last record folded."""
    with files.compaction_lock(directory):
        full = files.segments(directory)[:-1]
        last, _ = fold(exchanges, files.read(directory, full, live=False))
        if full:
            files.write_snapshot(directory, last, _dump(exchanges))
        return last


def _dump(exchanges: Exchanges) -> Iterator[dict[str, object]]:
    yield from snapshot.dump(exchanges.spot.state)
    for record in futures_snapshot.dump(exchanges.futures.state):
        yield {"perpetual": record}
