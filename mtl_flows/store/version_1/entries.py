"""Energies of competing phases: what they are kept under names the potential and how far they were relaxed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mtl_flows.store.stability import entry_id

Stored = dict[str, Any]


@dataclass(frozen=True)
class EntryKeys:
    """New labels of potentials by those of version 1; several where phases were relaxed in several ways."""

    labels: Mapping[str, Sequence[str]]

    @staticmethod
    def old_label(engine: Mapping[str, Any]) -> str:
        """What version 1 called the energies of an engine."""
        weights = (engine.get("weights_sha256") or "")[:12]
        return f"{engine['name']} {engine['version']} {weights}".strip()

    def moved(self, stored: Stored) -> Iterator[Stored]:
        """One entry under each of its new keys; as it is, if it is of no potential that was simulated with."""
        label, bar, rest = stored["key"].partition("|")
        for new in self.labels.get(label, ()) if bar else ():
            key = f"{new}|{rest}"
            yield {**stored, "_id": entry_id(key), "key": key}
        if not (bar and self.labels.get(label)):
            yield stored
