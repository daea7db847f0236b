"""Raw answers: each different body once, compressed, under the hash of its bytes.

This is the PostgreSQL side of `sources.ledger.PayloadStore`. What does not belong here: the meaning of a body.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

from cryptoflow.errors import PermanentError
from cryptoflow.sources.ledger import RawAnswer
from cryptoflow.warehouse.pool import transaction
from cryptoflow.warehouse.statements import statement

_COMPRESSION_LEVEL: Final = 6


@dataclass(frozen=True, slots=True)
class PostgresPayloads:
    """Keeps answers in `raw.payloads`."""

    database_url: str

    def keep(self, answer: RawAnswer) -> None:
        """Keep the body once; a body that is known already only has its dates widened."""
        with transaction(self.database_url) as connection:
            connection.execute(
                statement("raw/keep_payload"),
                {
                    "payload_sha256": answer.payload_sha256,
                    "body": zlib.compress(answer.body, _COMPRESSION_LEVEL),
                    "body_bytes": len(answer.body),
                    "media_type": answer.headers.get("content-type"),
                    "fetched_at": answer.fetched_at,
                },
            )

    def read(self, payload_sha256: bytes) -> bytes:
        """The body as it came. Raises when it was never kept, or is past its retention."""
        with transaction(self.database_url) as connection:
            row = connection.execute(statement("raw/read_payload"), {"payload_sha256": payload_sha256}).fetchone()
        if row is None:
            raise PermanentError(
                f"No raw answer is kept under the hash {payload_sha256.hex()}.",
                cure="It was never received here, or is past CRYPTOFLOW_PAYLOAD_RETENTION_DAYS.",
            )
        return zlib.decompress(row[0])
