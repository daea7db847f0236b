"""What the doctor says of whole answers that wait in quarantine: since when, why, and how to decide.

One finding for each provider and kind, however many answers wait. What does not belong here: refused rows, which are
findings of the market.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from cryptoflow.ops.finding import Finding, broken, ok, warning
from cryptoflow.ops.rows import found_rows
from cryptoflow.refine.batch_samples import CURES
from cryptoflow.runtime.home import Endpoints

# A kind of answer that did not come for so long is over; what it left still waits for a decision.
STILL_COMING: Final = timedelta(hours=1)


def look_at_quarantine(endpoints: Endpoints | None) -> list[Finding]:
    """Broken while such answers come, a warning when only old ones wait."""
    if endpoints is None:
        return []
    found = found_rows(endpoints, "ops/count_waiting_answers")
    return [_waiting(*row) for row in found] or [ok("quarantine", "no answer waits for a decision")]


def _waiting(
    dataset: str,
    provider: str,
    rule: str,
    answers: int,
    rows: int,
    since: datetime,
    last_seen_at: datetime,
    first_id: int,
    last_id: int,
    reason: str,
) -> Finding:
    is_coming = datetime.now(UTC) - last_seen_at < STILL_COMING
    make = broken if is_coming else warning
    these, all_of_them = (f"b{last_id}", "") if answers == 1 else (f"b{first_id} to b{last_id}", "; --alike takes all")
    return make(
        f"quarantine of {dataset}",
        f"{answers:,} answer{'' if answers == 1 else 's'} of {provider} ({rows:,} rows, {these}) wait since"
        f" {since.astimezone(UTC):%Y-%m-%d %H:%M} UTC: {rule}: {reason}",
        cure=f"{CURES[rule]} See it with `cryptoflow quarantine show b{last_id}`, then"
        f" `cryptoflow quarantine release b{last_id}` or `cryptoflow quarantine discard b{last_id} --reason ...`"
        f"{all_of_them}.",
    )
