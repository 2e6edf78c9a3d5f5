"""Each rule finds its violation and leaves good code alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.fitness import rules
from tools.fitness.project import service_shape
from tools.fitness.source import Source

DOMAIN = "services/trading/src/trading/domain/order.py"
HANDLER = "services/trading/src/trading/handlers/orders.py"
REVISION = "services/trading/src/trading/migrations/trading_0002_days.py"

BROKEN = [
    (rules.file_length, HANDLER, "\n" * 301),
    (rules.function_length, HANDLER, "def f():\n" + "    x = 1\n" * 40),
    (rules.catch_all, HANDLER, "try:\n    x\nexcept Exception:\n    pass\n"),
    (rules.catch_all, HANDLER, "try:\n    x\nexcept (ValueError, BaseException):\n    pass\n"),
    (rules.catch_all, HANDLER, "try:\n    x\nexcept:\n    pass\n"),
    (rules.subject_literal, HANDLER, "SUBJECT = 'cmd.trading.order.PlaceOrder'\n"),
    (rules.forbidden_name, "services/trading/src/trading/handlers/utils.py", ""),
    (rules.domain_purity, DOMAIN, "import asyncio\n"),
    (rules.domain_purity, DOMAIN, "from sqlalchemy.sql import select\n"),
    (rules.domain_purity, DOMAIN, "async def decide():\n    pass\n"),
    (rules.domain_purity, DOMAIN, "from datetime import datetime\nx = datetime.now()\n"),
    (rules.domain_money, DOMAIN, "x = float(y)\n"),
    (rules.domain_money, DOMAIN, "x = 0.1\n"),
    (rules.one_door, HANDLER, "import hummingbot.client\n"),
    (rules.one_door, HANDLER, "from nats.aio.client import Client\n"),
    (rules.one_door, HANDLER, "from alembic import op\n"),
    (rules.frozen_revision, REVISION, "from trading.views.orders import orders\n"),
    (rules.public_docstring, HANDLER, "x = 1\n"),
    (rules.public_docstring, HANDLER, '"""Module."""\ndef place():\n    pass\n'),
]

GOOD = [
    (rules.catch_all, HANDLER, "try:\n    x\nexcept ValueError:\n    pass\n"),
    (rules.catch_all, "services/trading/tests/test_order.py", "try:\n    x\nexcept Exception:\n    pass\n"),
    (rules.subject_literal, HANDLER, '"""cmd.trading.order.PlaceOrder is served here."""\n'),
    (rules.domain_purity, HANDLER, "import asyncio\n"),
    (rules.domain_money, HANDLER, "x = float(y)\n"),
    (rules.one_door, "services/trading/src/trading/adapters/engine.py", "import hummingbot.client\n"),
    (rules.one_door, REVISION, "from alembic import op\n"),
    (rules.frozen_revision, REVISION, "from eventlog.revision import make_again\n"),
    (rules.public_docstring, HANDLER, '"""Module."""\ndef _place():\n    pass\n'),
]


@pytest.mark.parametrize(("rule", "path", "text"), BROKEN)
def test_a_violation_is_found(rule: rules.Rule, path: str, text: str) -> None:
    assert len(list(rule(Source(path, text)))) == 1


@pytest.mark.parametrize(("rule", "path", "text"), GOOD)
def test_good_code_is_left_alone(rule: rules.Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, text))) == []


def test_a_stray_module_of_a_service_is_found(tmp_path: Path) -> None:
    package = tmp_path / "services/quotes/src/quotes"
    package.mkdir(parents=True)
    for name in ("__init__", "__main__", "app", "settings", "extra"):
        (package / f"{name}.py").write_text("")
    assert [violation.message for violation in service_shape(tmp_path)] == ["stray module 'extra'"]
