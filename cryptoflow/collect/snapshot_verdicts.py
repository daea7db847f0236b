"""Judging whole answers before they are stored: what jumped in unit is taken out, whole; the rest is told.

What does not belong here: what a jump is (refine.batch_nature), rules of single rows (the contracts).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

from cryptoflow.collect.planning import DATASET
from cryptoflow.refine.batch_nature import BatchFinding, judge_batch
from cryptoflow.warehouse.last_samples import LastSample, last_samples
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.quarantine import RefusedRow
from cryptoflow.warehouse.snapshots import Snapshot

UNIT_JUMP: Final = "unit_jump"
# Circumstances of the delivery: the same row that comes again is the same row.
_NOT_OF_THE_ROW: Final = ("slot", "run_id", "fetched_at", "payload_sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The rows that may be stored; those that may not, by asset; and what is to be told, by provider."""

    stored: Sequence[Snapshot]
    refused: Sequence[RefusedRow]
    refused_assets: Mapping[str, Sequence[int]]
    findings: Mapping[str, Sequence[BatchFinding]]


def judge_snapshots(connection: Connection, snapshots: Sequence[Snapshot]) -> Judged:
    """Hold what every provider answered against what stands of it and of the others."""
    by_provider: dict[str, list[Snapshot]] = {}
    for snapshot in snapshots:
        by_provider.setdefault(snapshot.provider, []).append(snapshot)
    stands = last_samples(connection)
    judged = {
        provider: judge_batch(rows, before=stands.get(provider, {}), elsewhere=_elsewhere(stands, provider))
        for provider, rows in by_provider.items()
    }
    jumped = [row for row in snapshots if row.payload_sha256 in judged[row.provider].refused]
    return Judged(
        stored=[row for row in snapshots if row.payload_sha256 not in judged[row.provider].refused],
        refused=[_refused(row, judged[row.provider].refused[row.payload_sha256]) for row in jumped],
        refused_assets={
            provider: [row.asset_id for row in jumped if row.provider == provider] for provider in by_provider
        },
        findings={provider: judgement.findings for provider, judgement in judged.items()},
    )


def _elsewhere(stands: Mapping[str, Mapping[int, LastSample]], provider: str) -> dict[int, LastSample]:
    """What stands of other providers; of several, the one observed last."""
    found: dict[int, LastSample] = {}
    for name, samples in stands.items():
        for asset_id, sample in samples.items() if name != provider else ():
            known = found.get(asset_id)
            if known is None or sample.observed_at > known.observed_at:
                found[asset_id] = sample
    return found


def _refused(row: Snapshot, reason: str) -> RefusedRow:
    held = {name: value for name, value in asdict(row).items() if name not in _NOT_OF_THE_ROW}
    return RefusedRow(
        dataset=DATASET,
        provider=row.provider,
        rule=UNIT_JUMP,
        reason=reason,
        row_text=json.dumps(held, default=str),
        payload_sha256=row.payload_sha256.hex(),
        run_id=row.run_id,
    )


def with_run(rows: Sequence[RefusedRow], run_id: str | None) -> list[RefusedRow]:
    """The rows as refused by the run."""
    return [replace(row, run_id=run_id) for row in rows]
