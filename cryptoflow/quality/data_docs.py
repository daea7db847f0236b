"""Data Docs as a site on disk that needs nobody else: pages are made by Great Expectations, then made to stand alone.

Its pages load styles and scripts from public servers. Here every such reference is taken out, and the pages get the
styles and the one script of `site/`, so that they work offline and nobody learns that they were opened. The first page
is ours (data_docs_index).
What does not belong here: looking at data; `expectations` writes records and pages.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from cryptoflow.quality.data_docs_index import index_text

RECORDS: Final = "records"
STATIC: Final = "static"
STYLES: Final = "data_docs.css"
SCRIPT: Final = "data_docs.js"
# A day of hourly looks; older ones are rows of ops.quality_results.
KEPT_LOOKS: Final = 24

_SITE: Final = Path(__file__).with_name("site")
_SCRIPTS: Final = re.compile(r"<script\b.*?</script>\s*", re.DOTALL)
_LINKS: Final = re.compile(r"<link\b[^>]*>\s*")
_STYLES: Final = re.compile(r"<style\b.*?</style>\s*", re.DOTALL)
_LOGO: Final = re.compile(r"<img\b[^>]*logo[^>]*>", re.DOTALL)
_NEWSLETTER: Final = re.compile(r"<footer>.*?</footer>\s*", re.DOTALL)
# What a browser would fetch by itself; links that a person may follow stay.
FETCHED: Final = re.compile(
    r"""(?:<(?:script|img|iframe|source)\b[^>]*\bsrc|<link\b[^>]*\bhref)=["']\s*(?:https?:)?//|url\(\s*['"]?https?:"""
)


def publish(folder: Path) -> Path:
    """Bring the site below `folder` up to its records; returns the page to begin with."""
    from cryptoflow.quality.expectations import write_pages

    _forget_old(folder / RECORDS / "looked_at")
    write_pages(folder)
    shutil.copytree(_SITE, folder / STATIC, dirs_exist_ok=True)
    for page in _pages(folder):
        text = page.read_text(encoding="utf-8")
        alone = standing_alone(text, depth=len(page.relative_to(folder).parts) - 1)
        if alone != text:
            page.write_text(alone, encoding="utf-8")
    index_page(folder).write_text(index_text(folder / RECORDS), encoding="utf-8")
    return index_page(folder)


def serve(folder: Path, *, port: int) -> None:
    """Serve the site to this machine alone, until interrupted."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    site = Starlette(routes=[Mount("/", StaticFiles(directory=folder, html=True))])
    uvicorn.run(site, host="127.0.0.1", port=port, log_level="warning")


def index_page(folder: Path) -> Path:
    """The page to begin with."""
    return folder / "index.html"


def standing_alone(page: str, *, depth: int) -> str:
    """The page with our styles and script, and none of others. `depth` is how many folders it lies below the index."""
    root = f"{'../' * depth}{STATIC}"
    for foreign in (_SCRIPTS, _LINKS, _STYLES, _NEWSLETTER):
        page = foreign.sub("", page)
    page = _LOGO.sub("<strong>Data Docs</strong>", page)
    page = page.replace("</head>", f'<link rel="stylesheet" href="{root}/{STYLES}">\n</head>')
    return page.replace("</body>", f'<script src="{root}/{SCRIPT}"></script>\n</body>')


def _pages(folder: Path) -> Iterator[Path]:
    for part in ("expectations", "validations"):
        yield from (folder / part).rglob("*.html")


def _forget_old(records: Path) -> None:
    """Keep the newest records of each suite; their pages go when the index is written."""
    looks = sorted(path.parent for path in records.rglob("*.json"))
    for _, of_suite in groupby(looks, key=lambda look: look.parent):
        for old in list(of_suite)[:-KEPT_LOOKS]:
            shutil.rmtree(old)
