"""A program's output, kept in a rotated file."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

ROTATE_AT = 10 * 1024**2
KEPT = 4
"""Older files: `<name>.log.1` is the youngest of them."""

CHUNK = 65_536


class LogFile:
    """An append-only file that is renamed and begun anew when it grows too long."""

    def __init__(self, path: Path, rotate_at: int = ROTATE_AT) -> None:
        self._path = path
        self._rotate_at = rotate_at
        self._file = self._open()

    def write(self, data: bytes) -> None:
        """Append the bytes as they come; a rotation may fall within a line only if the line spans two writes.

        What a full disk does not take is lost: the program that wrote it goes on.
        """
        with contextlib.suppress(OSError):
            if self._file.closed:
                self._file = self._open()
            self._file.write(data)
            if self._file.tell() >= self._rotate_at and data.endswith(b"\n"):
                self._rotate()

    def close(self) -> None:
        """Close the file; it can be opened again for the next run."""
        self._file.close()

    def _open(self) -> BinaryIO:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        file = os.fdopen(descriptor, "ab", buffering=0)
        file.seek(0, os.SEEK_END)
        return file

    def _rotate(self) -> None:
        self._file.close()
        for number in range(KEPT, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{number}")
            newer = self._path.with_name(f"{self._path.name}.{number - 1}") if number > 1 else self._path
            if newer.exists():
                newer.replace(older)
        self._file = self._open()


class LogPipe:
    """A pipe whose writing end is a child's standard output; what comes out of it goes to the file.

    Not asyncio's own pipe: there the exit of a process is only reported once every descendant closed its output.
    """

    def __init__(self, file: LogFile, said: Callable[[bytes], None]) -> None:
        """`said` is given all that goes to the file."""
        self._file = file
        self._said = said
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)
        asyncio.get_running_loop().add_reader(self._reading, self._pump)

    def started(self) -> None:
        """Close our copy of the writing end: the child has its own."""
        os.close(self.writing)

    def close(self) -> None:
        """Take what is still in the pipe and stop reading."""
        while self._reading >= 0 and self._pump():
            pass
        self._end()

    def _pump(self) -> bool:
        try:
            data = os.read(self._reading, CHUNK)
        except BlockingIOError:
            return False
        if data:
            self._file.write(data)
            self._said(data)
        else:
            self._end()
        return bool(data)

    def _end(self) -> None:
        if self._reading >= 0:
            asyncio.get_running_loop().remove_reader(self._reading)
            os.close(self._reading)
            self._reading = -1
