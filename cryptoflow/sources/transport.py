"""One attempt on the wire: send, receive whole, bounded in time and size. Every failure becomes an error of the tree.

A good answer can be received into a file: it then passes through memory in pieces, and the body that is left is empty.

What does not belong here: what the answer means (verdicts.py), a second attempt, limits, accounting (http.py).
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from cryptoflow.sources.errors import Asked, BodyCut, BodyTooLarge, NotFound, ProviderTimeout, ProviderUnreachable

# gzip only: zlib can stop at a size while it unpacks, so a small answer cannot become a huge one in memory.
ACCEPT_ENCODING = "gzip"
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_FILE_CHUNK_BYTES = 256 * 1024
_OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class WireAnswer:
    """What came back, unpacked. Header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    file_sha256: bytes | None = None
    """The hash of what was received into a file, when it was."""


class TooLarge(Exception):
    """The body passed the cap."""


class Incomplete(Exception):
    """The body ended before its end, or is not what its encoding says."""


class BoundedBody:
    """Collects a body, unpacking it when it is packed, and stops at `limit_bytes` of the unpacked size."""

    def __init__(self, *, limit_bytes: int, encoding: str) -> None:
        self._limit_bytes = limit_bytes
        self._parts: list[bytes] = []
        self._size_bytes = 0
        self._packed = encoding not in ("", "identity")
        self._unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._started = False

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes off the wire."""
        if not self._packed:
            self._add(chunk)
            return
        while chunk:
            self._started = True
            chunk = self._unpack(chunk)

    def finish(self) -> bytes:
        """The whole body."""
        if self._packed and self._started and not self._unpacker.eof:
            raise Incomplete("the packed body ends in the middle")
        return b"".join(self._parts)

    def _unpack(self, chunk: bytes) -> bytes:
        if self._unpacker.eof:
            # A body of several gzip members, one after another.
            self._unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
        try:
            self._add(self._unpacker.decompress(chunk, self._limit_bytes - self._size_bytes + 1))
        except zlib.error as error:
            raise Incomplete(f"the packed body is damaged ({error})") from None
        return self._unpacker.unconsumed_tail or self._unpacker.unused_data

    def _add(self, part: bytes) -> None:
        self._size_bytes += len(part)
        if self._size_bytes > self._limit_bytes:
            raise TooLarge
        self._parts.append(part)


class FileBody:
    """Writes a body to a file as it comes, and stops at `limit_bytes`. It was asked for unpacked."""

    def __init__(self, path: Path, *, limit_bytes: int, encoding: str) -> None:
        if encoding not in ("", "identity"):
            raise Incomplete(f"a file came packed once more ({encoding})")
        self._limit_bytes = limit_bytes
        self._file = path.open("wb")
        self._size_bytes = 0
        self._hash = hashlib.sha256()

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes off the wire."""
        self._size_bytes += len(chunk)
        if self._size_bytes > self._limit_bytes:
            raise TooLarge
        self._hash.update(chunk)
        self._file.write(chunk)

    def close(self) -> bytes:
        """The file is whole, or given up; the hash of what it holds."""
        self._file.close()
        return self._hash.digest()


class Exchange:
    """One attempt: its bounds, and how far it came, for the error texts."""

    def __init__(
        self, *, provider: str, endpoint: str, total_seconds: float, limit_bytes: int, into: Path | None = None
    ) -> None:
        self._asked = Asked(provider=provider, endpoint=endpoint)
        self._into = into
        self._total_seconds = total_seconds
        self._limit_bytes = limit_bytes

    async def run(self, client: httpx.AsyncClient, request: httpx.Request) -> WireAnswer:
        """Send the request and receive the whole answer."""
        try:
            async with asyncio.timeout(self._total_seconds):
                return await self._receive(client, request)
        except TimeoutError:
            raise ProviderTimeout(f"no whole answer within {self._total_seconds:g} s.", asked=self._asked) from None
        except httpx.TimeoutException as error:
            phase = _PHASES.get(type(error), "the exchange")
            raise ProviderTimeout(f"{phase} took too long.", asked=self._asked) from None
        except httpx.TransportError as error:
            raise self._broken(error) from None
        except httpx.TooManyRedirects:
            raise NotFound("too many redirects.", asked=self._asked) from None
        except TooLarge:
            raise BodyTooLarge(f"the body is larger than {self._limit_bytes} bytes.", asked=self._asked) from None
        except Incomplete as error:
            raise BodyCut(f"{error}.", asked=self._asked) from None

    async def _receive(self, client: httpx.AsyncClient, request: httpx.Request) -> WireAnswer:
        response = await client.send(request, stream=True)
        try:
            self._asked = replace(self._asked, status=response.status_code)
            headers = {name.lower(): value for name, value in response.headers.items()}
            if int(headers.get("content-length", "0")) > self._limit_bytes:
                raise TooLarge
            encoding = headers.get("content-encoding", "")
            if self._into is not None and response.status_code == _OK:
                digest = await self._receive_file(response, self._into, encoding)
                return WireAnswer(status=response.status_code, headers=headers, body=b"", file_sha256=digest)
            body = BoundedBody(limit_bytes=self._limit_bytes, encoding=encoding)
            async for chunk in response.aiter_raw():
                body.feed(chunk)
            return WireAnswer(status=response.status_code, headers=headers, body=body.finish())
        finally:
            await response.aclose()

    async def _receive_file(self, response: httpx.Response, path: Path, encoding: str) -> bytes:
        body = FileBody(path, limit_bytes=self._limit_bytes, encoding=encoding)
        try:
            async for chunk in response.aiter_raw(_FILE_CHUNK_BYTES):
                body.feed(chunk)
        finally:
            digest = body.close()
        return digest

    def _broken(self, error: httpx.TransportError) -> BodyCut | ProviderUnreachable:
        # The library's own words can hold the URL, so only the kind of the failure is told.
        kind = type(error).__name__
        if self._asked.status is None:
            return ProviderUnreachable(f"no answer ({kind}).", asked=self._asked)
        return BodyCut(f"the answer broke off ({kind}).", asked=self._asked)


_PHASES: dict[type[httpx.TimeoutException], str] = {
    httpx.ConnectTimeout: "connecting",
    httpx.ReadTimeout: "waiting for data",
    httpx.WriteTimeout: "sending",
    httpx.PoolTimeout: "waiting for a free connection",
}
