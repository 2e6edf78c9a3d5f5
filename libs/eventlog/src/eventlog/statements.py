"""Writes of views: SQLAlchemy Core clauses compiled once into SQL for asyncpg."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from pydantic_core import to_json
from sqlalchemy import (
    JSON,
    BindParameter,
    Boolean,
    ClauseElement,
    DateTime,
    Enum,
    Float,
    Insert,
    Integer,
    MetaData,
    Numeric,
    String,
    UpdateBase,
    Uuid,
)
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.sql.compiler import SQLCompiler

from eventlog.recorded import Recorded


def json_text(value: object) -> str:
    """A value as JSON; Decimal, datetime and UUID as text."""
    return to_json(value).decode()


_JSON_SAFE = (String, Integer, Numeric, Boolean, DateTime, Uuid, JSON)
DIALECT = PGDialect_asyncpg(json_serializer=json_text)  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True, eq=False)
class PlainInsert:
    """A plain insert that takes any number of rows as one JSON array of arrays, its only parameter."""

    head: str
    casts: tuple[str, ...]

    def sql(self, number: int = 1) -> str:
        """The insert with its parameter as `$number`."""
        values = ", ".join(f"(row->>{index}){cast}" for index, cast in enumerate(self.casts))
        return f"{self.head} SELECT {values} FROM jsonb_array_elements(${number}::jsonb) AS rows(row)"  # noqa: S608 - compiled


@dataclass(frozen=True, slots=True)
class Write:
    """SQL with `$1`, `$2`, ... and the arguments of one execution.

    `row` is the only row it touches, where that is known (a table and the row's key); `plain` a plain insert's form for many.
    """

    sql: str
    args: tuple[object, ...]
    row: tuple[str, object] | None = None
    plain: PlainInsert | None = None


@dataclass(frozen=True, slots=True)
class Guard(Write):
    """A query among an append's writes that must find a row: without one, the append raises GuardFailed and stores nothing.

    With FOR SHARE the row also stays as it is until the append is committed.
    """


class View(Protocol):
    """A read model of this service's own events.

    `project` gives the writes of one event; they run in the append's transaction. It is called before the event is stored: a
    view that reads `position` or `tx` is called again then, which costs the batch its one round trip (ADR 25). Rows that
    events of several streams write must not depend on the order of those streams. `metadata` holds the view's tables, without
    a schema.
    """

    name: str
    metadata: MetaData

    def project(self, recorded: Recorded) -> Iterable[Write]:
        """The writes of one event; it neither reads nor waits."""
        ...


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    required: bool
    value: object
    convert: Callable[[Any], Any] | None

    def given(self, params: dict[str, object]) -> object:
        if self.name in params:
            value = params[self.name]
        elif self.required:
            msg = f"parameter {self.name} is missing"
            raise TypeError(msg)
        else:
            value = self.value
        return value if self.convert is None else self.convert(value)


class Statement:
    """A clause compiled once. Its parameters are `bindparam`s; literals in the clause keep their value.

    An `insert(table)` without `values` takes every column as a parameter. TypeError for what cannot be compiled ahead:
    `IN` over a parameter (use `= any_(bindparam(...))` with an array type) and columns with Python-side defaults.

    `row` names a table and the parameter that is the key of the only row there, and of all tables, that the statement reads
    or writes. A few such writes of different rows can then be parts of the one statement that stores their batch (`combined`).
    A plain insert needs no `row` for that: its form for many rows is found here.
    """

    def __init__(self, clause: ClauseElement, *, row: tuple[str, str] | None = None) -> None:
        compiled = _compile(clause)
        if compiled.post_compile_params or compiled.literal_execute_params:
            msg = "a list parameter of IN cannot be compiled ahead: compare with any_() of an array parameter"
            raise TypeError(msg)
        self.sql = str(compiled)
        self._row = row
        self._parameters = _parameters(compiled)
        self._order = tuple(parameter.name for parameter in self._parameters)
        self._names = frozenset(self._order)
        self._plain = _plain(self.sql, compiled) if isinstance(clause, Insert) else None
        self._converted = [(n, one.convert) for n, one in enumerate(self._parameters) if one.convert is not None]

    def bind(self, **params: object) -> Write:
        """The write of one execution; TypeError when a parameter is missing or unknown."""
        if params.keys() == self._names:
            values = [params[name] for name in self._order]
            for place, convert in self._converted:
                values[place] = convert(values[place])
            return self._write(values, params)
        if unknown := params.keys() - self._names:
            msg = f"no such parameter: {', '.join(sorted(unknown))}"
            raise TypeError(msg)
        return self._write([parameter.given(params) for parameter in self._parameters], params)

    def _write(self, values: list[object], params: Mapping[str, object]) -> Write:
        row = None if self._row is None else (self._row[0], params[self._row[1]])
        return Write(self.sql, tuple(values), row, self._plain)


def literal(clause: ClauseElement) -> Write:
    """A clause with all its values, for one execution; lists of IN are expanded."""
    compiled = _compile(clause)
    expanded = compiled.construct_expanded_state()
    converters: dict[str, Callable[[Any], Any] | None] = {one.name: one.convert for one in _parameters(compiled)}
    converters.update(cast("Mapping[str, Callable[[Any], Any]]", expanded.processors))
    args: list[object] = []
    for name in expanded.positiontup or ():
        value, convert = expanded.parameters[name], converters.get(name)
        args.append(value if convert is None else convert(value))
    return Write(expanded.statement, tuple(args))


def _compile(clause: ClauseElement) -> SQLCompiler:
    # Inline: SQLAlchemy would otherwise add RETURNING for generated keys.
    clause = clause.inline() if isinstance(clause, Insert) else clause
    compiled = clause.compile(dialect=DIALECT)
    if not isinstance(compiled, SQLCompiler):
        msg = f"not a statement with parameters: {clause}"
        raise TypeError(msg)
    if isinstance(clause, UpdateBase) and (compiled.insert_prefetch or compiled.update_prefetch):
        msg = "a column with a Python-side default: give it a server default or a value"
        raise TypeError(msg)
    return compiled


def _parameters(compiled: SQLCompiler) -> tuple[_Parameter, ...]:
    return tuple(_parameter(name, compiled.binds[name]) for name in compiled.positiontup or ())


def _plain(sql: str, compiled: SQLCompiler) -> PlainInsert | None:
    """The form for many rows of an insert whose values are its parameters; None of another, or where a type is not surely
    the same after a trip through JSON."""
    types = [compiled.binds[name].type for name in compiled.positiontup or ()]
    names = [str(type_.compile(dialect=DIALECT)) for type_ in types]
    values = ", ".join(rf"\${number}(?:::[A-Z ]+)?" for number in range(1, 1 + len(types)))
    plain = re.fullmatch(rf"(.+?) VALUES \({values}\)", sql)
    if plain is None or not all(isinstance(type_, _JSON_SAFE) and not isinstance(type_, Float | Enum) for type_ in types):
        return None
    return PlainInsert(
        plain[1], tuple("" if isinstance(type_, String) else f"::{name}" for type_, name in zip(types, names, strict=True))
    )


def _parameter(name: str, bind: BindParameter[Any]) -> _Parameter:
    convert = bind.type.dialect_impl(DIALECT).bind_processor(DIALECT)
    return _Parameter(name, bind.required, bind.effective_value, convert)
