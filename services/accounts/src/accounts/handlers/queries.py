"""Queries on accounts, credentials and the portfolio; each answers the final JSON."""

from __future__ import annotations

from contracts.accounts import (
    AccountUnknown,
    CredentialUnknown,
    GetAccountsDistribution,
    GetPortfolioDistribution,
    GetPortfolioHistory,
    GetPortfolioState,
    ListAccounts,
    ListCredentials,
    RevealCredential,
)
from contracts.message import Metadata
from eventlog.log import EventLog
from service_kit.changes import Keepable
from service_kit.sealing import Sealer

from accounts.adapters.vault import Vault
from accounts.domain.account import checked_name
from accounts.domain.distribution import by_account, by_token
from accounts.handlers.answers import account_distribution_json, json_bytes, state_json, token_distribution_json
from accounts.handlers.history import history_page
from accounts.handlers.valuation import Valuation
from accounts.views.accounts import account_exists, account_names
from accounts.views.credentials import credentialed

REVEAL = "reveal"
"""The purpose that revealed credentials are sealed for."""


class Queries:
    """The handlers of all queries of the service."""

    def __init__(self, log: EventLog, vault: Vault, sealer: Sealer, valuation: Valuation) -> None:
        self._log = log
        self._vault = vault
        self._sealer = sealer
        self._valuation = valuation

    async def list_accounts(self, _query: ListAccounts, _metadata: Metadata) -> Keepable:
        """The account names, master_account first."""
        return Keepable(json_bytes(await account_names(self._log)))

    async def list_credentials(self, query: ListCredentials, _metadata: Metadata) -> Keepable:
        """The connectors an account has a credential for."""
        connectors = [connector for _, connector in await credentialed(self._log, [checked_name(query.account)])]
        if not connectors:
            await self._require_account(query.account)
        return Keepable(json_bytes(connectors))

    async def reveal_credential(self, query: RevealCredential, _metadata: Metadata) -> bytes:
        """A credential, sealed for trading."""
        credential = await self._vault.credential(self._log, query.account, query.connector)
        if credential is None:
            await self._require_account(query.account)
            raise CredentialUnknown(f"Account {query.account!r} has no credential for {query.connector!r}.")
        fields = {name: value.get_secret_value() for name, value in credential.fields.items()}
        sealed = self._sealer.seal(fields, purpose=REVEAL)
        return json_bytes({"credential_version": credential.credential_version, "sealed": sealed})

    async def portfolio_state(self, query: GetPortfolioState, metadata: Metadata) -> Keepable:
        """The portfolio by account and connector."""
        portfolio, seconds = await self._valuation.fresh(metadata, query.account_names, query.connector_names)
        return Keepable(json_bytes(state_json(portfolio)), seconds)

    async def portfolio_history(self, query: GetPortfolioHistory, _metadata: Metadata) -> bytes:
        """A page of the portfolio's history."""
        return await history_page(self._log, query)

    async def portfolio_distribution(self, query: GetPortfolioDistribution, metadata: Metadata) -> Keepable:
        """The portfolio by token."""
        portfolio, seconds = await self._valuation.fresh(metadata, query.account_names, query.connector_names)
        return Keepable(json_bytes(token_distribution_json(by_token(portfolio), query.account_names)), seconds)

    async def accounts_distribution(self, _query: GetAccountsDistribution, metadata: Metadata) -> Keepable:
        """The portfolio by account."""
        portfolio, seconds = await self._valuation.fresh(metadata)
        return Keepable(json_bytes(account_distribution_json(by_account(portfolio))), seconds)

    async def _require_account(self, account: str) -> None:
        if not await account_exists(self._log, account):
            raise AccountUnknown(f"There is no account {account!r}.", field="account_name")
