"""The engine's idea of an exchange's clock, worked out once for each set of samples.

The engine computes a median and a weighted mean with numpy for every signed request, a fifth of what sending an order costs;
the samples change every few minutes.
"""

from __future__ import annotations

from typing import Any


def install(synchronizer_class: Any) -> None:
    """Let the engine's time synchronizers keep the offset until their samples change. Repeats do nothing."""
    if hasattr(synchronizer_class, "computed_offset_ms"):
        return
    compute = synchronizer_class.time_offset_ms.fget

    def time_offset_ms(self: Any) -> float:
        samples = tuple(self._time_offset_ms)
        if not samples:
            return float(compute(self))
        kept: tuple[tuple[float, ...], float] | None = self.__dict__.get("_kept_offset")
        if kept is None or kept[0] != samples:
            kept = self._kept_offset = (samples, float(compute(self)))
        return kept[1]

    synchronizer_class.computed_offset_ms = property(compute)
    synchronizer_class.time_offset_ms = property(time_offset_ms)
