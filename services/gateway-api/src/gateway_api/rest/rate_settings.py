"""Where rates come from and in which token they are told, as accounts knows it."""

from __future__ import annotations

from contracts.message import Metadata
from contracts.rates import GetRateSettings, RateSettings
from contracts.rejections import Unavailable

from gateway_api.rest.services import Services


async def rate_settings(bus: Services, metadata: Metadata) -> RateSettings:
    """What holds now. Unavailable."""
    answer = await bus.query(GetRateSettings(), metadata)
    if answer.status >= 400:
        raise Unavailable("The settings of rates cannot be read now")
    return RateSettings.model_validate_json(answer.body)
