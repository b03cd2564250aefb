"""Known answers: simulations of conductors whose conductivity is published, held against it, by potential."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml

from mtl_flows.errors import ConfigurationError
from mtl_flows.jobs.evidence import gather
from mtl_flows.records import Record
from mtl_flows.schemas.dynamics import TransportDocument
from mtl_flows.schemas.potentials import PotentialDocument
from mtl_flows.science.compounds import Compound, load_compounds
from mtl_flows.science.compounds.model import Source
from mtl_flows.science.dynamics.known_answers import (
    AnswerComparison,
    Pooled,
    middle,
    pool,
    pooled_energy,
    spearman,
)
from mtl_flows.stages.ensembles import newest_series
from mtl_flows.stages.posterior import observed
from mtl_flows.store.database import MTLStore


@dataclass(frozen=True, slots=True)
class PublishedValue(Record):
    """One published number, with its source."""

    value: float
    source: Source
    ab_initio: bool = False


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """A conductor and what is published of it.

    Attributes
    ----------
    compound
        Its structure.
    conductivities_S_per_cm
        Measured near 300 K.
    energies_eV
        Activation energies, measured or of ab initio dynamics.
    """

    compound: Compound
    conductivities_S_per_cm: tuple[PublishedValue, ...]
    energies_eV: tuple[PublishedValue, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Under which a store may know it."""
        icsd = self.compound.icsd
        return (self.compound.id,) if icsd is None else (f"icsd-{icsd}", self.compound.id)


def load_known_answers(compounds_table: Path) -> tuple[KnownAnswer, ...]:
    """Return the packaged table, from fast to poor.

    Parameters
    ----------
    compounds_table
        Has the structures, as ``examples/compounds.yaml``.

    Raises
    ------
    ConfigurationError
        If it names a compound that the table of examples lacks.
    """
    compounds = {compound.id: compound for compound in load_compounds(compounds_table)}
    rows = yaml.safe_load(files("mtl_flows").joinpath("data/known_answers.yaml").read_text(encoding="utf-8"))
    lacking = sorted({row["id"] for row in rows} - compounds.keys())
    if lacking:
        raise ConfigurationError(f"is no example compound: {lacking}", subject="known_answers.yaml")
    return tuple(
        KnownAnswer(
            compounds[row["id"]],
            _published(row["conductivity"], "S_per_cm"),
            _published(row.get("activation_energy", []), "eV"),
        )
        for row in rows
    )


def _published(entries: Iterable[Mapping[str, Any]], unit: str) -> tuple[PublishedValue, ...]:
    return tuple(
        PublishedValue(
            float(entry[unit]),
            Source(doi=entry.get("doi", ""), citation=entry.get("citation", "")),
            ab_initio=entry.get("ab_initio", False),
        )
        for entry in entries
    )


@dataclass(frozen=True, slots=True)
class PotentialRecord(Record):
    """What known answers say of one potential.

    Attributes
    ----------
    potential_id, engine, weights_sha256
        Which.
    comparisons
        One for each material, by falling published conductivity.
    energy
        Bias and spread of E_a at the same D0, eV, from σ(300 K).
    fitted_energy
        The same of the E_a that the posterior gives, where one is published.
    order
        Spearman's rank correlation of σ(300 K), simulated and published; None of fewer than three.
    softening
        Mean slope of its forces against those of DFT, over the materials of which frames were checked; None of none.
    """

    potential_id: str
    engine: str
    weights_sha256: str | None
    comparisons: tuple[AnswerComparison, ...]
    energy: Pooled
    fitted_energy: Pooled | None
    order: float | None
    softening: float | None = None


def compare(store: MTLStore, answers: Sequence[KnownAnswer], mobile_ion: str = "Li") -> list[PotentialRecord]:
    """Hold what a store has simulated of known conductors against what is published.

    Of each material and potential the newest series of fits speaks, as in the candidate table.
    """
    found: dict[str, list[AnswerComparison]] = {}
    for answer in answers:
        for potential_id, comparison in _compared(store, answer, mobile_ion):
            found.setdefault(potential_id, []).append(comparison)
    known = {p.id: p for p in store.potentials.find({"_id": {"$in": sorted(found)}})}
    slopes: dict[str, list[float]] = {}
    for check in store.dft_checks.find({"potential_id": {"$in": sorted(found)}, "n_checked": {"$gt": 0}}):
        slopes.setdefault(check.potential_id, []).append(check.force_slope or 0.0)
    return [
        replace(
            summarise(potential_id, known.get(potential_id), found[potential_id]),
            softening=fmean(slopes[potential_id]) if potential_id in slopes else None,
        )
        for potential_id in sorted(found, key=lambda one: (-len(found[one]), one))
    ]


def summarise(
    potential_id: str, potential: PotentialDocument | None, comparisons: Sequence[AnswerComparison]
) -> PotentialRecord:
    """Pool the comparisons of one potential."""
    with_energy = [c for c in comparisons if c.published_eV]
    errors = [(c.simulated_eV[2] - c.simulated_eV[1]) / 3.92 for c in with_energy]
    apart = [[c.simulated_eV[0] - 0.5 * sum(c.published_eV)] for c in with_energy]
    return PotentialRecord(
        potential_id=potential_id,
        engine=potential.engine_name if potential else "",
        weights_sha256=potential.weights_sha256 if potential else None,
        comparisons=tuple(comparisons),
        energy=pooled_energy(comparisons),
        fitted_energy=pool(apart, errors) if with_energy else None,
        order=spearman(comparisons),
    )


def note(store: MTLStore, records: Iterable[PotentialRecord]) -> int:
    """Keep comparisons with their potentials, from where rows and verdicts take them; counts what is new."""
    return sum(
        store.potentials.note_known_answers(
            record.potential_id, [comparison.as_dict() for comparison in record.comparisons]
        )
        for record in records
    )


def _compared(
    store: MTLStore, answer: KnownAnswer, mobile_ion: str
) -> Iterable[tuple[str, AnswerComparison]]:
    materials = sorted({m for name in answer.names for m in store.structures.materials_named(name)})
    sources = store.groups.sources(materials)
    for material, evidence in gather(store, sources, mobile_ion).items():
        fits = sorted(evidence.every_fit, key=lambda fit: fit.potential_id)
        for potential_id, of_potential in groupby(fits, key=lambda fit: fit.potential_id):
            shown = newest_series(of_potential)
            comparison = _comparison(store, answer, material, shown)
            if comparison is not None:
                yield potential_id, comparison
        if fits:
            return


def _comparison(
    store: MTLStore, answer: KnownAnswer, material: str, fits: Sequence[TransportDocument]
) -> AnswerComparison | None:
    """None where no temperature says anything."""
    seen = observed((), [fit for fit in fits if fit.posterior is not None])
    if seen is None or not seen.temperatures_K:
        return None
    transport = seen.transport(seen.belief())
    lengths_ps: dict[str, float] = {}
    for reading in (reading for ordering in seen.readings for reading in ordering):
        key = f"{reading.temperature_K:g}"
        lengths_ps[key] = lengths_ps.get(key, 0.0) + reading.production_ps
    published = [one.value for one in answer.conductivities_S_per_cm]
    energies = [one.value for one in answer.energies_eV]
    return AnswerComparison(
        material_id=material,
        formula=answer.compound.formula,
        published_S_per_cm=(min(published), max(published)),
        simulated_S_per_cm=transport.conductivity_S_per_cm.values,
        simulated_eV=middle(transport.activation_energy_eV),
        published_eV=(min(energies), max(energies)) if energies else (),
        lengths_ps=lengths_ps,
        n_atoms=store.orderings.get(fits[0].ordering_id).n_atoms,
    )
