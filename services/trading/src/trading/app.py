"""The composition root: the only module that knows all the others."""

from __future__ import annotations

import base64
from typing import Any

from contracts import naming
from contracts.trading import (
    ActiveOrders,
    CancelOrder,
    CancelOrders,
    ClearPositionHold,
    ClosePositions,
    CreateExecutor,
    FlattenAccount,
    GetConfigMap,
    GetExecutor,
    GetExecutorConfigSchema,
    GetExecutorLogs,
    GetExecutorPerformance,
    GetOrderTypes,
    GetPositionHold,
    GetPositions,
    GetRates,
    GetRiskLimits,
    GetSession,
    GetTradingRules,
    ListConnectors,
    ListExecutorTypes,
    PlaceOrder,
    ProveCredential,
    ReadPositionMode,
    ReadPositions,
    RefreshBalances,
    RehearseCancel,
    RehearseOrder,
    ReleaseSession,
    ReloadRiskLimits,
    SearchExecutors,
    SearchFundingPayments,
    SearchOrders,
    SearchTrades,
    SetLeverage,
    SetPositionMode,
    SetRiskLimits,
    StopExecutor,
    SummariseExecutors,
    SummarisePositionHolds,
)
from contracts.trading.executor_rehearsal import RehearseExecutor, RehearseStop
from contracts.trading.reconciliation import GetReconciliation
from contracts.trading.setting_rehearsal import RehearseFlatten, RehearseLeverage, RehearsePositionMode, RehearseRiskLimits
from engine_kit.books import Books
from engine_kit.engine import Engine
from engine_kit.venue import Venue
from eventlog.decider import Decider
from eventlog.log import EventLog
from service_kit.nudges import Nudges
from service_kit.sealing import Sealer
from service_kit.service import Service
from service_kit.supervisor import Supervisor

from trading import migrations
from trading.adapters.catalogue import EngineCatalogue
from trading.adapters.executors import EngineExecutors
from trading.adapters.markets import Markets
from trading.adapters.prover import EngineProver
from trading.adapters.rates import EngineRates
from trading.adapters.session import EngineExchanges
from trading.domain.executor import EXECUTOR
from trading.domain.funding import FUNDING
from trading.domain.hold import HOLD
from trading.domain.order import ORDER
from trading.domain.risk import RISK
from trading.domain.session import SESSION
from trading.handlers.connectors import Connectors
from trading.handlers.credentials import Vault
from trading.handlers.executor_queries import ExecutorQueries
from trading.handlers.executors import Executors
from trading.handlers.flatten import Flattening
from trading.handlers.holds import Holds
from trading.handlers.live import Pace
from trading.handlers.measures import Measures
from trading.handlers.placement import Placement
from trading.handlers.position_queries import PositionQueries
from trading.handlers.queries import Queries
from trading.handlers.risk_limits import AccountLimits
from trading.handlers.sessions import Sessions
from trading.handlers.setting_rehearsal import AccountRehearsal
from trading.handlers.surroundings import Surroundings
from trading.settings import Settings
from trading.views import credentials, executor_figures, executor_logs, late_orders, totals
from trading.views.credentials import CredentialsView
from trading.views.executor_totals import ExecutorTotalsView
from trading.views.executors import ExecutorsView
from trading.views.funding import FundingView
from trading.views.holds import HoldsView
from trading.views.orders import OrdersView
from trading.views.positions import PositionsView
from trading.views.reconciliation import ReconciliationView
from trading.views.sessions import SessionsView
from trading.views.trades import TradesView

AGGREGATES: dict[str, Decider[Any, Any, Any]] = {
    "order": ORDER,
    "session": SESSION,
    "funding": FUNDING,
    "executor": EXECUTOR,
    "hold": HOLD,
    "risk": RISK,
}

TOLD_TOGETHER = 0.05
"""Seconds within which changes are told with one message: orders are committed all the time."""


def build(settings: Settings) -> Service:
    """The composed service; connects to nothing until it is run."""
    log = _log(settings)
    service = Service("trading", settings, log=log)
    for noun, decider in AGGREGATES.items():
        service.aggregate(noun, decider)
    sealer = Sealer(base64.b64decode(settings.transport_key.get_secret_value()))
    engine = Engine(Venue(settings.sandbox_url if settings.venue == "sandbox" else None), settings.data_dir)
    markets = Markets(engine)
    exchanges = EngineExchanges(engine, markets)
    around = Surroundings(
        log=log,
        leases=service.leases,
        commands=service,
        credentials=Vault(service.bus, sealer),
        exchanges=exchanges,
        holder=settings.replica,
        places=Placement(log, service.leases, settings.replica),
        measures=Measures(service.metrics),
        pace=Pace(settle=settings.settle_seconds, reconcile=settings.reconcile_interval, patience=settings.order_patience),
    )
    sessions = Sessions(around, service.bus, Supervisor(service.crashed))
    around.measures.watch(log, sessions.conditions)
    around.measures.watch_clocks(exchanges.clocks)
    service.on_start(engine.start)
    rates = EngineRates(markets)
    executors = EngineExecutors(markets, Books(engine), rates)
    _serve_executors(service, log, executors, sessions, settings.replica)
    _serve_executor_queries(service, ExecutorQueries(log, executors, Holds(log, rates)))
    service.on_stop(sessions.stop)
    service.on_stop(engine.stop)
    service.readiness("engine", engine.pending)
    service.readiness("sessions", sessions.problem)
    service.projection(CredentialsView())
    _serve_sessions(service, sessions)
    _serve_limits(service, log)
    _serve_queries(service, Queries(log))
    _serve_positions(service, PositionQueries(log, service.bus))
    _serve_connectors(service, Connectors(EngineCatalogue(engine, markets), EngineProver(engine, markets), rates, sealer))
    return service


def _log(settings: Settings) -> EventLog:
    return EventLog(
        settings.database_url,
        context="trading",
        views=(
            OrdersView(),
            TradesView(),
            SessionsView(),
            ExecutorsView(),
            ExecutorTotalsView(),
            HoldsView(),
            PositionsView(),
            FundingView(),
            ReconciliationView(),
        ),
        tables=(credentials.metadata, totals.metadata, executor_figures.metadata, executor_logs.metadata, late_orders.metadata),
        migrations=migrations.DIRECTORY,
    )


def _serve_executors(service: Service, log: EventLog, engine: EngineExecutors, sessions: Sessions, replica: str) -> None:
    nudges = Nudges(service.bus, naming.wake_subject("trading", "executor"))
    executors = Executors(log, engine, engine, sessions, replica, Supervisor(service.crashed), nudges.send)
    service.on_start(lambda: nudges.start(executors.look))
    service.on_stop(nudges.stop)
    service.on_start(executors.lines.attach)
    service.on_stop(executors.shut)
    service.on_stop(engine.stop)
    service.task("executors", executors.keep)
    service.task("executor figures", executors.watch)
    service.command(CreateExecutor, executors.create)
    service.command(StopExecutor, executors.stop)
    service.command(RehearseExecutor, executors.intake.rehearse)
    service.command(RehearseStop, executors.intake.rehearse_stop)


def _serve_sessions(service: Service, sessions: Sessions) -> None:
    service.task("sessions", sessions.keep)
    service.session_commands(PlaceOrder, CancelOrder, CancelOrders, RehearseOrder, RehearseCancel)
    service.session_commands(RefreshBalances, ReloadRiskLimits, ClosePositions)
    service.command(ReleaseSession, sessions.release)


def _serve_limits(service: Service, log: EventLog) -> None:
    limits, rehearsal = AccountLimits(log, service.bus), AccountRehearsal(log, service.bus)
    service.command(FlattenAccount, Flattening(log, service.bus).flatten)
    service.command(SetRiskLimits, limits.set)
    service.query(GetRiskLimits, limits.get)
    service.session_commands(RehearsePositionMode, RehearseLeverage)
    service.command(RehearseRiskLimits, rehearsal.limits)
    service.command(RehearseFlatten, rehearsal.flatten)


def _serve_executor_queries(service: Service, queries: ExecutorQueries) -> None:
    service.query(SearchExecutors, queries.search)
    service.query(GetExecutor, queries.get)
    service.query(GetExecutorLogs, queries.logs)
    service.query(SummariseExecutors, queries.summarise)
    service.query(GetExecutorPerformance, queries.performance)
    service.query(ListExecutorTypes, queries.types)
    service.query(GetExecutorConfigSchema, queries.schema)
    service.query(SummarisePositionHolds, queries.holds.summarise)
    service.query(GetPositionHold, queries.holds.get)
    service.command(ClearPositionHold, queries.holds.clear)


def _serve_queries(service: Service, queries: Queries) -> None:
    service.tell_changes(pace=TOLD_TOGETHER)
    service.query(ActiveOrders, queries.active_orders)
    service.query(SearchOrders, queries.search_orders)
    service.query(SearchTrades, queries.search_trades)
    service.query(GetSession, queries.session)


def _serve_positions(service: Service, queries: PositionQueries) -> None:
    service.session_commands(ReadPositions, ReadPositionMode, SetPositionMode, SetLeverage)
    service.query(GetPositions, queries.positions)
    service.query(GetReconciliation, queries.reconciliation)
    service.query(SearchFundingPayments, queries.funding)


def _serve_connectors(service: Service, connectors: Connectors) -> None:
    service.query(ListConnectors, connectors.list_connectors)
    service.query(GetConfigMap, connectors.config_map)
    service.query(GetOrderTypes, connectors.order_types)
    service.query(GetTradingRules, connectors.trading_rules)
    service.query(GetRates, connectors.rates)
    service.command(ProveCredential, connectors.prove)
