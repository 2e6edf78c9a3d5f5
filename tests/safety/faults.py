"""The exchange's faults, drawn from a round's seed: every kind, at every call it can reach, with every status it can have."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LONGEST = 6
"""Seconds after which a fault that counts its firings ends, should nothing set it off."""

ORDER = "order.place"
CALLS = (ORDER, "order.cancel", "order.query", "open_orders", "trades", "account", "exchange_info", "all")
"""Calls that a session makes."""
DOORS = (*CALLS, "user_stream")
"""The same and the door of the user stream: who is turned away there hears nothing."""


@dataclass(frozen=True)
class Recipe:
    """A kind of fault: its settings, where it may strike, and settings of which one is drawn. Orders are struck most."""

    settings: Mapping[str, Any]
    endpoints: Sequence[str] = ()
    choices: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    of_one_account: bool = True


FAILURES = {"status": (500, 502, 503, 504)}
RECIPES: Mapping[str, Recipe] = {
    "latency": Recipe({"milliseconds": 300, "jitter": 1500, "probability": 0.5, "seconds": 4}, DOORS),
    "timeout_before": Recipe({"count": 3, "milliseconds": 500, "seconds": LONGEST}, DOORS),
    "timeout_after": Recipe({"count": 3, "milliseconds": 500, "seconds": LONGEST}, CALLS),
    "error_before": Recipe({"count": 4, "seconds": LONGEST}, DOORS, FAILURES),
    "error_after": Recipe({"count": 3, "seconds": LONGEST}, CALLS, FAILURES),
    "unknown_after": Recipe({"count": 3, "seconds": LONGEST}, CALLS, {"status": (408, 500, 503)}),
    "drop_events": Recipe({"endpoint": "user_stream", "probability": 0.5, "seconds": 5}),
    "duplicate_events": Recipe({"endpoint": "user_stream", "probability": 0.5, "seconds": 5}),
    "reorder_events": Recipe({"endpoint": "user_stream", "probability": 0.5, "milliseconds": 800, "seconds": 5}),
    "cut_socket": Recipe({"endpoint": "user_stream", "count": 2, "seconds": LONGEST}),
    "rate_limit": Recipe({"count": 3, "retry_after": 1, "seconds": LONGEST}, DOORS, {"status": (429, 418)}),
    "clock_skew": Recipe({"probability": 0.3, "seconds": 3}, CALLS, {"milliseconds": (-7000, 7000)}),
    "partial_fills": Recipe({"pieces": 3, "probability": 0.7, "seconds": 8}),
    "maintenance": Recipe({"seconds": 1}),
    "halt": Recipe({"seconds": 1}, choices={"symbol": ("BTCUSDT", "ETHUSDT")}, of_one_account=False),
}


def drawn(seed: int, api_keys: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Faults for ever, as `POST /admin/faults` takes them: every kind before any comes again."""
    chance = random.Random(f"{seed}/faults")
    while True:
        for kind in chance.sample(sorted(RECIPES), len(RECIPES)):
            recipe = RECIPES[kind]
            fault = {"kind": kind, "seed": chance.randrange(2**31), **recipe.settings}
            if recipe.endpoints:
                fault["endpoint"] = ORDER if chance.random() < 0.35 else chance.choice(recipe.endpoints)
            for name, values in recipe.choices.items():
                fault[name] = chance.choice(values)
            if recipe.of_one_account and chance.random() < 0.5:
                fault["api_key"] = chance.choice(api_keys)
            yield fault
