"""Request parameters: read once, typed, refused with Binance's codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from urllib.parse import parse_qsl

from sandbox_exchange.domain.refusals import Refused, illegal_characters, missing, not_required, too_precise

DECIMAL_RANGE = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
INTEGER_RANGE = r"^[0-9]{1,20}$"
CLIENT_ID_RANGE = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
_DECIMAL, _INTEGER, _CLIENT_ID = re.compile(DECIMAL_RANGE), re.compile(INTEGER_RANGE), re.compile(CLIENT_ID_RANGE)
PLACES = -8


class Parameters:
    """The parameters of one request, from the query string and a form body."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    @classmethod
    def parse(cls, *texts: str) -> Parameters:
        """Parameters of urlencoded texts. A name sent twice is refused."""
        pairs = [pair for text in texts for pair in parse_qsl(text, keep_blank_values=True)]
        values = dict(pairs)
        if len(values) < len(pairs):
            raise Refused(-1101, "Duplicate values for a parameter detected.")
        return cls(values)

    def get(self, name: str) -> str | None:
        """The value, or None when it was not sent or is empty."""
        return self._values.get(name) or None

    def text(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise missing(name)
        return value

    def flag(self, name: str) -> bool:
        return (self.get(name) or "").lower() == "true"

    def integer(self, name: str) -> int | None:
        value = self.get(name)
        if value is not None and not _INTEGER.match(value):
            raise illegal_characters(name, INTEGER_RANGE)
        return None if value is None else int(value)

    def limit(self, default: int, most: int) -> int:
        """`limit`, capped like Binance caps it."""
        value = self.integer("limit")
        if value == 0:
            raise Refused(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(value or default, most)

    def amount(self, name: str) -> Decimal:
        """A mandatory plain decimal with at most eight places that count."""
        value = self.text(name)
        if not _DECIMAL.match(value):
            raise illegal_characters(name, DECIMAL_RANGE)
        number = Decimal(value.rstrip("0") if "." in value else value)
        exponent = number.as_tuple().exponent
        if isinstance(exponent, int) and exponent < PLACES:
            raise too_precise(name)
        return number

    def client_id(self, name: str) -> str | None:
        value = self.get(name)
        if value is not None and not _CLIENT_ID.match(value):
            raise illegal_characters(name, CLIENT_ID_RANGE)
        return value

    def choice[E: StrEnum](self, name: str, kind: type[E], refusal: Refused, default: E | None = None) -> E:
        """One of the words of `kind`. `refusal` is raised for any other."""
        value = self.get(name)
        if value is None:
            if default is not None:
                return default
            raise missing(name)
        try:
            return kind(value)
        except ValueError:
            raise refusal from None

    def refuse(self, *names: str) -> None:
        """Refuse parameters that must not be sent here."""
        for name in names:
            if self.get(name) is not None:
                raise not_required(name)
