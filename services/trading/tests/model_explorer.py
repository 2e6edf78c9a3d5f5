"""Every world that can come about, breadth first, each judged; the shortest way to one that is wrong is the counterexample."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from contracts.trading import OrderEvent, OrderStatus
from eventlog.decider import Decider
from model_decider import Broken, Decisions, executions
from model_shell import Shell
from model_world import HALF, Book, Move, Resolver, Task, Wire, World, cancel_arrives, exchange_moves, time_passes
from trading.domain.order_commands import OrderCommand
from trading.domain.order_state import Order

STATUS = {Book.ABSENT: OrderStatus.FAILED, Book.FILLED: OrderStatus.FILLED, Book.CANCELLED: OrderStatus.CANCELLED}
LONGEST_END = 100


@dataclass(frozen=True, slots=True)
class Explored:
    """How much was explored: worlds, steps between them, states of the decider; in `ends` nothing is left to do."""

    worlds: int
    steps: int
    orders: int
    ends: int


class CounterExample(AssertionError):
    """The steps to something that must not be, and what it is."""


class Explorer:
    """Explores what can become of one order under a decider and a shell."""

    def __init__(self, decider: Decider[Order, OrderCommand, OrderEvent], *, resends: bool = False) -> None:
        self._decisions = Decisions(decider)
        self._shell = Shell(self._decisions, resends=resends)
        self._came_from: dict[World, tuple[World, str] | None] = {World(): None}
        self._ending: set[World] = set()
        self._ends = 0

    def explore(self) -> Explored:
        """Visit every world. Raises CounterExample."""
        waiting = deque([World()])
        steps = 0
        while waiting:
            world = waiting.popleft()
            for name, reached in self._moves(world):
                steps += 1
                if reached not in self._came_from:
                    self._came_from[reached] = (world, name)
                    self._judge(reached, reached, [])
                    waiting.append(reached)
            self._run_to_the_end(world)
        orders = len({world.order for world in self._came_from})
        return Explored(len(self._came_from), steps, orders, self._ends)

    def _moves(self, world: World) -> list[Move]:
        try:
            return exchange_moves(world) + self._shell.moves(world)
        except Broken as broken:
            raise CounterExample(self._story(world, [], str(broken))) from broken

    def _judge(self, world: World, begun: World, names: list[str]) -> None:
        """What must hold in every world, whatever is still under way. It was reached from `begun` by the steps `names`."""
        order = self._shell.state(world)
        wrong = {
            f"the order was sent {world.submits} times": world.submits > 1,
            f"{order.filled_amount} is recorded as filled, {HALF * world.trades} was": order.filled_amount
            > HALF * world.trades,
            f"OrderCompleted was recorded {world.completions} times": world.completions > 1,
            "FAILED is recorded of an order that exists": order.closed is OrderStatus.FAILED and world.book is not Book.ABSENT,
            "FAILED is recorded of an order that may still come to exist": order.closed is OrderStatus.FAILED
            and (world.submit_wire is Wire.TRAVELLING or world.submit is Task.DUE),
            "CANCELLED is recorded of an order that is not": order.closed is OrderStatus.CANCELLED
            and world.book is not Book.CANCELLED,
            "FILLED is recorded of an order that is not": order.closed is OrderStatus.FILLED and world.book is not Book.FILLED,
        }
        for what, holds in wrong.items():
            if holds:
                raise CounterExample(self._story(begun, names, what))

    def _run_to_the_end(self, world: World) -> None:
        """Let everything under way end and the session reconcile: then its books must be the exchange's."""
        begun, names = world, []
        for _ in range(LONGEST_END):
            if world in self._ending:
                return
            self._ending.add(world)
            try:
                step = self._end_step(world)
            except Broken as broken:
                raise CounterExample(self._story(begun, names, str(broken))) from broken
            if step is None:
                self._ends += 1
                if (wrong := self._difference(world)) is not None:
                    raise CounterExample(self._story(begun, names, wrong))
                return
            names.append(step.name)
            world = step.world
            self._judge(world, begun, names)
        raise CounterExample(self._story(begun, names, "the session does not come to an end"))

    def _end_step(self, world: World) -> Move | None:
        """The next step of a session that is left alone by clients, faults and luck; None when there is none."""
        shell = self._shell
        if not world.up:
            return shell.restart(world)
        if world.submit in (Task.UNCONFIRMED, Task.DUE, Task.WAITING):
            return next(
                move for move in shell.moves(world) if move.world.submit not in (world.submit, Task.NONE) and move.world.up
            )
        if world.submit_wire is Wire.TRAVELLING:
            return Move("the submit is lost on its way", world._replace(submit_wire=Wire.LOST))
        if world.cancel_wire is Wire.TRAVELLING:
            return cancel_arrives(world)
        if world.cancel is not Task.NONE:
            return next(move for move in shell.moves(world) if move.world.cancel is not world.cancel and move.world.up)
        if world.answer is not None:
            return shell.answered(world, late=False)
        return self._reconciling_step(world)

    def _reconciling_step(self, world: World) -> Move | None:
        shell, state = self._shell, self._shell.state(world)
        if world.resolver is Resolver.YOUNG or (state.origin is not None and not world.aged):
            return time_passes(world)
        if world.resolver is Resolver.OLD:
            return shell.ask(world, resolving=True)
        if world.trades and (read := shell.record(world, executions(world.trades))) != world:
            return Move("the trade history is read", read)
        if state.origin is None or (state.closed is not None and world.book is not Book.OPEN):
            return None
        asked = shell.ask(world, resolving=False)
        if shell.answered(asked.world, late=False).world != world:
            return asked
        if state.cancel_wanted:
            return next(move for move in shell.moves(world) if move.world.cancel is Task.DUE)
        return time_passes(world) if world.missing == 1 else None

    def _difference(self, world: World) -> str | None:
        order = self._shell.state(world)
        if order.origin is None:
            return None
        if order.filled_amount != HALF * world.trades:
            return f"in the end {order.filled_amount} is recorded as filled, {HALF * world.trades} was"
        open_as = OrderStatus.PARTIALLY_FILLED if world.trades else OrderStatus.OPEN
        expected = STATUS.get(world.book, open_as)
        if order.status is not expected:
            return f"in the end the order is {order.status}, at the exchange it is {expected}"
        if world.completions != (world.book is Book.FILLED):
            return f"in the end OrderCompleted was recorded {world.completions} times"
        return None

    def _story(self, world: World, names: list[str], wrong: str) -> str:
        steps = list(reversed(names))
        while (before := self._came_from[world]) is not None:
            world, name = before
            steps.append(name)
        lines = [f"{number}. {name}" for number, name in enumerate(reversed(steps), 1)]
        return "\n".join([*lines, f"=> {wrong}"])
