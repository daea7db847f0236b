"""Database and cache URLs: taken apart, put together, masked. Pure text.

What does not belong here: connecting (external).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from cryptoflow.errors import UsageError

POSTGRES_PORT = 5432
_POSTGRES_SCHEMES = frozenset({"postgresql", "postgres"})
_REDIS_SCHEMES = frozenset({"redis", "rediss", "unix"})
_SHAPE = "postgresql://USER:PASSWORD@HOST:5432/DATABASE"
_PASSWORD_IN_QUERY = re.compile(r"(?<=[?&])(password|sslpassword)=[^&]*", re.IGNORECASE)
MASK = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAddress:
    """Where a PostgreSQL server is and as whom to come; plain text, not URL-encoded."""

    host: str
    port: int = POSTGRES_PORT
    user: str
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUrl:
    """A PostgreSQL URL taken apart."""

    address: ServerAddress
    name: str
    query: str = ""


def parse_database_url(url: str, *, setting: str = "CRYPTOFLOW_DATABASE_URL") -> DatabaseUrl:
    """Take apart a postgresql:// URL; a URL of another shape is a UsageError that does not show the password."""
    parts = _split(url, setting=setting, shape=_SHAPE)
    # SQLAlchemy spells a driver into the scheme; the address is the same.
    scheme = parts.scheme.partition("+")[0]
    name = unquote(parts.path.removeprefix("/"))
    if scheme not in _POSTGRES_SCHEMES or not parts.hostname or not parts.username or not name or "/" in name:
        raise UsageError(f"{setting} is not a PostgreSQL URL: {mask_url(url)}.", cure=f"Write it as {_SHAPE}.")
    return DatabaseUrl(
        address=ServerAddress(
            host=unquote(parts.hostname),
            port=_port(parts, setting=setting, shape=_SHAPE) or POSTGRES_PORT,
            user=unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
        ),
        name=name,
        query=parts.query,
    )


def database_url(address: ServerAddress, name: str, *, query: str = "") -> str:
    """Put a URL together."""
    password = "" if address.password is None else ":" + quote(address.password, safe="")
    host = f"[{address.host}]" if ":" in address.host else quote(address.host, safe="")
    location = f"{quote(address.user, safe='')}{password}@{host}:{address.port}"
    return urlunsplit(("postgresql", location, "/" + quote(name, safe=""), query, ""))


def with_database(url: str, name: str) -> str:
    """The same server and options, another database."""
    parsed = parse_database_url(url)
    return database_url(parsed.address, name, query=parsed.query)


def parse_redis_url(url: str, *, setting: str = "CRYPTOFLOW_REDIS_URL") -> SplitResult:
    """Check the shape of a redis:// URL."""
    shape = "redis://:PASSWORD@HOST:6379/0"
    parts = _split(url, setting=setting, shape=shape)
    if parts.scheme not in _REDIS_SCHEMES or not (parts.hostname or parts.scheme == "unix"):
        raise UsageError(f"{setting} is not a Redis URL: {mask_url(url)}.", cure=f"Write it as {shape}.")
    _port(parts, setting=setting, shape=shape)
    return parts


def mask_url(url: str) -> str:
    """The URL with its password as stars; safe to show even when the URL is malformed."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return MASK
    # The last @ ends the credentials, whatever an unencoded password contains.
    credentials, at, location = rest.rpartition("@")
    user, colon, _ = credentials.partition(":")
    shown = f"{user}:{MASK}{at}" if colon else credentials + at
    location = _PASSWORD_IN_QUERY.sub(rf"\1={MASK}", location)
    return f"{scheme}://{shown}{location}"


def _split(url: str, *, setting: str, shape: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise UsageError(f"{setting} is not a URL: {mask_url(url)}.", cure=f"Write it as {shape}.") from None


def _port(parts: SplitResult, *, setting: str, shape: str) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise UsageError(
            f"{setting} has a port that is not a number between 0 and 65535.",
            cure=f"Write it as {shape}; a special character in the password is written percent-encoded.",
        ) from None
