"""What may be said about one kind of story, and the compact form in which it is written down.

What belongs here: the form. What does not: sentences (market_templates.py, daily_templates.py).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Everything that may be said about one kind of story."""

    section: str
    headlines: tuple[str, ...]
    summaries: tuple[str, ...]
    leads: tuple[str, ...]
    details: tuple[str, ...]
    tags: tuple[str, ...] = ()


def kind_of_lines(section: str, tags: str, headlines: str, summaries: str, leads: str, details: str) -> Kind:
    """One wording per line; the tags between commas."""

    def lines(text: str) -> tuple[str, ...]:
        return tuple(line.strip() for line in text.strip().splitlines())

    return Kind(
        section=section,
        tags=tuple(tag.strip() for tag in tags.split(",")),
        headlines=lines(headlines),
        summaries=lines(summaries),
        leads=lines(leads),
        details=lines(details),
    )
