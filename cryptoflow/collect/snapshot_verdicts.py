"""Judging whole answers before they are stored: one that changed its nature waits in quarantine, the rest is told.

What was decided of an answer that waited stands: one that was released is stored whatever the verdict, one that was
discarded is not. What does not belong here: what a change of nature is (refine), rules of single rows (the contracts),
deciding (releasing).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cryptoflow.collect.planning import DATASET
from cryptoflow.refine.batch_nature import judge_batch
from cryptoflow.refine.batch_samples import BatchFinding, Judgement
from cryptoflow.warehouse.last_samples import LastSample, last_samples
from cryptoflow.warehouse.pool import Connection
from cryptoflow.warehouse.quarantine import RefusedAnswer, RefusedRow
from cryptoflow.warehouse.quarantine_decisions import decided_answers
from cryptoflow.warehouse.slots import AskedRanks
from cryptoflow.warehouse.snapshots import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The rows that may be stored; answers that may not; and what is to be told, by provider."""

    stored: Sequence[Snapshot]
    refused: Sequence[RefusedAnswer]
    refused_assets: Mapping[str, Mapping[int, str]]
    """Of each provider the assets whose rows are in refused answers, with the rule."""
    findings: Mapping[str, Sequence[BatchFinding]]

    @property
    def refused_rows(self) -> int:
        """Rows in refused answers."""
        return sum(answer.row_count for answer in self.refused)

    def refused_answers(self, provider: str) -> dict[bytes, RefusedAnswer]:
        """The provider's answers that may not be stored, by hash."""
        return {one.payload_sha256: one for one in self.refused if one.provider == provider}


def judge_snapshots(
    connection: Connection, snapshots: Sequence[Snapshot], *, asked: Mapping[str, Sequence[AskedRanks]]
) -> Judged:
    """Hold what every provider answered against what stands of it and of the others.

    `asked` has the stretches of the ranking that each provider was asked for.
    """
    by_provider: dict[str, list[Snapshot]] = {}
    for snapshot in snapshots:
        by_provider.setdefault(snapshot.provider, []).append(snapshot)
    stands = last_samples(connection)
    judged = {
        provider: judge_batch(
            rows,
            before=stands.get(provider, {}),
            elsewhere=_elsewhere(stands, provider),
            stood_there=_stood_there(stands.get(provider, {}), asked.get(provider, ())),
        )
        for provider, rows in by_provider.items()
    }
    verdicts = _with_decisions(connection, judged, snapshots)
    refused = [row for row in snapshots if (row.provider, row.payload_sha256) in verdicts]
    return Judged(
        stored=[row for row in snapshots if (row.provider, row.payload_sha256) not in verdicts],
        refused=[
            _refused(of_it, rule=rule, reason=reason)
            for key, (rule, reason) in verdicts.items()
            if (of_it := [row for row in refused if (row.provider, row.payload_sha256) == key])
        ],
        refused_assets={
            provider: {
                row.asset_id: verdicts[provider, row.payload_sha256][0] for row in refused if row.provider == provider
            }
            for provider in by_provider
        },
        findings={
            provider: [
                *dict.fromkeys(
                    finding for answer, finding in judgement.refused.items() if (provider, answer) in verdicts
                ),
                *judgement.findings,
            ]
            for provider, judgement in judged.items()
        },
    )


def _with_decisions(
    connection: Connection, judged: Mapping[str, Judgement], snapshots: Sequence[Snapshot]
) -> dict[tuple[str, bytes], tuple[str, str]]:
    """Rule and reason of every answer that must not be stored: by the verdicts, and by what was decided before."""
    verdicts: dict[tuple[str, bytes], tuple[str, str]] = {
        (provider, answer): (finding.nature, finding.what)
        for provider, judgement in judged.items()
        for answer, finding in judgement.refused.items()
    }
    answers = {row.payload_sha256 for row in snapshots}
    for decided in decided_answers(connection, dataset=DATASET, answers=answers):
        if decided.state == "released":
            verdicts.pop(decided.key, None)
        else:
            verdicts[decided.key] = decided.rule, decided.reason
    return verdicts


def _stood_there(stands: Mapping[int, LastSample], asked: Sequence[AskedRanks]) -> dict[bytes, int]:
    """Of each answer how many assets were last ranked where it was asked for."""
    ranks = [sample.market_cap_rank for sample in stands.values() if sample.market_cap_rank is not None]
    return {
        one.payload_sha256: sum(one.first_rank <= rank <= one.last_rank for rank in ranks)
        for one in asked
        if one.payload_sha256 is not None
    }


def _elsewhere(stands: Mapping[str, Mapping[int, LastSample]], provider: str) -> dict[int, LastSample]:
    """What stands of other providers; of several, the one observed last."""
    found: dict[int, LastSample] = {}
    for name, samples in stands.items():
        for asset_id, sample in samples.items() if name != provider else ():
            known = found.get(asset_id)
            if known is None or sample.observed_at > known.observed_at:
                found[asset_id] = sample
    return found


def _refused(rows: Sequence[Snapshot], *, rule: str, reason: str) -> RefusedAnswer:
    first = rows[0]
    return RefusedAnswer(
        dataset=DATASET,
        provider=first.provider,
        rule=rule,
        reason=reason,
        payload_sha256=first.payload_sha256,
        row_count=len(rows),
        slot=first.slot,
        fetched_at=first.fetched_at,
        run_id=first.run_id,
    )


def with_run(rows: Sequence[RefusedRow], run_id: str | None) -> list[RefusedRow]:
    """The rows as refused by the run."""
    return [replace(row, run_id=run_id) for row in rows]
