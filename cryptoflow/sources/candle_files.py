"""Files of candles in the layout of Binance's public archive: CSV, plain or zipped, read block by block.

With a header or without; trailing columns may be missing. A file that is something else is refused by name; memory
stays bounded whatever the file holds. What does not belong here: the lines (candle_lines), storing, downloading.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final, TypeVar

from cryptoflow.errors import PermanentError
from cryptoflow.sources.candle_lines import (
    FEWEST_COLUMNS,
    MOST_COLUMNS,
    BadLine,
    LineReader,
    Misfit,
    PlainCandles,
    fields_of,
    is_header,
)

CHECKSUM_SUFFIX: Final = ".CHECKSUM"
# Small enough that nobody waits long for the first of them.
_BLOCK_BYTES: Final = 1 << 19
# Longer lines are no rows of numbers.
_LONGEST_LINE: Final = 4_096
# With so many lines that do not fit, and more than fit, the file is something else.
_HOPELESS: Final = 200
_MOST_MISFITS: Final = 20_000
# So many rows tell by their distances which interval they are of.
_ENOUGH_TO_TELL: Final = 10
_BOM: Final = b"\xef\xbb\xbf"
# A RuntimeError is what zipfile raises for a locked file, and for one that is packed in a way that it does not know.
_DAMAGED: Final = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, RuntimeError)


T = TypeVar("T", bytes, PlainCandles | bytes)
_Read = Callable[[LineReader, bytes, str, int], T]


class CandleFileRefused(PermanentError):
    """The file as a whole is not what it should be; nothing of it is stored."""


def file_sha256(path: Path) -> bytes:
    """The hash of the file, compared with the checksum file beside it when there is one."""
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        raise _refusal(path, f"it could not be read ({error.strerror})") from None
    beside = path.with_name(path.name + CHECKSUM_SUFFIX)
    if beside.is_file():
        check_sha256(path, digest, stated=beside.read_text("utf-8", "replace"))
    return digest


def check_sha256(path: Path, digest: bytes, *, stated: str) -> None:
    """Refuse the file when its hash is not the one that the text of a checksum file states."""
    wanted = next(iter(stated.split()), "nothing").lower()
    if wanted != digest.hex():
        raise _refusal(path, f"its SHA-256 is {digest.hex()}, its checksum file says {wanted}")


class CandleFile:
    """One file of candles of so many minutes, read once. What does not fit is in `take_bad` after each block."""

    def __init__(self, path: Path, *, minutes: int = 1) -> None:
        self.path = path
        self.minutes = minutes
        self.misfits = 0
        self.bytes_read = 0
        self._lines: LineReader | None = None
        self._bad: list[BadLine] = []

    @property
    def rows(self) -> int:
        """Rows that fitted so far."""
        return self._lines.rows if self._lines else 0

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the blocks, known with the first of them."""
        return self._lines.names if self._lines else ()

    def size(self) -> int:
        """Bytes of text that there are to read."""
        try:
            if not zipfile.is_zipfile(self.path):
                return self.path.stat().st_size
            with zipfile.ZipFile(self.path) as bundle:
                return sum(member.file_size for member in self._members(bundle))
        except (*_DAMAGED, OSError) as error:
            raise _refusal(self.path, f"it is damaged or cannot be read ({error})") from None

    def take_bad(self) -> list[BadLine]:
        """The lines that did not fit since the last asking."""
        bad, self._bad = self._bad, []
        return bad

    def blocks(self) -> Iterator[bytes]:
        """The rows that fit as CSV, a block at a time; refuses the file as soon as it cannot be right."""
        return self._checked(self._read)

    def blocks_as_numbers(self) -> Iterator[PlainCandles | bytes]:
        """The same rows, as numbers wherever a block is plain: the quick way for who does not want text."""
        return self._checked(self._read_plain)

    def _checked(self, read: _Read[T]) -> Iterator[T]:
        try:
            yield from self._blocks(read)
        except _DAMAGED as error:
            raise _refusal(self.path, f"it is damaged or locked ({error})") from None
        except OSError as error:
            raise _refusal(self.path, f"it could not be read ({error.strerror})") from None
        if not self.rows:
            raise self._hopeless() if self.misfits else _refusal(self.path, "it holds no candle")
        self._check_interval()

    def _check_interval(self) -> None:
        """Where no close time tells how long a candle lasts, their distances do: quiet ones may be left out."""
        assert self._lines is not None
        apart = self._lines.minutes_apart
        if self.rows >= _ENOUGH_TO_TELL and apart and (apart % self.minutes or apart > 2 * self.minutes):
            words = f"its candles are {apart} minutes apart, so they are not of {self.minutes} minutes"
            raise _refusal(self.path, words if self.minutes > 1 else words.replace("1 minutes", "one minute"))

    def _blocks(self, read: _Read[T]) -> Iterator[T]:
        if not zipfile.is_zipfile(self.path):
            with self.path.open("rb") as stream:
                yield from self._text(stream, "", read)
            return
        with zipfile.ZipFile(self.path) as bundle:
            for member in self._members(bundle):
                with bundle.open(member) as stream:
                    yield from self._text(stream, f"{member.filename}, ", read)

    def _members(self, bundle: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
        """The CSVs of a zip, in the order of their names; what an operating system added is passed over."""
        files = [one for one in bundle.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
        tables = sorted((one for one in files if one.filename.lower().endswith(".csv")), key=lambda one: one.filename)
        if not tables:
            raise _refusal(self.path, "there is no CSV in it")
        return tables

    def _text(self, stream: IO[bytes], inside: str, read: _Read[T]) -> Iterator[T]:
        line = 1
        for number, block in enumerate(self._whole_lines(stream)):
            body = self._without_header(block) if number == 0 else block
            line += block.count(b"\n", 0, len(block) - len(body))
            if body and not body.isspace() and self._lines is not None:
                clean = read(self._lines, body, inside, line)
                if clean:
                    yield clean
            line += body.count(b"\n")

    def _read(self, lines: LineReader, body: bytes, inside: str, first_line: int) -> bytes:
        clean, bad = lines.read(body, inside=inside, first_line=first_line)
        self._set_apart(bad)
        return clean

    def _read_plain(self, lines: LineReader, body: bytes, inside: str, first_line: int) -> PlainCandles | bytes:
        return lines.read_plain(body) or self._read(lines, body, inside, first_line)

    def _whole_lines(self, stream: IO[bytes]) -> Iterator[bytes]:
        rest = b""
        while chunk := stream.read(_BLOCK_BYTES):
            self.bytes_read += len(chunk)
            whole, newline, tail = (rest + chunk).rpartition(b"\n")
            if len(tail) > _LONGEST_LINE:
                raise _refusal(self.path, "it has lines that are too long for rows of candles")
            rest = tail
            if newline:
                yield whole + newline
        if rest.strip():
            yield rest + b"\n"

    def _without_header(self, block: bytes) -> bytes:
        """The first block of a text. Its first line says how many columns the rows have, for the whole file."""
        body = block.removeprefix(_BOM).lstrip(b"\r\n")
        first, _, rest = body.partition(b"\n")
        try:
            fields = fields_of(first.decode("utf-8", "replace").rstrip("\r"))
        except Misfit as misfit:
            raise _refusal(self.path, f"its first line does not fit: {misfit}") from None
        if fields and self._lines is None:
            if not FEWEST_COLUMNS <= len(fields) <= MOST_COLUMNS:
                wanted = f"{FEWEST_COLUMNS} to {MOST_COLUMNS}"
                raise _refusal(self.path, f"its first line has {len(fields)} columns instead of {wanted}")
            self._lines = LineReader(len(fields), minutes=self.minutes)
        return rest if fields and is_header(fields) else body

    def _set_apart(self, bad: list[BadLine]) -> None:
        self.misfits += len(bad)
        self._bad += bad
        if self.misfits > _MOST_MISFITS or (self.misfits >= _HOPELESS and self.misfits > self.rows):
            raise self._hopeless()

    def _hopeless(self) -> CandleFileRefused:
        first = f", the first in {self._bad[0].place}: {self._bad[0].reason}" if self._bad else ""
        seen = self.misfits + self.rows
        return _refusal(self.path, f"{self.misfits} of its first {seen} rows do not fit{first}")


def _refusal(path: Path, why: str) -> CandleFileRefused:
    return CandleFileRefused(
        f"{path} was refused: {why}.",
        cure="Nothing of it was stored. Give a CSV of candles in the archive's layout, or a zip of such.",
    )
