"""Whatever a text holds, COPY brings it over as it is."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cryptoflow_tests.database.test_copying import copied

# PostgreSQL holds every character but NUL.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.none() | st.sampled_from(["None", "\\N", "\\", ""]) | TEXTS, max_size=30))
def test_any_text_arrives_as_it_was(database_url: str, words: list[str | None]) -> None:
    assert [row["words"] for row in copied(database_url, *({"words": text} for text in words))] == words
