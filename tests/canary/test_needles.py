"""The search finds what it is meant to find; else the canary tests would prove nothing."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from tests.canary.needles import Needles

SECRET = 'cänary +/"quoted"\' phrase?'
HIDDEN = {
    "raw": f"x{SECRET}y",
    "json": json.dumps({"a": {"b": SECRET}}),
    "json, not ascii": json.dumps(SECRET, ensure_ascii=False),
    "url": f"https://user:{quote(SECRET, safe='')}@host",
    "form": urlencode({"password": SECRET}),
    "hex": f"\\x00{SECRET.encode().hex()}ff",
    "upper hex": SECRET.encode().hex().upper(),
    "repr": repr({"password": SECRET}),
    **{
        f"base64 {len(before)} {len(after)} {altchars!r}": base64.b64encode(
            f"{before}{SECRET}{after}".encode(), altchars
        ).decode()
        for before in ("", "a", "ab", "abc", "admin:")
        for after in ("", "z", "zz")
        for altchars in (None, b"-_")
    },
}


@pytest.mark.parametrize("form", HIDDEN)
def test_a_secret_is_found_in_every_form(form: str, tmp_path: Path) -> None:
    needles = Needles({"canary": SECRET, "another": "another-secret-phrase"})
    assert needles.found_in(b"\0\xff" + HIDDEN[form].encode() + b"\0") == {"canary"}
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_bytes(b"\0\xff\n" + HIDDEN[form].encode())
    (tmp_path / "innocent").write_text("nothing here")
    assert needles.found_below(tmp_path) == {"folder/file": {"canary"}}
