"""How much one document may ask for, decided before anything of it is carried out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)


@dataclass(frozen=True)
class Limits:
    """`depth` of fields, `aliases` of a document, `cost`: rows that may be read, times their fields; `tokens` of the text."""

    depth: int = 16
    aliases: int = 30
    cost: int = 100_000
    tokens: int = 2000


DEFAULT_ROWS = 100
"""Rows of a page whose `first` is not written in the document, nor in a variable of it."""


def check(document: DocumentNode, variables: Mapping[str, Any], limits: Limits) -> None:
    """Raises GraphQLError naming the limit that the document is over."""
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            weighed = _Weighing(fragments, variables, limits)
            weighed.take(operation.selection_set)


class _Weighing:
    """One operation. It stops at the first limit, so that what fragments multiply is never walked to its end."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode], variables: Mapping[str, Any], limits: Limits) -> None:
        self._fragments = fragments
        self._variables = variables
        self._limits = limits
        self._aliases = 0
        self._cost = 0

    def take(self, selections: SelectionSetNode, depth: int = 1, rows: int = 1) -> None:
        """Adds what is selected, `rows` times."""
        if depth > self._limits.depth:
            raise _over("depth", self._limits.depth, "fields within fields")
        for field in self._fields(selections, frozenset()):
            self._aliases += field.alias is not None
            if self._aliases > self._limits.aliases:
                raise _over("aliases", self._limits.aliases, "aliases")
            more = self._rows(field) if depth == 1 and field.selection_set is not None else 1
            self._add(rows * more)
            if field.selection_set is not None:
                self.take(field.selection_set, depth + 1, rows * more)

    def _add(self, cost: int) -> None:
        self._cost += cost
        if self._cost > self._limits.cost:
            raise _over("cost", self._limits.cost, "rows times fields")

    def _fields(self, selections: SelectionSetNode, inside: frozenset[str]) -> Iterator[FieldNode]:
        for each in selections.selections:
            self._add(1)
            if isinstance(each, FieldNode):
                yield each
            elif isinstance(each, InlineFragmentNode):
                yield from self._fields(each.selection_set, inside)
            elif isinstance(each, FragmentSpreadNode):
                fragment = self._fragments.get(each.name.value)
                # One that spreads itself, or is not there, is refused by the validation of the schema.
                if fragment is not None and each.name.value not in inside:
                    yield from self._fields(fragment.selection_set, inside | {each.name.value})

    def _rows(self, field: FieldNode) -> int:
        if field.name.value.startswith("__"):
            return 1
        for argument in field.arguments or ():
            if argument.name.value == "first":
                value: Any = None
                if isinstance(argument.value, IntValueNode):
                    value = int(argument.value.value)
                elif isinstance(argument.value, VariableNode):
                    value = self._variables.get(argument.value.name.value)
                return max(1, value) if isinstance(value, int) else DEFAULT_ROWS
        return DEFAULT_ROWS


def _over(limit: str, most: int, what: str) -> GraphQLError:
    rule = f"At most {most} {what}"
    return GraphQLError(f"{limit}: {rule}", extensions={"code": "QueryTooLarge", "field": limit, "rule": rule})
