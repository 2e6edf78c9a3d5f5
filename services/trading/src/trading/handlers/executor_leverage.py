"""The leverage an executor asks for, set on its perpetual market before its first order."""

from __future__ import annotations

import logging

from contracts.message import Metadata
from contracts.trading import ExecutorCreated, NotPerpetual, SetLeverage, SettingRefused

from trading.handlers.live import Live
from trading.handlers.positions import Positions

logger = logging.getLogger(__name__)


async def set_leverage(live: Live, created: ExecutorCreated) -> str | None:
    """Set it through the session; why the exchange refused it, or None. Unavailable when the outcome is not known.

    An executor that asks for none trades at what its owner chose.
    """
    if created.leverage is None:
        return None
    market = created.markets[0]
    command = SetLeverage(
        account=created.account, connector=market.connector, trading_pair=market.trading_pair, leverage=created.leverage
    )
    try:
        await Positions(live).set_leverage(command, Metadata(actor=f"executor:{created.executor_id}"))
    except (SettingRefused, NotPerpetual) as refused:
        return f"leverage {created.leverage} of {market.trading_pair} on {market.connector}: {refused.detail}"
    logger.info("leverage of %s on %s is %s", market.trading_pair, market.connector, created.leverage)
    return None
