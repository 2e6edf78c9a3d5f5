"""Aggregate `funding` (stream `trading.funding-<id>`): one funding payment of an account on a derivatives exchange."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from contracts.message import Amount, Event, Query, Reply, Time, Token


class _Funding:
    context: ClassVar[str] = "trading"
    noun: ClassVar[str] = "funding"


class FundingPaid(_Funding, Event):
    """The account paid (negative) or received funding, once for each account, connector, pair and exchange id.

    `rate` is the one that was settled, None where the exchange did not tell it; `position_amount` the net position it was paid
    for (negative when short), None where it does not follow from the exchange's figures.
    """

    account: Token
    connector: Token
    trading_pair: str
    exchange_funding_id: str
    amount: Amount
    token: str
    rate: Amount | None
    position_amount: Amount | None
    time: Time


class FundingShare(Reply):
    """What of a payment belongs to an executor, or without `executor_id` to the position hold of `controller_id`.

    `position_amount` is what it held when funding was settled, by its own executions; below zero when short.
    """

    executor_id: Token | None
    controller_id: Token
    position_amount: Amount
    amount: Amount


class FundingShared(_Funding, Event):
    """A payment was shared among those who held its position; `rest` stays with the account. All sum to the payment."""

    account: Token
    connector: Token
    trading_pair: str
    exchange_funding_id: str
    shares: tuple[FundingShare, ...]
    rest: Amount
    time: Time


FundingEvent = FundingPaid | FundingShared


class SearchFundingPayments(_Funding, Query):
    """-> P1 page of funding payments (contract 8.5), newest first, keyset cursor, true total."""

    limit: int = Field(default=100, ge=1, le=1000)
    cursor: str | None = None
    start_time: Time | None = None
    end_time: Time | None = None
    account_names: tuple[str, ...] | None = None
    connector_names: tuple[str, ...] | None = None
    trading_pair: str | None = None
