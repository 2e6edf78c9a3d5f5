"""A secret in every form that a program may write it in."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus


def forms(secret: str) -> frozenset[bytes]:
    """Raw, JSON-escaped, URL-encoded, hex, and base64 wherever it may begin in what was encoded."""
    raw = secret.encode()
    texts = {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        raw.hex(),
        raw.hex().upper(),
        repr(secret)[1:-1],
    }
    texts |= {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw).decode()
        # The first characters depend on what stands before, the last ones on what comes after.
        core = encoded[(0, 2, 3)[before] :].rstrip("=")
        core = core[: len(core) - (0 if (before + len(raw)) % 3 == 0 else 1)]
        texts |= {core, core.translate(str.maketrans("+/", "-_"))}
    return frozenset(text.encode() for text in texts)


class Needles:
    """The secrets of one installation, by name."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._forms = {name: forms(secret) for name, secret in secrets.items()}

    def found_in(self, content: bytes) -> frozenset[str]:
        """The names of the secrets that are in the content in any form."""
        return frozenset(name for name, each in self._forms.items() if any(form in content for form in each))

    def found_below(self, folder: Path) -> dict[str, frozenset[str]]:
        """Per file (relative path) the names of the secrets in it."""
        with tempfile.NamedTemporaryFile("wb", prefix="canary-") as patterns:
            patterns.write(b"\n".join(sorted({form for each in self._forms.values() for form in each})) + b"\n")
            patterns.flush()
            command = ["grep", "-rlaF", "-f", patterns.name, str(folder)]
            # 2: a file went away meanwhile.
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
            )
        suspects = [*map(Path, done.stdout.splitlines()), *folder.rglob("*.gz")]
        contents = {path: path.read_bytes() for path in suspects if path.exists()}
        found = {
            path: self.found_in(gzip.decompress(text) if path.suffix == ".gz" else text) for path, text in contents.items()
        }
        return {str(path.relative_to(folder)): names for path, names in found.items() if names}

    def told(self, said: Iterable[str]) -> frozenset[str]:
        """The names of the secrets in texts."""
        return self.found_in("\n".join(said).encode())
