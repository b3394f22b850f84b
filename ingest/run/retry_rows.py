"""Retries refused Postgres rows: reads them from the source again by their keys, as they are now.

Rows that fit are landed in a commit that names the records it settles. A deleted row is settled. A row that still does
not fit stays open, and is not written to quarantine again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.contracts.model import Mode, StreamContract
from ingest.errors import ConfigurationError, FatalError
from ingest.run.context import IngestionContext
from ingest.run.quarantine import Quarantine, settle, settling_batch
from ingest.sources.postgres.columns import RowConverter

if TYPE_CHECKING:
    from ingest.sources.postgres.reader import PostgresSession

_KEYS_AT_ONCE = 5_000


def retry_rows(context: IngestionContext, contract: StreamContract, session: PostgresSession) -> None:
    """Read the rows of open records again and land those that fit. Raises ConfigurationError, ConflictError."""
    if contract.spec.mode is Mode.SNAPSHOT:
        raise ConfigurationError(
            "this stream is landed whole, so its next run tries every row again",
            stream=contract.stream,
            hint=f"Run `ingest run --stream {contract.stream}`.",
        )
    records = [record for record in Quarantine(context.store, contract).open() if record.key is not None]
    keys = sorted({record.key for record in records if record.key is not None})
    chunks = [keys[start : start + _KEYS_AT_ONCE] for start in range(0, len(keys), _KEYS_AT_ONCE)]
    fits = {key: fit for chunk in chunks for key, fit in session.fitting(contract, chunk)}
    done = [record for record in records if fits.get(record.key or "", True)]
    if not done:
        return
    converter = RowConverter(contract, contract.columns)
    with settling_batch(context, contract, converter.schema) as batch:
        for chunk in chunks:
            for rows in session.read_by_keys(contract, [key for key in chunk if fits.get(key)]):
                converted = converter.convert(rows)
                if converted.refused:
                    raise FatalError(
                        f"{converted.refused} rows fitted and could not be converted", stream=contract.stream
                    )
                batch.write(converted.batch)
        settle(context, contract, batch, done)
