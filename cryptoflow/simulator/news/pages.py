"""Article pages as HTML: what a reader wants, between what a site adds.

What belongs here: the page around an item: canonical address, structured data, paragraphs, boilerplate. What does not:
addresses and feeds (one module per provider), the words (wording.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Final

from cryptoflow.simulator.responses import SimResponse

if TYPE_CHECKING:
    from starlette.requests import Request

    from cryptoflow.simulator.news.newsroom import Item

_HTML: Final = "text/html"
_STYLE: Final = "body{margin:0;font-family:serif}nav a{margin-right:1em}aside{background:#eee}"


def base_url(request: Request) -> str:
    """The address under which this provider is reached, without a slash at its end."""
    return f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"


def iso(at: int) -> str:
    """An instant as structured data has it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def article_page(item: Item, *, address: str, related: Sequence[tuple[str, str]]) -> SimResponse:
    """The page of an item. `related` are (address, headline) of others."""
    headline = escape(item.telling.headline)
    summary = escape(item.telling.summary, quote=True)
    paragraphs = "\n".join(f"<p>{escape(text, quote=False)}</p>" for text in _paragraphs(item))
    links = "".join(f'<li><a href="{escape(link)}">{escape(title)}</a></li>' for link, title in related)
    authors = ", ".join(escape(name) for name in item.telling.reporters)
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{headline} | {escape(item.desk.title)}</title>
<link rel="canonical" href="{escape(address)}">
<meta name="description" content="{summary}">
<meta property="og:type" content="article">
<meta property="og:title" content="{escape(item.telling.headline, quote=True)}">
<meta property="article:published_time" content="{iso(item.first_published_at)}">
<meta property="article:modified_time" content="{iso(item.published_at)}">
<style>{_STYLE}</style>
<script type="application/ld+json">{structured_data(item, address)}</script>
</head>
<body>
<header><nav><a href="/">Home</a><a href="/markets">Markets</a><a href="/about">About</a></nav></header>
<div class="ticker">BTC ETH SOL</div>
<main>
<article>
<h1>{headline}</h1>
<p class="byline">By {authors}</p>
<time datetime="{iso(item.first_published_at)}">{iso(item.first_published_at)}</time>
{paragraphs}
</article>
<aside class="newsletter"><h2>Newsletter</h2><p>Get the day in your inbox. You agree to our terms.</p></aside>
<section class="related"><h2>Read more</h2><ul>{links}</ul></section>
</main>
<footer><p>Disclosure: this page belongs to a simulated market. Nothing in it is advice.</p></footer>
<div id="cookies" hidden><p>We value your privacy. Accept all cookies?</p></div>
<script>window.pageKind = "article";</script>
</body>
</html>
"""
    return SimResponse(text=page, media_type=_HTML)


def _paragraphs(item: Item) -> tuple[str, ...]:
    return item.telling.paragraphs if item.update is None else (item.update, *item.telling.paragraphs)


def structured_data(item: Item, address: str) -> str:
    """The article as JSON-LD."""
    data = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "mainEntityOfPage": address,
        "headline": item.telling.headline,
        "description": item.telling.summary,
        "datePublished": iso(item.first_published_at),
        "dateModified": iso(item.published_at),
        "author": [{"@type": "Person", "name": name} for name in item.telling.reporters],
        "publisher": {"@type": "Organization", "name": item.desk.title},
        "keywords": list(item.telling.tags),
    }
    # A closing tag inside the data would end the script.
    return json.dumps(data, ensure_ascii=False).replace("</", "<\\/")


def no_page() -> SimResponse:
    """What stands where no article is."""
    page = "<!DOCTYPE html><html><head><title>404</title></head><body><h1>Page not found</h1></body></html>"
    return SimResponse(text=page, media_type=_HTML, status=404)
