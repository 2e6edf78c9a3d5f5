"""The limits of accounts: stored by any replica, and confirmed by every session that runs before the answer."""

from __future__ import annotations

from contracts import naming
from contracts.message import Metadata, utc_now
from contracts.trading import GetRiskLimits, ReloadRiskLimits, RiskLimitsAccepted, RiskLimitsReloaded, SetRiskLimits
from eventlog.execute import execute, load
from eventlog.log import EventLog
from pydantic_core import to_json
from service_kit.bus import Bus, NoResponders

from trading.domain.risk import NONE, RISK, SetLimits
from trading.handlers.live import risk_stream
from trading.views.risk import connectors_of


class AccountLimits:
    """Serves the command and the query on limits."""

    def __init__(self, log: EventLog, bus: Bus) -> None:
        self._log = log
        self._bus = bus

    async def set(self, command: SetRiskLimits, metadata: Metadata) -> RiskLimitsAccepted:
        """Store the limits and have all sessions of the account go by them. Refused: AccountUnknown."""
        account, actor = command.account, command.actor
        connectors = await connectors_of(self._log, account)
        limits = SetLimits(account=account, actor=actor, limits=command.limits, time=utc_now())
        done = await execute(self._log, RISK, risk_stream(account), limits, metadata)
        for connector in connectors:
            await self._reload(account, connector, metadata)
        return RiskLimitsAccepted(account=account, actor=actor, limits=done.state.limits.get(actor, NONE))

    async def get(self, query: GetRiskLimits, _metadata: Metadata) -> bytes:
        """The limits of an account, and those of actors on it. Refused: AccountUnknown."""
        await connectors_of(self._log, query.account)
        risk, _ = await load(self._log, RISK, risk_stream(query.account))
        actors = {actor: each.model_dump(mode="json") for actor, each in risk.limits.items() if actor is not None}
        whole = risk.limits.get(None, NONE).model_dump(mode="json")
        return to_json({"account_name": query.account, "limits": whole, "actors": actors})

    async def _reload(self, account: str, connector: str, metadata: Metadata) -> None:
        """A session that nobody holds reads the limits when it starts."""
        command = ReloadRiskLimits(account=account, connector=connector)
        subject = naming.session_command_subject(account, connector, ReloadRiskLimits)
        try:
            await self._bus.command(command, RiskLimitsReloaded, metadata.caused(), subject=subject)
        except NoResponders:
            return
