"""Text as PostgreSQL can hold it: it holds every character but NUL, whose picture is kept in its place.

What does not belong here: what a text means.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from psycopg.types.json import Jsonb

_NUL_PICTURE = {0: "\u2400"}
_NUL_IN_JSON = "\\u0000"


def storable_text(text: str) -> str:
    """The text without NUL."""
    return text.translate(_NUL_PICTURE)


def storable_json(value: object) -> Jsonb:
    """A value as a JSON parameter, without NUL in any text of it."""
    return Jsonb(value, dumps=_dumps_without_nul)


def _dumps_without_nul(value: object) -> str:
    """NUL is so rare that looking for it afterwards is far cheaper than cleaning every text before."""
    text = json.dumps(value)
    return json.dumps(_cleaned(value)) if _NUL_IN_JSON in text else text


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, Mapping):
        return {storable_text(str(name)): _cleaned(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value
