"""Packaged reference phases: the elements and common compounds, as crystallographic facts.

They are starting points for relaxation with a potential, so that a hull can be built where no database of
energies is at hand. Every element of the table has its end member; binaries cover the usual oxides,
sulphides, halides, nitrides, phosphides and lithium alloys; a few ternaries are frequent decomposition
products.
"""

from collections.abc import Iterable
from functools import cache
from importlib.resources import as_file, files

from pymatgen.core.composition import Composition

from mtl_flows.science.compounds import Compound, build_structure, load_compounds
from mtl_flows.science.stability.providers import CompetingPhase


def reference_phases(chemical_system: Iterable[str]) -> tuple[CompetingPhase, ...]:
    """Return the packaged phases made of these elements only, as primitive cells.

    Parameters
    ----------
    chemical_system
        Element symbols.
    """
    allowed = frozenset(chemical_system)
    return tuple(
        _phase(compound.id)
        for compound in reference_compounds()
        if allowed.issuperset(element.symbol for element in Composition(compound.formula).elements)
    )


@cache
def reference_compounds() -> tuple[Compound, ...]:
    """Return the table itself: cells, sites and sources."""
    with as_file(files("mtl_flows") / "data" / "reference_phases.yaml") as path:
        return load_compounds(path)


@cache
def _phase(compound_id: str) -> CompetingPhase:
    compound = next(compound for compound in reference_compounds() if compound.id == compound_id)
    return CompetingPhase(
        phase_id=f"reference-{compound.id}",
        structure=build_structure(compound).get_primitive_structure(tolerance=0.01),
        source=compound.source.doi or compound.source.citation,
        keep_cell=compound.family == "molecular",
    )
