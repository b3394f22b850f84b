"""The set of contracts that a program works with: a folder of `*.odcs.yaml`, one per stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ingest.contracts.model import StreamContract
from ingest.contracts.parse import load_contract
from ingest.errors import ConfigurationError, ContractError

SUFFIX = ".odcs.yaml"
PACKAGED = Path(__file__).parent
"""The nine contracts of the demo, beside this file."""


def contract_file(folder: Path, stream: str) -> Path:
    """Return the file in `folder` that describes `stream`. Raises ConfigurationError if none does."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if load_contract(path).stream == stream:
            return path
    raise ConfigurationError(f"there is no contract of stream '{stream}' in {folder}")


class ContractRegistry(Mapping[str, StreamContract]):
    """Contracts by stream name, in the order of their names."""

    def __init__(self, contracts: Sequence[StreamContract]) -> None:
        self._contracts = {contract.stream: contract for contract in sorted(contracts, key=lambda item: item.stream)}
        if len(self._contracts) != len(contracts):
            raise ContractError("two contracts describe the same stream")

    @classmethod
    def load(cls, folder: Path = PACKAGED) -> ContractRegistry:
        """Return every contract of `folder`. Raises ContractError for the first bad one, or if there is none."""
        paths = sorted(folder.glob(f"*{SUFFIX}"))
        if not paths:
            raise ContractError(f"there is no *{SUFFIX} in {folder}")
        found: dict[str, tuple[Path, StreamContract]] = {}
        for path in paths:
            contract = load_contract(path)
            other, _ = found.setdefault(contract.stream, (path, contract))
            if other != path:
                raise ContractError(f"{other} and {path} both describe the stream '{contract.stream}'")
        return cls([contract for _, contract in found.values()])

    def select(self, streams: Sequence[str]) -> list[StreamContract]:
        """Return the contracts called `streams`, or all for an empty list. Raises ConfigurationError."""
        unknown = [name for name in streams if name not in self._contracts]
        if unknown:
            raise ConfigurationError(
                f"there is no stream '{unknown[0]}'", hint=f"The streams are: {', '.join(self._contracts)}."
            )
        return [self._contracts[name] for name in (dict.fromkeys(streams) or self._contracts)]

    def __getitem__(self, stream: str) -> StreamContract:
        return self._contracts[stream]

    def __iter__(self) -> Iterator[str]:
        return iter(self._contracts)

    def __len__(self) -> int:
        return len(self._contracts)
