"""Properties of the HTTP layer's pure parts, over generated cases."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import string
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cryptoflow.sources.breaker import CLOSED, BreakerPolicy, admit, after_failure, after_success
from cryptoflow.sources.coingecko import MarketRow
from cryptoflow.sources.decode import decode_rows, json_problem, split
from cryptoflow.sources.ledger import RawAnswer
from cryptoflow.sources.redaction import Redactor
from cryptoflow.sources.retry_after import retry_after_seconds
from cryptoflow.sources.transport import BoundedBody, Incomplete, TooLarge

KEYS = st.text(string.ascii_letters + string.digits + "-_./+=~: ", min_size=8, max_size=60)
TEXTS = st.text(max_size=40)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def answer(body: str) -> RawAnswer:
    raw = body.encode()
    return RawAnswer(
        provider="p", endpoint="e", url_redacted="", params={}, status=200, headers={}, body=raw, fetched_at=NOW,
        elapsed_ms=1, attempts=1, payload_sha256=hashlib.sha256(raw).digest(),
    )  # fmt: skip


@given(key=KEYS, before=TEXTS, after=TEXTS, spell=st.sampled_from([str, quote, quote_plus, str.upper, str.lower]))
def test_a_key_in_any_position_and_spelling_never_leaks(key: str, before: str, after: str, spell: object) -> None:
    written = spell(key)  # type: ignore[operator]
    redactor = Redactor([key])
    places = (
        before + written + after,
        f"https://api.example.org/{written}/v1?x=1",
        f"https://api.example.org/v1?page=2&secretive={written}&z=1",
        json.dumps({"echo": [before, written]}),
    )
    for place in places:
        assume("[redacted]" not in place)
        assert written.lower() not in redactor.text(place).lower()
        assert written.lower() not in redactor.body(place.encode()).decode().lower()
    shown = redactor.mapping({"x-api-key": written, "Authorization": "Bearer " + written, "ids": f"a,{written}"})
    assert written.lower() not in repr(shown).lower()


@given(value=KEYS, name=st.sampled_from(["key", "apikey", "api_key", "CMC_PRO_API_KEY", "x_cg_demo_api_key", "token"]))
def test_a_secret_parameter_is_masked_though_its_value_is_unknown(value: str, name: str) -> None:
    shown = Redactor().text(f"GET https://api.example.org/v1?page=2&{name}={quote(value, safe='')}&limit=5")
    assert shown == f"GET https://api.example.org/v1?page=2&{name}=[redacted]&limit=5"


@given(text=st.text(st.characters(exclude_characters="?&=@"), max_size=80))
def test_text_without_secrets_stays(text: str) -> None:
    assert Redactor(["0123-secret-4567"]).text(text) == text


@st.composite
def literals(draw: st.DrawFn) -> str:
    """A JSON number between 1e-12 and 1e18 in one of its forms."""
    digits = draw(st.integers(1, 10**18))
    exponent = draw(st.integers(-12 - len(str(digits)) + 1, 18 - len(str(digits)) + 1))
    number = Decimal(digits).scaleb(exponent)
    form = draw(st.sampled_from(["plain", "e", "E+", "dotted"]))
    sign = draw(st.sampled_from(["", "-"]))
    if form == "plain":
        return sign + format(number, "f")
    if form == "dotted":
        text = str(digits)
        return f"{sign}{text[0]}.{text[1:] or '0'}e{exponent + len(text) - 1}"
    if form == "E+":
        return f"{sign}{digits}E{exponent:+d}"
    return f"{sign}{digits}e{exponent}"


@given(literal=literals(), beside_nan=st.booleans())
def test_numbers_are_exact_in_every_form(literal: str, beside_nan: bool) -> None:
    row = (
        '{"id":"a","symbol":"a","name":"A","current_price":%s,"market_cap":1,"total_volume":1,'
        '"circulating_supply":1,"last_updated":null}'
    )
    text = f"[{row % literal}" + (f",{row % 'NaN'}]" if beside_nan else "]")
    rows = decode_rows(answer(text), MarketRow)
    assert [row.price_usd for row in rows.good] == [Decimal(literal)]
    assert len(rows.bad) == beside_nan


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.just(math.nan),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(value=st.lists(JSON, max_size=5) | st.dictionaries(st.text(max_size=5), JSON, max_size=5), spaced=st.booleans())
def test_splitting_takes_nothing_away(value: list[object] | dict[str, object], spaced: bool) -> None:
    parts = split(json.dumps(value, indent=2 if spaced else None).encode())
    if isinstance(value, list):
        assert isinstance(parts, list)
        assert repr([json.loads(part) for part in parts]) == repr(value)
    else:
        assert isinstance(parts, dict)
        assert repr({name: json.loads(part) for name, part in parts.items()}) == repr(value)


@given(value=st.lists(st.dictionaries(st.text(max_size=5), JSON, min_size=1, max_size=3), min_size=1), data=st.data())
def test_a_cut_body_is_never_taken_for_a_whole_one(value: object, data: st.DataObject) -> None:
    text = json.dumps(value)
    assert json_problem(text.encode()) is None
    end = data.draw(st.integers(0, len(text) - 1))
    assert json_problem(text[:end].encode()) is not None


@given(header=st.text(max_size=30) | st.integers().map(str) | st.floats().map(str), status=st.sampled_from([429, 503]))
def test_the_wait_is_always_within_its_clamp(header: str, status: int) -> None:
    wait = retry_after_seconds(header, status=status, now=NOW)
    assert wait is None or 1.0 <= wait <= 300.0


@given(steps=st.lists(st.tuples(st.booleans(), st.floats(0, 500)), max_size=60))
def test_a_circuit_is_never_open_for_longer_than_its_cap(steps: list[tuple[bool, float]]) -> None:
    policy = BreakerPolicy(failures_to_open=2, cool_down_seconds=10, cool_down_cap_seconds=100, probe_seconds=20)
    circuit, now = CLOSED, 0.0
    for good, later in steps:
        now += later
        admitted, circuit = admit(circuit, policy=policy, now=now)
        if admitted:
            circuit = (
                after_success(circuit) if good else after_failure(circuit, policy=policy, now=now, error="timeout")
            )
        assert circuit.until <= now + policy.cool_down_cap_seconds
    assert admit(circuit, policy=policy, now=now + policy.cool_down_cap_seconds)[0]


@given(body=st.binary(max_size=3_000), limit=st.integers(1, 3_000), step=st.integers(1, 500), packed=st.booleans())
def test_a_body_is_whole_or_refused_by_its_unpacked_size(body: bytes, limit: int, step: int, packed: bool) -> None:
    wire = gzip.compress(body) if packed else body
    collector = BoundedBody(limit_bytes=limit, encoding="gzip" if packed else "")

    def receive() -> bytes:
        for start in range(0, len(wire), step):
            collector.feed(wire[start : start + step])
        return collector.finish()

    if len(body) > limit:
        with pytest.raises(TooLarge):
            receive()
    else:
        assert receive() == body


@given(body=st.binary(min_size=1, max_size=500), data=st.data())
def test_a_packed_body_that_ends_early_is_noticed(body: bytes, data: st.DataObject) -> None:
    wire = gzip.compress(body)
    collector = BoundedBody(limit_bytes=10_000, encoding="gzip")
    collector.feed(wire[: data.draw(st.integers(1, len(wire) - 1))])
    with pytest.raises(Incomplete):
        collector.finish()
