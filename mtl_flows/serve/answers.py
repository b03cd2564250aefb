"""What the server answers, gathered from the store and the tables; nothing here knows of requests."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from threading import Lock
from typing import Any, Final, Literal
from urllib.parse import urlencode

from mtl_flows.errors import ConfigurationError
from mtl_flows.jobs.screening import screening_parameters
from mtl_flows.pages.libraries import plotly_library
from mtl_flows.pages.materials import material_records, surface_record
from mtl_flows.pages.overview import ALSO, COLUMNS, columns_told, figures_data, overview_data, ranking_data
from mtl_flows.pages.packing import compact
from mtl_flows.pages.page import elements_told, meta_data
from mtl_flows.plotting.volumes import landscape_surface
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.schemas.dynamics import TrajectoryDocument
from mtl_flows.serve.kept import Kept
from mtl_flows.serve.question import Question
from mtl_flows.serve.table import Table
from mtl_flows.serve.tables import Snapshot, Tables
from mtl_flows.stages import ScreeningParameters
from mtl_flows.store.database import MTLStore

Record = dict[str, Any]
Part = Literal["overview", "figures", "ranking"]
StructureFormat = Literal["cif", "poscar"]

_MOST_RANKED: Final = 4000  # points of the ranking's chart
_RANKED_BY: Final = ("material_id", "reduced_formula", "priority", "v3_over_d3", "E_3D_eV", "r_connected_A")
_KEPT_PARTS: Final = 12
_KEPT_MATERIALS: Final = 64


class Answers:
    """Everything that pages and scripts are told of one store."""

    def __init__(self, store: MTLStore, tables: Tables[Table]) -> None:
        self._store = store
        self._tables = tables
        self._parts: Kept[Record] = Kept(_KEPT_PARTS)
        self._materials: Kept[Record] = Kept(_KEPT_MATERIALS)
        self._landscapes: Kept[Record] = Kept(_KEPT_MATERIALS)
        self._computing = Lock()

    def names(self) -> list[str]:
        """Names of the screenings, the store's own first."""
        first = self._store.screenings.default()
        return [first, *(name for name in self._store.screenings.names() if name != first)]

    def snapshot(self, screening: str = "") -> tuple[str, Snapshot[Table]]:
        """Name and table of a screening; the store's own if none is named."""
        name = screening or self._store.screenings.default()
        return name, self._tables.of(name)

    def screening(self, screening: str) -> Record:
        """Tell what a page begins with: columns, values to choose from, parameters."""
        name, snapshot = self.snapshot(screening)
        table = snapshot.table
        siblings = {one: f"?{urlencode({'screening': one})}" for one in self.names()}
        meta = meta_data(self._store, self._parameters(name), siblings, plotly_library(), snapshot.as_of)
        return {
            "columns": columns_told(table.filled),
            "words": table.words,
            "elements": elements_told(table.elements),
            "count": table.count,
            "meta": meta | {"command": "mtl serve", "asks": "It follows the store."},
            "state": snapshot.state,
        }

    def part(self, screening: str, part: Part) -> Record:
        """Tell what one of the pages shows; kept until rows change."""
        name, snapshot = self.snapshot(screening)
        makers: Mapping[Part, Callable[[MTLStore, ScreeningParameters, Snapshot[Table]], Record]] = {
            "overview": lambda store, parameters, s: overview_data(
                store, parameters, s.table.counts, s.table
            ),
            "figures": _figures,
            "ranking": _ranking,
        }

        def make() -> Record:
            found: Record = compact(makers[part](self._store.under(name), self._parameters(name), snapshot))
            return found

        return self._parts.get((name, part, snapshot.state), make)

    def named(self, snapshot: Snapshot[Table], name: str) -> str:
        """Return the material that a name stands for.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        return name if name in snapshot.table else self._store.structures.material_named(name)

    def material(self, screening: str, material_id: str) -> Record:
        """Tell all there is of a material: its row and what its page shows.

        Raises
        ------
        NotFoundError
            If it is not in the screening.
        """
        name, snapshot = self.snapshot(screening)
        store = self._store.under(name)
        material_id = self.named(snapshot, material_id)
        row = store.candidates.get(material_id)
        groups = snapshot.table.group(material_id) or {row.representative_id: [material_id]}

        def make() -> Record:
            (record,) = material_records(store, self._parameters(name), [row], groups, densities=1)
            shown = {name: getattr(row, name) for name in (*(c.field for c in COLUMNS), *ALSO)}
            found: Record = compact({"row": shown, "record": record})
            return found

        key = (name, material_id, _state(row.inputs_hash, store.simulations(material_id)))
        return self._materials.get(key, make)

    def landscape(self, screening: str, material_id: str) -> Record:
        """Compute the bond-valence landscape of a material, coarse; one at a time, and kept.

        Raises
        ------
        NotFoundError
            If it is not in the screening.
        UnsupportedIonError
            If there are no bond-valence parameters for its ions.
        """
        name, snapshot = self.snapshot(screening)
        material_id = self.named(snapshot, material_id)
        row = self._store.under(name).candidates.get(material_id)
        parameters = self._parameters(name)

        def make() -> Record:
            with self._computing:
                surface = landscape_surface(self._store, parameters, material_id)
            found: Record = compact(surface_record(surface))
            return found

        return self._landscapes.get((name, row.structure_id, row.inputs_hash), make)

    def progress(self, screening: str, material_id: str) -> Record:
        """Tell how far the simulations of a material are, and a state that changes when any of them moves, or its row.

        Raises
        ------
        NotFoundError
            If there is no such material.
        """
        name, snapshot = self.snapshot(screening)
        material_id = self.named(snapshot, material_id)
        row = self._store.under(name).candidates.get(material_id)
        simulations = self._store.simulations(material_id)
        return {
            "state": _state(row.inputs_hash, simulations),
            "simulations": [
                {
                    "temperature_K": s.temperature_K,
                    "ordering": s.ordering,
                    "status": s.status,
                    "done_ps": compact(s.steps_done * s.timestep_fs / 1000.0),
                    "wanted_ps": compact(s.steps_wanted * s.timestep_fs / 1000.0),
                    "diffusivity_cm2_per_s": compact(s.diffusivity_cm2_per_s),
                }
                for s in simulations
            ],
        }

    def structure(self, material_id: str, format_: StructureFormat) -> str:
        """Write a material's current structure.

        Raises
        ------
        NotFoundError
            If there is no such material.
        ConfigurationError
            If it is disordered and the format takes ordered crystals alone.
        """
        from pymatgen.core import Structure
        from pymatgen.io.cif import CifWriter
        from pymatgen.io.vasp.inputs import Poscar

        found = self._store.structure(material_id)
        if format_ == "cif":
            # Labels of the source name orbits and would repeat.
            return str(CifWriter(Structure(found.lattice, found.species_and_occu, found.frac_coords)))
        if not found.is_ordered:
            raise ConfigurationError(
                "has sites that several share or none fills, which POSCAR cannot say",
                subject=material_id,
                remedy="take the CIF",
            )
        ordered = Structure(found.lattice, found.species, found.frac_coords).get_sorted_structure()
        return str(Poscar(ordered.remove_oxidation_states(), comment=material_id.splitlines()[0][:80]))

    def _parameters(self, name: str) -> ScreeningParameters:
        return screening_parameters(self._store, name)


def _figures(store: MTLStore, parameters: ScreeningParameters, snapshot: Snapshot[Table]) -> Record:
    best_first = [("priority", -1), ("v3_over_d3", -1), ("_id", 1)]
    simulated = list(store.candidates.find({"dynamics_status": {"$ne": None}}, sort=best_first))
    return figures_data(store, parameters, simulated)


def _ranking(store: MTLStore, parameters: ScreeningParameters, snapshot: Snapshot[Table]) -> Record:
    """Of many materials the first, and all that are labelled with a conductivity."""
    fields = (*_RANKED_BY, "is_known_conductor", "conductivity_measured_S_per_cm")
    unique = Question(flags={"is_representative": True})
    ranked = [
        row
        for row in snapshot.table.everything(unique, fields)
        if None not in (row["priority"], row["E_3D_eV"])
    ]
    measured = [row for row in ranked[_MOST_RANKED:] if row["conductivity_measured_S_per_cm"] is not None]
    # Fields of rows that were checked when they were written.
    chosen = [CandidateDocument.model_construct(**row) for row in (*ranked[:_MOST_RANKED], *measured)]
    return ranking_data(store, parameters, chosen, ranked=len(ranked))


def _state(inputs_hash: str, simulations: Sequence[TrajectoryDocument]) -> str:
    told = [inputs_hash, *(f"{s.id} {s.revision} {s.steps_done} {s.status}" for s in simulations)]
    return sha256("\n".join(told).encode()).hexdigest()[:16]
