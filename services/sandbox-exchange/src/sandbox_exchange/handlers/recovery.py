"""How an exchange comes back from its journal, and how the journal is kept short."""

from __future__ import annotations

from pathlib import Path

from sandbox_exchange.adapters import journal_files as files
from sandbox_exchange.domain.spot import snapshot
from sandbox_exchange.domain.spot.events import from_record
from sandbox_exchange.domain.spot.exchange import Exchange


def fold(exchange: Exchange, stored: files.Stored) -> tuple[int, int]:
    """Fold everything stored into an empty exchange. Number and time (ms) of the last record. Raises JournalBroken."""
    snapshot.load(exchange.state, stored.snapshot)
    number = stored.last
    at = max((account.updated_at for account in exchange.state.accounts.values()), default=0)
    for record in stored.records:
        exchange.replay(from_record(event) for event in record["events"])
        number, at = record["n"], max(at, record["at"])
    return number, at


def compact(directory: Path, exchange: Exchange) -> int:
    """Fold every full segment into the snapshot, next to a running exchange. The number of the last record folded."""
    with files.compaction_lock(directory):
        full = files.segments(directory)[:-1]
        last, _ = fold(exchange, files.read(directory, full, live=False))
        if full:
            files.write_snapshot(directory, last, snapshot.dump(exchange.state))
        return last
