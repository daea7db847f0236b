"""What a walk over pages could not decode, as rows for quarantine; what it noticed, as details of the collection."""

from __future__ import annotations

from typing import Any

from cryptoflow.sources.decode import BadRow
from cryptoflow.sources.pages import Collected, Page
from cryptoflow.warehouse.quarantine import RefusedRow


def refused_in(pages: Collected[Any], *, dataset: str, provider: str) -> list[RefusedRow]:
    """The rows of all pages that did not decode."""
    return [refused(bad.row, bad.payload_sha256, dataset=dataset, provider=provider) for bad in pages.bad]


def refused_on(page: Page[Any], *, dataset: str, provider: str) -> list[RefusedRow]:
    """The rows of one page that did not decode."""
    return [refused(row, page.answer.payload_sha256, dataset=dataset, provider=provider) for row in page.rows.bad]


def seen(pages: Collected[Any]) -> dict[str, object]:
    """What the walk noticed: repetitions, holes, how it ended."""
    report = pages.report
    return {
        "pages": report.pages,
        "stopped_by": report.stopped_by,
        "duplicate_ids": [str(key) for key in report.duplicate_ids],
        "repeated_pages": list(report.repeated_pages),
        "short_pages": list(report.short_pages),
        "missing_rows": report.missing_rows,
    }


def refused(row: BadRow, payload_sha256: bytes, *, dataset: str, provider: str) -> RefusedRow:
    """A row that did not decode, whole."""
    return RefusedRow(
        dataset=dataset,
        provider=provider,
        rule="decodes",
        reason=row.reason,
        row_text=row.raw,
        payload_sha256=payload_sha256.hex(),
    )
