"""What body faults do to rows, values and times, for every kind of body that providers have."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from cryptoflow.simulator.damage import BodyMemory, damage_body
from cryptoflow.simulator.faults import FaultBoard
from cryptoflow.simulator.numbers import shifted_time, times, with_other_time_unit
from cryptoflow.simulator.responses import Shape, encode_json

NOW = 1_767_268_800.0
ROWS = Shape(rows=(), id_key="id", price_keys=("price",), time_keys=("at",), volume_keys=("volume",), page_param="page")
SERIES = Shape(rows=("prices",), id_key=0, time_keys=(0,), price_keys=(1,))
NESTED = Shape(rows=("data",), id_key="id", price_keys=("quote.USD.price",), time_keys=("last_updated",))


def coins(*prices: object) -> list[dict[str, Any]]:
    return [{"id": f"c{n}", "price": price, "at": NOW, "volume": 10 * n} for n, price in enumerate(prices)]


def damaged(
    name: str,
    body: object,
    shape: Shape,
    *,
    page: str = "1",
    board: FaultBoard | None = None,
    memory: BodyMemory | None = None,
    parse: Callable[[bytes], Any] = json.loads,
    **options: Any,
) -> Any:
    board = board or FaultBoard()
    if not board.active():
        board.add(name, **options)
    content, _ = damage_body(
        encode_json(body),
        shape=shape,
        strikes=board.strikes("body", "coingecko"),
        path="/x",
        query={"page": page},
        memory=memory or BodyMemory(),
        now=NOW,
    )
    return parse(content)


def test_a_price_keeps_its_digits_and_kind_when_it_jumps() -> None:
    text = damaged("unit_jump_value", coins(Decimal("1.2E-9"), 7, "0.00001230", None), ROWS, parse=bytes.decode)
    rows = json.loads(text, parse_float=Decimal)
    assert [row["price"] for row in rows] == [Decimal("0.0000012"), 7000, "0.01230000", None]


def test_an_amount_changes_the_factor() -> None:
    assert damaged("unit_jump_value", coins(2), ROWS, amount=0.5)[0]["price"] == 1


def test_a_bare_nan_is_written() -> None:
    text = damaged("nan_values", coins(1.5), ROWS, parse=bytes.decode)
    assert '"price":NaN' in text


def test_text_prices_become_the_text_nan() -> None:
    assert damaged("nan_values", coins("1.5"), ROWS)[0]["price"] == "NaN"


@pytest.mark.parametrize(
    ("name", "is_hit"),
    [("negative_price", lambda price: price < 0), ("zero_price", lambda price: price == 0)],
)
def test_a_fifth_of_the_rows_has_an_impossible_price(name: str, is_hit: Callable[[float], bool]) -> None:
    rows = damaged(name, coins(*range(1, 11)), ROWS)
    assert sum(is_hit(row["price"]) for row in rows) == 2


def test_a_field_vanishes_from_every_row() -> None:
    rows = damaged("field_vanishes", coins(1, 2), ROWS)
    assert all("price" not in row and "volume" in row for row in rows)
    rows = damaged("field_vanishes", coins(1, 2), ROWS, field="volume")
    assert all("price" in row and "volume" not in row for row in rows)


def test_a_dotted_field_vanishes_where_it_stands() -> None:
    body = {"data": {"1": {"id": 1, "quote": {"USD": {"price": 5, "cap": 6}}}}}
    assert damaged("field_vanishes", body, NESTED)["data"]["1"]["quote"] == {"USD": {"cap": 6}}


def test_rows_under_shared_symbols_are_all_reached() -> None:
    body = {"data": {"X": [{"quote": {"USD": {"price": 1}}}, {"quote": {"USD": {"price": 2}}}]}}
    rows = damaged("unit_jump_value", body, NESTED)["data"]["X"]
    assert [row["quote"]["USD"]["price"] for row in rows] == [1000, 2000]


def test_a_field_changes_type() -> None:
    assert damaged("field_changes_type", coins(1), ROWS)[0]["price"] == {"value": 1}


def test_a_body_without_rows_is_one_row() -> None:
    assert damaged("unit_jump_value", {"price": 2}, Shape(price_keys=("price",))) == {"price": 2000}


def test_rows_come_twice() -> None:
    rows = damaged("duplicated_rows", coins(1, 2, 3, 4, 5), ROWS)
    ids = [row["id"] for row in rows]
    assert len(ids) == 7
    assert sorted(set(ids)) == ["c0", "c1", "c2", "c3", "c4"]


def test_a_page_after_the_first_is_empty() -> None:
    assert len(damaged("missing_page", coins(1, 2), ROWS, page="1")) == 2
    assert damaged("missing_page", coins(1, 2), ROWS, page="2") == []


def test_a_page_repeats_the_one_before_it() -> None:
    board, memory = FaultBoard(), BodyMemory()
    pages = [
        damaged("repeated_page", coins(price), ROWS, page=page, board=board, memory=memory)[0]["price"]
        for page, price in (("1", 11), ("2", 22), ("3", 33), ("3", 33))
    ]
    assert pages == [11, 11, 22, 33]


def test_values_freeze_while_times_move() -> None:
    board, memory = FaultBoard(), BodyMemory()
    first = damaged("frozen_values", coins(1, 2), ROWS, board=board, memory=memory)
    later = [{**row, "price": 99, "volume": 98, "at": NOW + 60} for row in coins(1, 2, 3)]
    second = damaged("frozen_values", later, ROWS, board=board, memory=memory)
    assert [row["price"] for row in first] == [1, 2]
    assert [(row["price"], row["volume"], row["at"]) for row in second] == [
        (1, 0, NOW + 60),
        (2, 10, NOW + 60),
        (99, 98, NOW + 60),
    ]


def test_a_frozen_history_is_flat() -> None:
    body = {"prices": [[1_767_000_000_000 + n, n] for n in range(5)]}
    assert [point[1] for point in damaged("frozen_values", body, SERIES)["prices"]] == [0] * 5


def test_history_is_restated_the_same_each_time_and_the_last_hour_is_not() -> None:
    hour = 3_600_000
    body = {"prices": [[int(NOW * 1000) - back * hour, 100.0] for back in range(60)]}
    board = FaultBoard()
    first = damaged("restated_history", body, SERIES, board=board)["prices"]
    second = damaged("restated_history", body, SERIES, board=board)["prices"]
    assert first == second
    changed = [at for at, point in enumerate(first) if point[1] != 100.0]
    assert 10 < len(changed) < 30
    assert all(95.0 <= point[1] <= 105.0 for point in first)
    assert first[0][1] == 100.0


def test_a_snapshot_has_no_history_to_restate() -> None:
    assert damaged("restated_history", coins(1, 2), ROWS) == coins(1, 2)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (1_767_268_800, 1_767_268_800_000),
        (1_767_268_800_123, 1_767_268_800_123_000),
        (1_767_268_800_123_000, 1_767_268_800_123),
        ("1767268800123", "1767268800123000"),
        ("2026-01-01T12:00:00.000Z", "2026-01-01T12:00:00.000Z"),
    ],
)
def test_times_change_unit(before: object, after: object) -> None:
    assert with_other_time_unit(before) == after
    assert damaged("unit_jump_time", [{"at": before}], ROWS) == [{"at": after}]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (1_767_268_800, 1_767_269_100),
        (1_767_268_800_123, 1_767_269_100_123),
        (1_767_268_800_123_456, 1_767_269_100_123_456),
        ("1767268800", "1767269100"),
        ("2026-01-01T12:00:00.250Z", "2026-01-01T12:05:00.250Z"),
        ("2026-01-01T12:00:00+00:00", "2026-01-01T12:05:00+00:00"),
        ("soon", "soon"),
        (None, None),
    ],
)
def test_a_skewed_clock_moves_every_kind_of_time(before: object, after: object) -> None:
    assert damaged("clock_skew", [{"at": before}], ROWS) == [{"at": after}]


def test_a_clock_can_be_behind() -> None:
    assert damaged("clock_skew", [{"at": 1_767_268_800}], ROWS, amount=-60.0) == [{"at": 1_767_268_740}]


def test_a_body_that_nothing_hits_is_sent_byte_for_byte() -> None:
    content = b'{"a" : 1.50}'
    board = FaultBoard()
    board.add("zero_price")
    after, names = damage_body(
        content, shape=Shape(), strikes=board.strikes("body", "x"), path="/", query={}, memory=BodyMemory(), now=NOW
    )
    assert (after, names) == (content, ())


def test_arithmetic_leaves_what_is_no_number() -> None:
    assert [times(value, Decimal(2)) for value in ("word", True, None)] == ["word", True, None]
    assert shifted_time("word", 5.0) == "word"
