"""The composition root: the only module that knows all the others."""

from __future__ import annotations

import base64
import logging
from datetime import timedelta

from contracts.accounts import (
    AddCredential,
    CreateAccount,
    DeleteAccount,
    DeleteCredential,
    GetAccountsDistribution,
    GetPortfolioDistribution,
    GetPortfolioHistory,
    GetPortfolioState,
    ListAccounts,
    ListCredentials,
    RefreshPortfolio,
    RevealCredential,
)
from contracts.rates import ConfigureRates, GetRateSettings
from contracts.vault import RevealConfigPassword, RotateConfigPassword
from eventlog.log import EventLog
from service_kit.sealing import Sealer
from service_kit.service import Service

from accounts import migrations
from accounts.adapters import vault
from accounts.adapters.replicas import Replicas
from accounts.adapters.trading import TradingClient
from accounts.adapters.vault import Vault
from accounts.domain import account, rates
from accounts.domain import vault as vault_domain
from accounts.domain.history import Retention
from accounts.handlers.commands import Commands
from accounts.handlers.history import History
from accounts.handlers.prices import Prices
from accounts.handlers.queries import Queries
from accounts.handlers.rates import RateHandlers
from accounts.handlers.refresh import Refresh
from accounts.handlers.rotation import Rotation
from accounts.handlers.valuation import Valuation
from accounts.settings import Settings
from accounts.views import history, portfolio, prices
from accounts.views.accounts import AccountsView
from accounts.views.credentials import CredentialsView
from accounts.views.portfolio import PortfolioView

logger = logging.getLogger(__name__)


def build(settings: Settings) -> Service:
    """The composed service; connects to nothing until it is run."""
    log = EventLog(
        settings.database_url,
        context="accounts",
        views=(AccountsView(), CredentialsView()),
        tables=(vault.METADATA, portfolio.METADATA, prices.METADATA, history.METADATA),
        migrations=migrations.DIRECTORY,
    )
    service = Service("accounts", settings, log=log)
    service.aggregate("account", account.decider)
    service.aggregate("vault", vault_domain.decider)
    sealer = Sealer(base64.b64decode(settings.transport_key.get_secret_value()))
    trading = TradingClient(service.bus, sealer)
    safe = Vault(settings.config_password, next_password=settings.config_password_next)
    safe.ask_replicas(Replicas(service.bus, sealer).config_password)
    valuation = Valuation(log, Prices(log, trading), settings.banned_tokens)
    commands = Commands(log, safe, trading)
    rotation = Rotation(log, safe, sealer)

    async def open_up() -> None:
        await safe.unlock(log)
        if safe.locked is not None:
            logger.error("the vault is locked: %s", safe.locked)
        await commands.ensure_master_account()

    service.on_start(open_up)
    service.readiness("vault", lambda: safe.locked)
    _serve_commands(service, commands, Refresh(log, trading))
    _serve_queries(service, Queries(log, safe, sealer, valuation))
    service.command(RotateConfigPassword, rotation.rotate)
    service.query(RevealConfigPassword, rotation.reveal_config_password, every_replica=True)
    _serve_rates(service, RateHandlers(log))
    service.projection(PortfolioView())
    service.tell_changes()
    service.task("vault", rotation.follow)
    service.task("history", History(log, valuation, settings.update_interval, _retention(settings)).run)
    return service


def _serve_commands(service: Service, commands: Commands, refresh: Refresh) -> None:
    service.command(CreateAccount, commands.create_account)
    service.command(DeleteAccount, commands.delete_account)
    service.command(AddCredential, commands.add_credential)
    service.command(DeleteCredential, commands.delete_credential)
    service.command(RefreshPortfolio, refresh.refresh_portfolio)


def _serve_queries(service: Service, queries: Queries) -> None:
    service.query(ListAccounts, queries.list_accounts)
    service.query(ListCredentials, queries.list_credentials)
    service.query(RevealCredential, queries.reveal_credential)
    service.query(GetPortfolioState, queries.portfolio_state)
    service.query(GetPortfolioHistory, queries.portfolio_history)
    service.query(GetPortfolioDistribution, queries.portfolio_distribution)
    service.query(GetAccountsDistribution, queries.accounts_distribution)


def _serve_rates(service: Service, handlers: RateHandlers) -> None:
    service.aggregate("rates", rates.decider)
    service.command(ConfigureRates, handlers.configure)
    service.query(GetRateSettings, handlers.settings)


def _retention(settings: Settings) -> Retention:
    daily = settings.history_daily_days
    return Retention(
        every=timedelta(days=settings.history_full_days),
        hourly=timedelta(days=settings.history_hourly_days),
        daily=None if daily is None else timedelta(days=daily),
    )
