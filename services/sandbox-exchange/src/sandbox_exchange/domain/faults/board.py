"""The faults in force on one exchange, and which of them fire."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox_exchange.domain.faults.fault import Fault, Firing, Kind, Occasion, Wanted


class Faults:
    """Faults by id, in the order they were added. They are never journalled: a restarted exchange has none."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._added = 0

    def __bool__(self) -> bool:
        return bool(self._faults)

    def add(self, wanted: Wanted) -> Fault:
        """Put a fault in force."""
        self._added += 1
        fault = self._faults[f"fault{self._added}"] = Fault(f"fault{self._added}", wanted)
        return fault

    def listed(self) -> list[Fault]:
        return list(self._faults.values())

    def remove(self, fault_id: str) -> bool:
        """End a fault. False when there is none of that id."""
        return self._faults.pop(fault_id, None) is not None

    def clear(self) -> int:
        """End every fault; how many there were."""
        count = len(self._faults)
        self._faults.clear()
        return count

    def first(self, kinds: Iterable[Kind], occasion: Occasion, now: int) -> Firing | None:
        """The fault that fires at an occasion: kinds in the given order, faults of a kind in the order they were added.

        Faults behind the one that fires do not meet the occasion.
        """
        for kind in kinds:
            for fault in self._of(kind):
                firing = fault.meet(occasion, now)
                if firing is not None:
                    return firing
        return None

    def delay(self, kind: Kind, occasion: Occasion, now: int) -> int:
        """The milliseconds of all faults of a kind that fire at an occasion, added up."""
        firings = [fault.meet(occasion, now) for fault in self._of(kind)]
        return sum(firing.milliseconds for firing in firings if firing is not None)

    def is_halted(self, symbol: str, now: int) -> bool:
        """Whether a symbol is not traded now. Asking is no occasion: a halt is a state."""
        return any(fault.is_active(now) and fault.wanted.symbol in (None, symbol) for fault in self._of(Kind.HALT))

    def meets_halt(self, occasion: Occasion, now: int) -> bool:
        """Whether a halt keeps an order from being placed; the halt counts it."""
        return self.first((Kind.HALT,), occasion, now) is not None

    def _of(self, kind: Kind) -> list[Fault]:
        return [fault for fault in self._faults.values() if fault.wanted.kind is kind]
