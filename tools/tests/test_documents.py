"""What the documents point at is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIFE = ROOT / "docs/life-of-a-command.md"
POINTER = re.compile(r"`([\w./-]+\.py)`\s+:\s+((?:`\w+`(?:,\s+)?)+)")
LINK = re.compile(r"\[[^\]]+\]\((?!https?://)([^)#]+)\)")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def pointers() -> list[tuple[str, str]]:
    return [(path, name) for path, names in POINTER.findall(LIFE.read_text()) for name in re.findall(r"`(\w+)`", names)]


def test_the_life_of_a_command_has_five_stops_each_with_its_code() -> None:
    stops = re.split(r"^## ", LIFE.read_text(), flags=re.MULTILINE)[1:]
    assert [stop[0] for stop in stops] == ["1", "2", "3", "4", "5"]
    assert all(POINTER.search(stop) for stop in stops)


@pytest.mark.parametrize(("path", "name"), pointers())
def test_a_stop_is_where_the_document_says(path: str, name: str) -> None:
    text = (ROOT / path).read_text()
    assert re.search(rf"^\s*(?:async def|def|class)\s+{name}\b", text, re.MULTILINE), f"{path} defines no {name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    broken = [target for target in LINK.findall(document.read_text()) if not (document.parent / target).exists()]
    assert broken == []
