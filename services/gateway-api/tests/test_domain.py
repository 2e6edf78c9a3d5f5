"""Times and problem bodies."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from gateway_api.domain.amounts import FORMAT, NON_ZERO_FORMAT, amount
from gateway_api.domain.problem import problem, with_status
from gateway_api.domain.times import instant


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("1700000000", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("1700000000.5", datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)),
        ("1700000000000", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("1700000000123.4", datetime(2023, 11, 14, 22, 13, 20, 123_400, tzinfo=UTC)),
        ("99999999999", datetime(5138, 11, 16, 9, 46, 39, tzinfo=UTC)),
        ("100000000000", datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
    ],
)
def test_times_are_seconds_or_milliseconds(value: str, time: datetime) -> None:
    assert instant(Decimal(value)) == time


@pytest.mark.parametrize("value", ["-1", "NaN", "Infinity", "253402300800000", "1E+30"])
def test_times_that_are_none(value: str) -> None:
    with pytest.raises(ValueError, match="a time is"):
        instant(Decimal(value))


def test_a_problem_under_another_status() -> None:
    body = problem(404, "Account 'x' not found", "AccountUnknown")
    assert json.loads(with_status(body, 400)) == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "Account 'x' not found",
        "code": "AccountUnknown",
        "field": None,
    }


@pytest.mark.parametrize(
    ("value", "exact"),
    [
        ("0.10", "0.10"),
        ("000000000000000001", "1"),
        (".".join(("1" * 29, "2" * 30)), ".".join(("1" * 29, "2" * 30))),
        ("1E-8", "0.00000001"),
        ("1.5e+3", "1500"),
        (Decimal("0.1"), "0.1"),
        (Decimal(5), "5"),
        (Decimal("5e-324"), "0"),
        (Decimal("1.5e-30"), "2e-30"),
    ],
)
def test_amounts(value: str | Decimal, exact: str) -> None:
    assert amount(value) == Decimal(exact)


@pytest.mark.parametrize(
    "value",
    ["", "-1", "+1", "1e400", "1e20", "NaN", "Infinity", "1_000", " 1", "\u0661", "1" * 30, Decimal(-1), Decimal(10**30)],
)
def test_what_is_no_amount(value: str | Decimal) -> None:
    with pytest.raises(ValueError, match=r"^(decimal text|from 0)"):
        amount(value)


def test_texts_of_zero_do_not_fit_where_an_amount_is_positive() -> None:
    for text in ("0", "0.0", "00", "0e5"):
        assert re.fullmatch(FORMAT, text)
        assert not re.fullmatch(NON_ZERO_FORMAT, text)
    assert re.fullmatch(NON_ZERO_FORMAT, "0.01")
