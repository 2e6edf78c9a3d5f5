"""What an executor of the engine says of itself at a moment."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Protocol

from contracts.rejections import Unavailable
from pydantic import JsonValue

from trading.views.executor_figures import Sample

logger = logging.getLogger(__name__)


class Telling(Protocol):
    """The engine's executor, as far as it tells of itself."""

    def figures(self) -> dict[str, Decimal]:
        """Its figures. Unavailable without a live price."""
        ...

    def custom_info(self) -> dict[str, JsonValue]:
        """What its class tells beside them."""
        ...


def sampled(executor_id: str, executor: Telling) -> Sample | None:
    """Its figures between two steps; None at a moment in which the engine's object cannot tell."""
    try:
        return Sample(executor_id, executor.figures(), executor.custom_info())
    except (Unavailable, ArithmeticError, LookupError, ValueError, TypeError, AttributeError) as error:
        logger.debug("executor %s has no figures now: %s", executor_id, error)
        return None


def figures(executor: Telling) -> dict[str, Decimal]:
    """The executor's figures; none at a moment without a live price."""
    try:
        return executor.figures()
    except Unavailable:
        return {}
