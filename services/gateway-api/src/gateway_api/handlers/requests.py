"""Requests to the owning services: one NATS request each, answered with the bytes of the final JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Protocol

from contracts import naming
from contracts.accounts import CredentialUnknown, ListCredentials
from contracts.message import TOKEN, Command, Message, Metadata, Query
from contracts.rejections import Unavailable
from contracts.trading import GetSession
from service_kit.bus import NoAnswer, NoResponders, Response

from gateway_api.handlers.repeated_questions import QUIET, ask_twice


class Messenger(Protocol):
    """The bus, as far as the gateway needs it."""

    async def request(self, subject: str, message: Message, metadata: Metadata, timeout: float) -> Response:
        """The reply; raises NoResponders when nobody received the message and NoAnswer when the outcome is not known."""
        ...


class Copies(Protocol):
    """Answers that are kept until their owner tells of a change."""

    async def answer(self, query: Query, ask: Callable[[], Awaitable[Response]]) -> Response:
        """The copy of the answer, or what `ask` gives."""
        ...

    def drop(self, context: str) -> None:
        """Forget the copies of a context."""
        ...


class LiveAnswers(Protocol):
    """Answers that are made here of what their owner tells all the time."""

    def answer(self, query: Query) -> Response | None:
        """The answer; None when the owner has to be asked."""
        ...


class Requests:
    """Sends queries and commands to the service that owns them."""

    def __init__(
        self, messenger: Messenger, copies: Copies | None = None, live: LiveAnswers | None = None, quiet: float = QUIET
    ) -> None:
        """`quiet`: seconds without an answer after which a question is asked again."""
        self._messenger = messenger
        self._quiet = quiet
        self._copies = copies
        self._live = live

    async def query(self, query: Query, metadata: Metadata, *, timeout: float = 10) -> Response:
        """The owning service's answer, or a copy while it tells of no change; Unavailable when it does not serve now."""
        made = None if self._live is None else self._live.answer(query)
        if made is not None:
            return made
        if self._copies is None:
            return await self._ask(query, metadata, timeout)
        return await self._copies.answer(query, lambda: self._ask(query, metadata, timeout))

    async def _ask(self, query: Query, metadata: Metadata, timeout: float = 10) -> Response:
        subject = naming.query_subject(type(query))

        def ask(seconds: float) -> Awaitable[Response]:
            return self._messenger.request(subject, query, metadata, seconds)

        try:
            return await (ask_twice(ask, timeout, self._quiet) if query.repeatable else ask(timeout))
        except NoResponders as nobody:
            msg = f"The {query.context} service is not running"
            raise Unavailable(msg, retry_after=nobody.retry_after) from nobody
        except NoAnswer as silence:
            msg = f"The {query.context} service did not answer within {timeout:g} seconds"
            raise Unavailable(msg, retry_after=silence.retry_after) from silence

    async def command(self, command: Command, metadata: Metadata, *, timeout: float = 15) -> Response:
        """The answer of any replica of the owning service; Unavailable says whether the command may have been carried out."""
        try:
            return await self._messenger.request(naming.command_subject(type(command)), command, metadata, timeout)
        except NoResponders as nobody:
            msg = f"The {command.context} service is not running; nothing was changed"
            raise Unavailable(msg, retry_after=nobody.retry_after) from nobody
        except NoAnswer as silence:
            raise _outcome_unknown(command, timeout, silence) from silence
        finally:
            self._changed(command)

    async def session_command(
        self, account: str, connector: str, command: Callable[[], Command], metadata: Metadata, *, timeout: float = 15
    ) -> Response:
        """The answer of the replica that holds the session of `account` and `connector`.

        `command` is called when both names can be a session's. When nobody holds the session the trading service is asked why:
        its refusal (unknown account or connector) is the answer; CredentialUnknown is raised when the account has none, and
        Unavailable when the session only is not up yet.
        """
        if not (TOKEN.fullmatch(account) and TOKEN.fullmatch(connector)):
            return await self._why_absent(account, connector, metadata)
        message = command()
        subject = naming.session_command_subject(account, connector, type(message))
        try:
            return await self._messenger.request(subject, message, metadata, timeout)
        except NoResponders:
            return await self._why_absent(account, connector, metadata)
        except NoAnswer as silence:
            raise _outcome_unknown(message, timeout, silence) from silence
        finally:
            self._changed(message)

    def _changed(self, command: Command) -> None:
        """Before the answer goes out: the caller's next read sees what it changed. Also when that is not known."""
        if self._copies is not None:
            self._copies.drop(command.context)

    async def _why_absent(self, account: str, connector: str, metadata: Metadata) -> Response:
        """The refusal of this session, or Unavailable with the session's state."""
        answer = await self.query(GetSession(account=account, connector=connector), metadata.caused())
        if answer.status == 404:
            await self._confirm_absent(account, connector, metadata)
        if answer.status >= 400:
            return answer
        session = json.loads(answer.body)
        reason = f": {session['reason']}" if session.get("reason") else ""
        raise _not_serving(account, connector, _SERVING.get(session["state"], session["state"]) + reason)

    async def _confirm_absent(self, account: str, connector: str, metadata: Metadata) -> None:
        """Returns when the account is unknown indeed; raises CredentialUnknown or Unavailable when it is not.

        The trading service learns of accounts and credentials a moment after they changed; the accounts service knows now. A
        client that has just added a credential is to try again, not to be told that there is none.
        """
        known = await self._ask(ListCredentials(account=account), metadata.caused())
        if known.status >= 400:
            return
        if connector in json.loads(known.body):
            raise _not_serving(account, connector, "starting")
        msg = f"Account '{account}' has no credential for {connector}"
        raise CredentialUnknown(msg, field="connector_name")


_SERVING = {"ready": "moving to another replica"}
"""A session that is ready but was not reached has just changed its holder."""


def _not_serving(account: str, connector: str, state: str) -> Unavailable:
    return Unavailable(f"The session of '{account}' on '{connector}' is {state}; nothing was sent to the exchange")


def _outcome_unknown(command: Command, timeout: float, silence: NoAnswer) -> Unavailable:
    return OutcomeUnknown(
        f"The {command.context} service did not answer {type(command).__name__} within {timeout:g} seconds; it may still have "
        "been carried out. Repeat the request with the same Idempotency-Key: it is carried out at most once",
        retry_after=silence.retry_after,
    )


class OutcomeUnknown(Unavailable):
    """A command was sent and not answered; repeating it with the same id is safe."""
