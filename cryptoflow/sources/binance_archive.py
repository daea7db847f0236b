"""Binance's archive of candles: which files there are for a span, and one file, downloaded and verified.

    /data/spot/monthly/klines/SYM/1m/SYM-1m-2024-01.zip       from the first Monday after the month
    /data/spot/daily/klines/SYM/1m/SYM-1m-2024-01-31.zip      from the next day

Beside each file is its SHA-256. A file may be issued anew. A file that is not there answers 404.
What does not belong here: reading the rows, the ledger of what was fetched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from cryptoflow.sources.errors import Asked, ChecksumWrong, NotJson
from cryptoflow.sources.http import ProviderClient

_DAY: Final = timedelta(days=1)
_CHECKSUM: Final = re.compile(rb"\s*([0-9a-fA-F]{64})\b")
# After midnight the files of the day before are still being made.
PUBLISHED_AFTER: Final = timedelta(hours=3)
# Of a month, the archive has days until the month itself is there; the first Monday may be late.
MONTHLY_SLACK: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveFile:
    """One file of minutes of a symbol; it covers [starts, ends)."""

    symbol: str
    interval: str
    kind: Literal["monthly", "daily"]
    starts: datetime

    @property
    def ends(self) -> datetime:
        """The first instant after it."""
        return month_after(self.starts) if self.kind == "monthly" else self.starts + _DAY

    @property
    def name(self) -> str:
        """The file's own name."""
        return f"{self.symbol}-{self.interval}-{self.starts:{'%Y-%m' if self.kind == 'monthly' else '%Y-%m-%d'}}.zip"

    @property
    def path(self) -> str:
        """Where it is, below the host."""
        return f"data/spot/{self.kind}/klines/{self.symbol}/{self.interval}/{self.name}"

    @property
    def published_at(self) -> datetime:
        """From when on it can be expected."""
        if self.kind == "daily":
            return self.ends + PUBLISHED_AFTER
        first_monday = self.ends + timedelta(days=-self.ends.weekday() % 7)
        return first_monday + PUBLISHED_AFTER + MONTHLY_SLACK


def month_after(instant: datetime) -> datetime:
    """The start of the month after that of the instant."""
    return (instant.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def files_for(symbol: str, interval: str, *, start: datetime, end: datetime, now: datetime) -> list[ArchiveFile]:
    """The files that together cover as much of [start, end) as the archive can have by `now`, in the order of time.

    A month that is published and touched by the span is taken whole; of other months, the days that are published.
    """
    month = start.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found: list[ArchiveFile] = []
    while month < end:
        whole = ArchiveFile(symbol=symbol, interval=interval, kind="monthly", starts=month)
        found += [whole] if whole.published_at <= now else days_of(whole, start=start, end=end, now=now)
        month = month_after(month)
    return found


def days_of(month: ArchiveFile, *, start: datetime, end: datetime, now: datetime) -> list[ArchiveFile]:
    """The daily files of a month that touch [start, end) and are published by `now`."""
    days = (month.starts + number * _DAY for number in range((month.ends - month.starts) // _DAY))
    files = (ArchiveFile(symbol=month.symbol, interval=month.interval, kind="daily", starts=day) for day in days)
    return [file for file in files if file.ends > start and file.starts < end and file.published_at <= now]


class BinanceArchive:
    """Downloads from the archive. The client is the caller's to open and close."""

    def __init__(self, client: ProviderClient) -> None:
        self._client = client

    async def download(self, file: ArchiveFile, into: Path) -> bytes:
        """Fetch the file, verify it, and return its SHA-256. NotFound when there is no such file."""
        endpoint = f"{file.kind} klines"
        got = expected = b""
        # A file that is issued anew can come between the sum and the bytes, so one difference is asked about again.
        for _ in range(2):
            sum_answer = await self._client.ask(f"{endpoint} checksum", path=f"{file.path}.CHECKSUM", expect="text")
            stated = _CHECKSUM.match(sum_answer.body)
            if stated is None:
                asked = Asked(provider=self._client.provider.name, endpoint=endpoint, status=sum_answer.status)
                raise NotJson(f"the checksum of {file.name} is not one.", asked=asked)
            expected = bytes.fromhex(stated.group(1).decode())
            answer = await self._client.ask(endpoint, path=file.path, expect="file", into=into)
            got = answer.payload_sha256
            if got == expected:
                return got
        into.unlink(missing_ok=True)
        raise ChecksumWrong(
            f"{file.name} has the SHA-256 {got.hex()}, its checksum says {expected.hex()}.",
            asked=Asked(provider=self._client.provider.name, endpoint=endpoint, status=200),
        )
