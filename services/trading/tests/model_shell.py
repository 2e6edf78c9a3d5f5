"""What a session does with an order, in steps between which it may be killed: the handlers in small."""

from __future__ import annotations

import model_decider as say
from contracts.trading import OrderStatus
from model_decider import Broken, Decisions
from model_world import TRADES, Answer, Book, Move, Resolver, Task, Wire, World
from trading.domain.order_commands import Action, Heard, OrderCommand
from trading.domain.order_state import Order

HEARD = {Book.FILLED: Heard.FILLED, Book.CANCELLED: Heard.CANCELLED}


class Shell:
    """`resends`: a faulty shell that sends an order again when its client asks again."""

    def __init__(self, decisions: Decisions, *, resends: bool = False) -> None:
        self._decisions = decisions
        self._resends = resends

    def state(self, world: World) -> Order:
        """The order as recorded."""
        return self._decisions.state(world.order)

    def moves(self, world: World) -> list[Move]:
        """What the client, the session and the messages to it may do next."""
        if not world.up:
            return [self.restart(world)]
        moves = [
            Move("the process is killed", _killed(world)),
            *self._client(world),
            *self._submit(world),
            *self._cancel(world),
        ]
        moves += [*self._pushed(world), *self._asking(world)]
        if world.trades:
            moves.append(Move("the trade history is read", self.record(world, say.executions(world.trades))))
        return moves

    def record(self, world: World, command: OrderCommand) -> World:
        """Record what follows from a command. Raises Broken."""
        done = self._decisions.record(world.order, command)
        if done is None:
            return world
        number, completions = done
        return world._replace(order=number, completions=world.completions + completions)

    def restart(self, world: World) -> Move:
        """A new process adopts the stored order: what its predecessor did not live to record may have happened."""
        state = self.state(world)
        world = world._replace(up=True, missing=0)
        if state.origin is not None and state.closed is None:
            if not state.acknowledged:
                world = self.record(world, say.SUBMIT_UNPROVEN)
            elif state.cancel_wanted:
                world = self.record(world, say.CANCEL_UNPROVEN)
            if self.state(world).unknown is not None:
                world = world._replace(resolver=Resolver.YOUNG)
        return Move("a new process starts", world)

    def _client(self, world: World) -> list[Move]:
        if world.submit is Task.NONE:
            placed = self.record(world, say.PLACE)
            unconfirmed = placed._replace(submit=Task.UNCONFIRMED)
            return [
                Move("the client places the order", placed._replace(submit=Task.DUE)),
                Move("the order is stored, the confirmation is lost", unconfirmed),
            ]
        moves = []
        if self._resends or (world.submit is Task.UNCONFIRMED and self.state(world).status is OrderStatus.SUBMITTED):
            moves.append(Move("the client repeats the command", world._replace(submit=Task.DUE)))
        if self._decisions.record(world.order, say.WANT_CANCEL) is not None:
            wanted = self.record(world, say.WANT_CANCEL)
            known = wanted._replace(submit=Task.DONE) if wanted.submit is Task.UNCONFIRMED else wanted
            moves.append(Move("the client wants a cancel", self._start_cancel(known)))
        return moves

    def _start_cancel(self, world: World) -> World:
        if self.state(world).unknown is Action.CANCEL or world.cancel is not Task.NONE:
            return world
        return world._replace(cancel=Task.DUE)

    def _submit(self, world: World) -> list[Move]:
        done = world._replace(submit=Task.DONE)
        if world.submit is Task.UNCONFIRMED:
            return [Move("nobody repeats the command", self.record(done, say.NOT_SENT))]
        if world.submit is Task.DUE:
            sent = world._replace(submit=Task.WAITING, submit_wire=Wire.TRAVELLING, submits=world.submits + 1)
            return [Move("the submit is sent", sent)]
        if world.submit is not Task.WAITING:
            return []
        unproven = self._resolve(self.record(done, say.SUBMIT_UNPROVEN))
        moves = [Move("the submit times out", unproven)]
        if world.submit_wire is Wire.DONE:
            moves.append(Move("the acknowledgement arrives", self.record(done, say.SUBMITTED)))
        if world.submit_wire is Wire.REFUSED:
            moves.append(Move("the refusal arrives", self.record(done, say.REFUSED)))
        return moves

    def _resolve(self, world: World) -> World:
        return world._replace(resolver=Resolver.YOUNG) if world.resolver is Resolver.OFF else world

    def _cancel(self, world: World) -> list[Move]:
        done = world._replace(cancel=Task.NONE)
        if world.cancel is Task.DUE and world.submit not in (Task.DUE, Task.WAITING):
            if self.state(world).closed is not None:
                return [Move("the cancel is not needed any more", done)]
            return [Move("the cancel is sent", world._replace(cancel=Task.WAITING, cancel_wire=Wire.TRAVELLING))]
        if world.cancel is Task.REFUSED:
            unproven = self._resolve(self.record(done, say.CANCEL_UNPROVEN))
            return [Move("no answer why it was refused", unproven), self._look(world)]
        if world.cancel is not Task.WAITING:
            return []
        moves = [Move("the cancel times out", self._resolve(self.record(done, say.CANCEL_UNPROVEN)))]
        if world.cancel_wire is Wire.DONE:
            moves.append(Move("the cancel's acknowledgement arrives", self.record(done, say.CANCELLED)))
        if world.cancel_wire is Wire.REFUSED:
            moves.append(Move("the cancel's refusal arrives", world._replace(cancel=Task.REFUSED)))
        return moves

    def _look(self, world: World) -> Move:
        """After a refused cancel the order is asked for."""
        seen = self._recorded(world, Answer(world.book, world.trades, settled=False, resolving=False), late=False)
        seen = seen._replace(cancel=Task.NONE)
        if world.book is Book.ABSENT:
            seen = self._resolve(self.record(seen, say.CANCEL_UNPROVEN))
        else:
            seen = self.record(seen, say.CANCEL_REFUSED)
            seen = seen if self.state(seen).acknowledged else self._resolve(seen)
        return Move("it is looked into why the cancel was refused", seen)

    def _pushed(self, world: World) -> list[Move]:
        """Messages of the user stream: each may come late, again and again, in any order, or never."""
        numbers = range(1, world.trades + 1)
        moves = [Move(f"a message tells of trade {each}", self.record(world, say.execution(each))) for each in numbers]
        words = [] if world.book is Book.ABSENT else [Heard.OPEN]
        words += [Heard.PARTIALLY_FILLED] if world.trades else []
        words += [HEARD[world.book]] if world.book in HEARD else []
        return moves + [Move(f"a message calls the order {word}", self.record(world, say.heard(word))) for word in words]

    def _asking(self, world: World) -> list[Move]:
        if world.answer is not None:
            lost = world._replace(answer=None)
            recorded = [self.answered(world, late=late) for late in (False, True)]
            return [Move("the answer is lost", lost), *recorded]
        state = self.state(world)
        if state.origin is None or world.submit in (Task.UNCONFIRMED, Task.DUE, Task.WAITING):
            return []
        moves = [] if world.resolver is Resolver.OFF else [self.ask(world, resolving=True)]
        if state.closed is None or world.book is Book.OPEN:
            moves.append(self.ask(world, resolving=False))
        if state.closed is None and state.cancel_wanted:
            moves.append(Move("the reconciliation cancels", self._start_cancel(world)))
        return moves

    def ask(self, world: World, *, resolving: bool) -> Move:
        """The exchange answers a question; whether something may be under way is known from before it was asked."""
        settled = world.resolver is Resolver.OLD if resolving else world.aged and self.state(world).unknown is None
        # The reconciliation reads orders on the book from a listing, which proves no more than that they are there.
        listed = not resolving and world.book is Book.OPEN
        asked = Answer(world.book, world.trades, settled and not listed, resolving)
        return Move(f"the {'resolver' if resolving else 'reconciliation'} asks", world._replace(answer=asked))

    def answered(self, world: World, *, late: bool) -> Move:
        """The answer is recorded. `late`: the executions it speaks of are not listed yet."""
        if world.answer is None:
            raise Broken("nothing was asked")
        answer = world.answer
        world = self._recorded(world._replace(answer=None), answer, late=late)
        state = self.state(world)
        if answer.resolving and world.resolver is not Resolver.OFF:
            if state.closed is not None:
                world = world._replace(resolver=Resolver.OFF)
            elif state.unknown is not Action.SUBMIT:
                repeats = state.cancel_wanted and world.cancel is Task.NONE
                world = world._replace(resolver=Resolver.OFF, cancel=Task.DUE if repeats else world.cancel)
        return Move(f"the answer ({answer.book}) arrives{', its executions do not' if late else ''}", world)

    def _recorded(self, world: World, answer: Answer, *, late: bool) -> World:
        settled = answer.settled
        if answer.book is Book.ABSENT:
            missing = world.missing or 1
            settled = settled and (not self.state(world).acknowledged or missing == 2)
            world = world._replace(missing=missing)
            return self.record(world, say.heard(Heard.NOT_FOUND, asked=True, settled=settled, fills_read=True))
        world = world._replace(missing=0)
        known = len(self.state(world).trade_ids) >= answer.trades
        if not known and not late:
            world, known = self.record(world, say.executions(world.trades)), True
        partly = Heard.PARTIALLY_FILLED if 0 < answer.trades < TRADES else Heard.OPEN
        word = HEARD.get(answer.book, partly)
        return self.record(world, say.heard(word, asked=True, settled=settled, fills_read=known))


def _killed(world: World) -> World:
    """All that was not stored is forgotten; what is on the wire travels on."""
    return world._replace(
        up=False,
        submit=Task.NONE if world.submit is Task.NONE else Task.DONE,
        cancel=Task.NONE,
        resolver=Resolver.OFF,
        answer=None,
        missing=0,
    )
