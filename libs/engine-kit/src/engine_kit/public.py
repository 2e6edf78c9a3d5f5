"""The engine's connectors without keys: for what an exchange tells everybody."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from typing import Any

from contracts.accounts import ConnectorUnknown
from contracts.rejections import Unavailable

from engine_kit.engine import Engine


def connector_class(setting: Any) -> Any:
    """The engine's class of a connector; imported on first use."""
    return getattr(importlib.import_module(setting.module_path()), setting.class_name())


def setting_of(engine: Engine, connector: str) -> Any:
    """The engine's setting. ConnectorUnknown (400) for a name it does not have."""
    setting = engine.settings.get(connector)
    if setting is None:
        raise ConnectorUnknown(f"Connector '{connector}' not found", field="connector")
    return setting


async def made_public(setting: Any, trading_pairs: Sequence[str] = ()) -> Any:
    """A connector without keys, for public data only; nothing is connected. Unavailable when a library is missing."""
    await imported(setting)
    return setting.non_trading_connector_instance_with_default_configuration(list(trading_pairs))


async def imported(setting: Any) -> None:
    """Import the connector's code off the loop. Unavailable when a library is missing."""
    try:
        await asyncio.to_thread(connector_class, setting)
    except ImportError as missing:
        msg = f"the engine cannot load '{setting.name}': {missing}"
        raise Unavailable(msg, retry_after=3600) from missing
