"""Bytes to frozen typed records: numbers exact from the text, nothing non-finite, one bad row never spoils the others.

The strict reader does all of a sound answer at once. Only when it refuses, rows are taken one by one, and those that
do not fit become `BadRow`s with their own text. Members that a record does not name are ignored.
What does not belong here: which records exist (one file per provider), whether a value is plausible (quality).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar

import msgspec

from cryptoflow.sources.errors import Asked, UnexpectedShape
from cryptoflow.sources.ledger import RawAnswer

T = TypeVar("T")

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""An aware instant; a text without offset is refused."""

_LARGEST_EXPONENT = 100
_MOST_DECIMALS = 1_000
_PATH_IN_MESSAGE = re.compile(r" - at `(?P<path>[^`]+)`$")
# Numbers stay text here: this reader only finds where a value ends, and accepts the NaN that the strict one refuses.
_LENIENT = json.JSONDecoder(parse_int=str, parse_float=str)
# A number of so few characters has no more decimals than a table can hold.
_PLAIN_LENGTH = 500
_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that does not fit its record: where it was, its text, and why."""

    index: int
    raw: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows(Generic[T]):
    """The rows of one answer."""

    good: tuple[T, ...]
    bad: tuple[BadRow, ...] = ()


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """Base of records that are read straight from JSON."""

    def __post_init__(self) -> None:
        # Most of the time of a decode would be spent here, so sound numbers pass by the cheapest test there is.
        values = msgspec.structs.astuple(self)
        if _are_plainly_sound([value for value in values if type(value) is Decimal]):
            return
        for place, value in enumerate(values):
            if type(value) is Decimal:
                check_number(value, self.__struct_fields__[place])


def _are_plainly_sound(values: list[Decimal]) -> bool:
    """Whether all are far from every bound, without a step of Python for each."""
    if not values:
        return True
    sizes = [*map(Decimal.adjusted, values)]
    return (
        all(map(Decimal.is_finite, values))
        and max(sizes) <= _LARGEST_EXPONENT
        and min(sizes) >= -_LARGEST_EXPONENT
        and max(map(len, map(str, values))) < _PLAIN_LENGTH
    )


def check_number(value: Decimal, name: str) -> None:
    """Refuse what no table can hold. A text such as "NaN" passes for a decimal until here."""
    if not value.is_finite():
        raise ValueError(f"`{name}` is not a finite number")
    exponent = value.as_tuple().exponent
    if abs(value.adjusted()) > _LARGEST_EXPONENT or (isinstance(exponent, int) and exponent < -_MOST_DECIMALS):
        raise ValueError(f"`{name}` is beyond every plausible size")


def instant_from_ms(milliseconds: int) -> datetime:
    """An instant of the crypto era from unix milliseconds; seconds or microseconds sent by mistake are refused."""
    if not _EARLIEST_MS <= milliseconds < _LATEST_MS:
        raise ValueError(f"{milliseconds} is not a time in milliseconds between 2009 and 2100")
    return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(microsecond=milliseconds % 1000 * 1000)


_EARLIEST_MS = int(datetime(2009, 1, 1, tzinfo=UTC).timestamp() * 1000)
_LATEST_MS = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp() * 1000)


def json_problem(body: bytes) -> Literal["cut", "other"] | None:
    """Whether the body is JSON (NaN and Infinity forgiven), breaks off, or is something else."""
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        return "cut" if "truncated" in str(error) else _lenient_problem(body)
    return None


def _lenient_problem(body: bytes) -> Literal["cut", "other"] | None:
    text = body.decode("utf-8", "replace").strip().removeprefix("\ufeff")
    try:
        _LENIENT.decode(text)
    except (ValueError, RecursionError):
        closing = {"{": "}", "[": "]"}.get(text[:1])
        return "cut" if closing is not None and not text.endswith(closing) else "other"
    return None


def decode_whole(answer: RawAnswer, record: type[T]) -> T:
    """The body as one record, or UnexpectedShape."""
    try:
        return msgspec.json.decode(answer.body, type=record)
    except msgspec.DecodeError as error:
        raise _unexpected(answer, str(error), "$") from None


def decode_rows(answer: RawAnswer, record: type[T], *, path: Sequence[str] = ()) -> Rows[T]:
    """The list at `path` as records. UnexpectedShape when there is no list, or when not a single row of it fits."""
    place = member(answer, path)
    try:
        return Rows(good=tuple(msgspec.json.decode(place, type=list[record])))  # type: ignore[valid-type]
    except msgspec.DecodeError:
        pass
    prefix = ".".join(("$", *path))
    items = split(place)
    if not isinstance(items, list):
        raise _unexpected(answer, "expected `array`", prefix)
    return rows_of(answer, items, record, prefix=prefix)


def rows_of(answer: RawAnswer, items: Sequence[bytes], record: type[T], *, prefix: str) -> Rows[T]:
    """Each text as a record, those that do not fit set apart. UnexpectedShape when none fits."""
    good: list[T] = []
    bad: list[BadRow] = []
    decoder = msgspec.json.Decoder(record)
    for index, item in enumerate(items):
        try:
            good.append(decoder.decode(item))
        except (msgspec.DecodeError, RecursionError) as error:
            bad.append(BadRow(index=index, raw=item.decode("utf-8", "replace"), reason=_reason(error)))
    if bad and not good:
        raise _unexpected(answer, bad[0].reason, f"{prefix}[...]")
    return Rows(good=tuple(good), bad=tuple(bad))


def member(answer: RawAnswer, path: Sequence[str]) -> bytes:
    """The text of the member at `path`; the whole body when the path is empty."""
    place = answer.body
    for depth, name in enumerate(path):
        members = split(place)
        here = ".".join(("$", *path[:depth]))
        if not isinstance(members, dict):
            raise _unexpected(answer, "expected `object`", here)
        if name not in members:
            raise _unexpected(answer, f"the member `{name}` is missing", here)
        place = members[name]
    return place


def split(text: bytes) -> list[bytes] | dict[str, bytes] | None:
    """The texts of the items of an array or the members of an object; None for anything else."""
    kind = text.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if kind not in (b"[", b"{"):
        return None
    try:
        if kind == b"[":
            return [bytes(item) for item in msgspec.json.decode(text, type=list[msgspec.Raw])]
        return {name: bytes(raw) for name, raw in msgspec.json.decode(text, type=dict[str, msgspec.Raw]).items()}
    except (msgspec.DecodeError, RecursionError):
        return _split_leniently(text)


def _split_leniently(body: bytes) -> list[bytes] | dict[str, bytes] | None:
    text = body.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    try:
        if text.startswith("["):
            return [text[start:end].encode() for start, end in _items(text)]
        return {name: text[start:end].encode() for name, start, end in _members(text)}
    except (ValueError, IndexError, RecursionError):
        return None


def _items(text: str) -> Iterator[tuple[int, int]]:
    at = _skip(text, 1)
    while text[at] != "]":
        _, end = _LENIENT.raw_decode(text, at)
        yield at, end
        at = _after_comma(text, end, "]")


def _members(text: str) -> Iterator[tuple[str, int, int]]:
    at = _skip(text, 1)
    while text[at] != "}":
        name, end = _LENIENT.raw_decode(text, at)
        colon = _skip(text, end)
        if not isinstance(name, str) or text[colon] != ":":
            raise ValueError("a member without a name")
        start = _skip(text, colon + 1)
        _, end = _LENIENT.raw_decode(text, start)
        yield name, start, end
        at = _after_comma(text, end, "}")


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _after_comma(text: str, at: int, closing: str) -> int:
    at = _skip(text, at)
    if text[at] == closing:
        return at
    if text[at] != ",":
        raise ValueError("a comma is missing")
    return _skip(text, at + 1)


def unexpected(answer: RawAnswer, *, path: str, expected: str) -> UnexpectedShape:
    """The error for an answer whose member at `path` is not what was expected."""
    return UnexpectedShape(
        asked=Asked(provider=answer.provider, endpoint=answer.endpoint, status=answer.status),
        path=path,
        expected=expected,
        payload_sha256=answer.payload_sha256,
    )


def _unexpected(answer: RawAnswer, message: str, prefix: str) -> UnexpectedShape:
    found = _PATH_IN_MESSAGE.search(message)
    inner = found.group("path").removeprefix("$") if found else ""
    return unexpected(answer, path=prefix + inner, expected=_PATH_IN_MESSAGE.sub("", message))


def _reason(error: Exception) -> str:
    text = str(error)
    return "not a finite number, or not JSON: " + text if "malformed" in text else text
