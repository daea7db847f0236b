"""The RSS documents: one skeleton, and the parts from which each provider's items are made.

What belongs here: escaping, CDATA, dates, the channel. What does not: which parts an item has.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Final
from xml.sax.saxutils import escape

from cryptoflow.simulator.responses import SimResponse

NAMESPACES: Final = {
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "media": "http://search.yahoo.com/mrss/",
}
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def element(name: str, text: str, **attributes: str) -> str:
    """An element with escaped text."""
    return f"<{name}{_attributes(attributes)}>{escape(text)}</{name}>"


def cdata(name: str, text: str, **attributes: str) -> str:
    """An element whose text stands in CDATA."""
    return f"<{name}{_attributes(attributes)}><![CDATA[{text.replace(']]>', ']]&gt;')}]]></{name}>"


def empty(name: str, **attributes: str) -> str:
    """An element without content."""
    return f"<{name}{_attributes(attributes)}/>"


def _attributes(attributes: dict[str, str]) -> str:
    return "".join(f' {name}="{escape(value, {chr(34): "&quot;"})}"' for name, value in attributes.items())


def mail_date(at: float, *, offset_hours: int = 0) -> str:
    """RFC 822, independent of the locale."""
    moment = datetime.fromtimestamp(at, UTC).astimezone(timezone(timedelta(hours=offset_hours)))
    sign = "-" if offset_hours < 0 else "+"
    return (
        f"{_DAYS[moment.weekday()]}, {moment.day:02d} {_MONTHS[moment.month - 1]} {moment.year} "
        f"{moment:%H:%M:%S} {sign}{abs(offset_hours):02d}00"
    )


def document(*, channel: Sequence[str], items: Sequence[Sequence[str]], undeclared: str | None = None) -> SimResponse:
    """The feed. The namespace `undeclared` is used without a declaration, as broken feeds do."""
    declared = "".join(f' xmlns:{name}="{uri}"' for name, uri in NAMESPACES.items() if name != undeclared)
    rows = "\n".join(f"<item>{''.join(parts)}</item>" for parts in items)
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<rss version="2.0"{declared}><channel>{"".join(channel)}\n{rows}\n</channel></rss>\n'
    )
    return SimResponse(
        text=text, media_type="application/rss+xml; charset=utf-8", headers={"cache-control": "public, max-age=60"}
    )
