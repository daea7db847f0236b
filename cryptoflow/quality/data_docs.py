"""Data Docs as a site on disk that needs nobody else: pages are made by Great Expectations, then made to stand alone.

Its pages load styles and scripts from public servers. Here every such reference is turned to the copies in `vendored/`,
and what has none is taken out, so that a page works offline and nobody learns that it was opened.
What does not belong here: looking at data; `expectations` writes records and pages.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Final

RECORDS: Final = "records"
STATIC: Final = "static/vendored"
# A day of hourly looks; older ones are rows of ops.quality_results.
KEPT_LOOKS: Final = 24

_VENDORED: Final = Path(__file__).with_name("vendored")
# What a page asks for, by the name of the file, and what it gets.
_COPIES: Final = {
    "bootstrap.min.css": "bootstrap.min.css",
    "bootstrap.min.js": "bootstrap.bundle.min.js",
    "jquery-3.7.1.min.js": "jquery.min.js",
    "bootstrap-table.min.css": "bootstrap-table.min.css",
    "bootstrap-table.min.js": "bootstrap-table.min.js",
    "bootstrap-table-filter-control.css": "bootstrap-table-filter-control.min.css",
    "bootstrap-table-filter-control.min.css": "bootstrap-table-filter-control.min.css",
    "bootstrap-table-filter-control.min.js": "bootstrap-table-filter-control.min.js",
    "bootstrap-datepicker.min.css": "bootstrap-datepicker.min.css",
    "bootstrap-datepicker.min.js": "bootstrap-datepicker.min.js",
    "all.min.css": "icons.css",
}
_SCRIPT: Final = re.compile(r'<script src="(https?://[^"]+)"[^>]*>\s*</script>')
_LINK: Final = re.compile(r'<link [^>]*href="(https?://[^"]+)"[^>]*>')
_LOGO: Final = re.compile(r'"https?://[^"]*/logo-long\.png[^"]*"')
_BACKGROUND: Final = re.compile(r"url\('https?://[^']*'\)")
_FAVICON: Final = re.compile(r'href="[./]*/static/images/favicon\.ico"')
_NEWSLETTER: Final = re.compile(r"<footer>.*?</footer>", re.DOTALL)
# What a browser would fetch by itself; links that a person may follow stay.
FETCHED: Final = re.compile(
    r"""(?:<(?:script|img|iframe|source)\b[^>]*\bsrc|<link\b[^>]*\bhref)=["']\s*(?:https?:)?//|url\(\s*['"]?https?:"""
)


def publish(folder: Path) -> Path:
    """Bring the site below `folder` up to its records; returns the page to begin with."""
    from cryptoflow.quality.expectations import write_pages

    _forget_old(folder / RECORDS / "looked_at")
    write_pages(folder)
    shutil.copytree(_VENDORED, folder / STATIC, dirs_exist_ok=True)
    for page in _pages(folder):
        text = page.read_text(encoding="utf-8")
        alone = standing_alone(text, depth=len(page.relative_to(folder).parts) - 1)
        if alone != text:
            page.write_text(alone, encoding="utf-8")
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
    """The page without a reference to another server. `depth` is how many folders it lies below the index."""
    root = "../" * depth

    def script(match: re.Match[str]) -> str:
        copy = _copy_of(match[1])
        return f'<script src="{root}{STATIC}/{copy}"></script>' if copy else ""

    def link(match: re.Match[str]) -> str:
        copy = _copy_of(match[1])
        return f'<link rel="stylesheet" href="{root}{STATIC}/{copy}">' if copy else ""

    page = _LINK.sub(link, _SCRIPT.sub(script, page))
    page = _LOGO.sub(f'"{root}static/images/logo-long.png"', page)
    page = _FAVICON.sub(f'href="{root}static/images/favicon.ico"', page)
    return _NEWSLETTER.sub("", _BACKGROUND.sub("none", page))


def _copy_of(address: str) -> str | None:
    return _COPIES.get(PurePosixPath(address.partition("?")[0]).name)


def _pages(folder: Path) -> Iterator[Path]:
    yield index_page(folder)
    for part in ("expectations", "validations"):
        yield from (folder / part).rglob("*.html")


def _forget_old(records: Path) -> None:
    """Keep the newest records of each suite; their pages go when the index is written."""
    looks = sorted(path.parent for path in records.rglob("*.json"))
    for _, of_suite in groupby(looks, key=lambda look: look.parent):
        for old in list(of_suite)[:-KEPT_LOOKS]:
            shutil.rmtree(old)
