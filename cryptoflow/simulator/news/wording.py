"""How a story is told: headlines, first sentences, paragraphs; several wordings each, so that no two feeds agree.

What belongs here: choosing and filling in. What does not: the sentences themselves (market_templates.py,
daily_templates.py), facts (stories.py), the marks of a single feed (one module per provider).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptoflow.simulator.market.noise import stable_key
from cryptoflow.simulator.news.daily_templates import BACKGROUND, CLOSING, DAILY_KINDS, UPDATE
from cryptoflow.simulator.news.market_templates import MARKET_KINDS
from cryptoflow.simulator.news.names import REPORTERS

if TYPE_CHECKING:
    from cryptoflow.simulator.news.stories import Story

_SMALL_WORDS: Final = frozenset(
    ("a", "an", "and", "as", "at", "by", "for", "from", "in", "into", "of", "on", "or", "over", "the", "to")
)
_SLUG_WORDS: Final = 12
_KINDS: Final = {**MARKET_KINDS, **DAILY_KINDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """A story in the words of one feed."""

    headline: str
    summary: str
    paragraphs: tuple[str, ...]
    reporters: tuple[str, ...]
    tags: tuple[str, ...]
    section: str


def tell(story: Story, *, feed: str, title_case: bool) -> Telling:
    """The story as this feed words it; the same every time."""
    kind = _KINDS[story.kind]
    headline = _fill(_pick(kind.headlines, story, feed, "headline"), story)
    paragraphs = (
        _fill(_pick(kind.leads, story, feed, "lead"), story),
        *(_fill(text, story) for text in _rotated(kind.details, stable_key(story.key, feed))),
        _fill(_pick(BACKGROUND, story, feed, "background"), story),
        _fill(_pick(CLOSING, story, feed, "closing"), story),
    )
    first = stable_key(story.key, feed, "reporter")
    reporters: tuple[str, ...] = (REPORTERS[first % len(REPORTERS)],)
    if first % 5 == 0:
        reporters = (*reporters, REPORTERS[(first // 16 + 1) % len(REPORTERS)])
    return Telling(
        headline=in_title_case(headline) if title_case else headline,
        summary=_fill(_pick(kind.summaries, story, feed, "summary"), story),
        paragraphs=paragraphs,
        reporters=tuple(dict.fromkeys(reporters)),
        tags=tuple(dict.fromkeys((story.facts["name"], *kind.tags))),
        section=kind.section,
    )


def update_paragraph(story: Story, feed: str) -> str:
    """What stands at the top of an article that was changed later."""
    return _fill(_pick(UPDATE, story, feed, "update"), story)


def _pick(choices: tuple[str, ...], story: Story, feed: str, part: str) -> str:
    return choices[stable_key(story.key, feed, part) % len(choices)]


def _rotated(texts: tuple[str, ...], by: int) -> tuple[str, ...]:
    start = by % len(texts)
    return (*texts[start:], *texts[:start])


def _fill(template: str, story: Story) -> str:
    text = template.format_map(dict(story.facts))
    return text[0].upper() + text[1:]


def in_title_case(headline: str) -> str:
    """Capitals for all but the small words; words with capitals of their own stay."""
    words = headline.split(" ")
    return " ".join(
        word if place and word in _SMALL_WORDS else word[:1].upper() + word[1:] for place, word in enumerate(words)
    )


def slug_of(headline: str) -> str:
    """The headline as a part of a path."""
    plain = unicodedata.normalize("NFKD", headline).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", plain)[:_SLUG_WORDS])
