"""The operator's door to faults, `/admin/faults`."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sandbox_exchange.domain.faults.board import Faults
from sandbox_exchange.domain.faults.fault import OPTIONS, REACH, Endpoint, Fault, Kind, Wanted
from sandbox_exchange.domain.refusals import Refused
from sandbox_exchange.domain.wire import ledger
from sandbox_exchange.handlers.doors import answer, json_body, trusted
from sandbox_exchange.handlers.venue import Venue

LONGEST_MS = 86_400_000
STATE_LIKE = ("probability", "count", "api_key")
DEFAULTS: dict[Kind, dict[str, int]] = {
    Kind.LATENCY: {"milliseconds": 500},
    Kind.CLOCK_SKEW: {"milliseconds": -10_000},
    Kind.REORDER_EVENTS: {"milliseconds": 1000},
    Kind.ERROR_BEFORE: {"status": 500},
    Kind.ERROR_AFTER: {"status": 500},
    Kind.UNKNOWN_AFTER: {"status": 408},
    Kind.RATE_LIMIT: {"status": 429, "retry_after": 10},
    Kind.PARTIAL_FILLS: {"pieces": 3},
}
STATUSES = {Kind.RATE_LIMIT: "429 or 418", Kind.UNKNOWN_AFTER: "408 or from 500 to 599"}


class FaultBody(BaseModel):
    """The body of `POST /admin/faults`. Fields that the kind of fault does not have are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    endpoint: Endpoint = Endpoint.ALL
    api_key: str | None = None
    symbol: str | None = None
    probability: Annotated[Decimal, Field(ge=0, le=1)] = Decimal(1)
    count: Annotated[int, Field(ge=1)] | None = None
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    seed: int = 0
    milliseconds: Annotated[int, Field(ge=-LONGEST_MS, le=LONGEST_MS)] | None = None
    jitter: Annotated[int, Field(ge=0, le=LONGEST_MS)] | None = None
    status: int | None = None
    retry_after: Annotated[int, Field(ge=0)] | None = None
    pieces: Annotated[int, Field(ge=2, le=100)] | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> FaultBody:
        if self.endpoint not in REACH[self.kind]:
            raise ValueError(f"endpoint: {self.kind} can be asked for {', '.join(sorted(REACH[self.kind]))}")
        for name in ("milliseconds", "jitter", "status", "retry_after", "pieces"):
            if getattr(self, name) is not None and name not in OPTIONS[self.kind]:
                raise ValueError(f"{name}: {self.kind} has no such setting")
        if (self.milliseconds or 0) < 0 and self.kind is not Kind.CLOCK_SKEW:
            raise ValueError("milliseconds: only a clock_skew can be negative")
        if self.status is not None and not _status_fits(self.kind, self.status):
            raise ValueError(f"status: must be {STATUSES.get(self.kind, 'from 500 to 599')}")
        for name in STATE_LIKE:
            if self.kind is Kind.HALT and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name}: a halt is in force for everybody until it ends")
        return self

    def wanted(self, now: int) -> Wanted:
        """The fault that starts now."""
        options = {name: getattr(self, name) for name in OPTIONS[self.kind] if getattr(self, name) is not None}
        return Wanted(
            self.kind,
            self.endpoint,
            self.api_key,
            None if self.symbol is None else self.symbol.replace("-", "").upper(),
            self.probability,
            self.count,
            None if self.seconds is None else now + round(self.seconds * 1000),
            self.seed,
            **(DEFAULTS.get(self.kind, {}) | options),
        )


class FaultAdmin:
    """Faults are added, listed with how often each fired, and ended. 404 for an unknown account or fault."""

    def __init__(self, venue: Venue, faults: Faults, token: str) -> None:
        self._venue = venue
        self._faults = faults
        self._token = token

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/admin/faults", trusted(self._token, self.add)),
            web.get("/admin/faults", trusted(self._token, self.listed)),
            web.delete("/admin/faults", trusted(self._token, self.clear)),
            web.delete("/admin/faults/{fault_id}", trusted(self._token, self.remove)),
        ]

    async def add(self, request: web.Request) -> web.Response:
        try:
            body = FaultBody.model_validate(await json_body(request))
        except ValidationError as error:
            raise Refused(-1100, _rules(error)) from None
        wanted = body.wanted(self._venue.now())
        state = self._venue.exchange.state
        if wanted.api_key is not None and wanted.api_key not in state.by_api_key:
            raise Refused(-2015, "api_key: no such account.", 404)
        if wanted.symbol is not None:
            state.market(wanted.symbol)
        return answer(self._described(self._faults.add(wanted)), 201)

    async def listed(self, _: web.Request) -> web.Response:
        return answer([self._described(fault) for fault in self._faults.listed()])

    async def remove(self, request: web.Request) -> web.Response:
        fault_id = request.match_info["fault_id"]
        if not self._faults.remove(fault_id):
            raise Refused(-1100, "No such fault.", 404)
        return answer({"removed": [fault_id]})

    async def clear(self, _: web.Request) -> web.Response:
        removed = [fault.id for fault in self._faults.listed()]
        self._faults.clear()
        return answer({"removed": removed})

    def _described(self, fault: Fault) -> dict[str, Any]:
        wanted = fault.wanted
        return {
            "fault_id": fault.id,
            "kind": wanted.kind,
            "endpoint": wanted.endpoint,
            "api_key": wanted.api_key,
            "symbol": wanted.symbol,
            "probability": ledger.plain(wanted.probability),
            "count": wanted.count,
            "expires_at": wanted.expires_at,
            "seed": wanted.seed,
            **{name: getattr(wanted, name) for name in sorted(OPTIONS[wanted.kind])},
            "occasions": fault.occasions,
            "fired": fault.fired,
            "active": fault.is_active(self._venue.now()),
        }


def _status_fits(kind: Kind, status: int) -> bool:
    if kind is Kind.RATE_LIMIT:
        return status in (429, 418)
    return 500 <= status <= 599 or (kind is Kind.UNKNOWN_AFTER and status == 408)


def _rules(error: ValidationError) -> str:
    """Each broken rule behind the field it is about."""
    rules = []
    for each in error.errors():
        text = each["msg"].removeprefix("Value error, ")
        rules.append(": ".join([*(str(part) for part in each["loc"][:1]), text]))
    return "; ".join(rules)
