"""Ordered approximants of disordered crystals."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from mtl_flows.errors import NoMobileIonError, OrderingError
from mtl_flows.science.charges import without_charges
from mtl_flows.science.elements import element_amounts
from mtl_flows.science.ions import Ions
from mtl_flows.science.ordering.annealing import Arrangement, anneal
from mtl_flows.science.ordering.cell import DisorderedCell, plain_supercell
from mtl_flows.science.ordering.distances import shortest_distances_A
from mtl_flows.science.ordering.ewald import ewald_matrix
from mtl_flows.science.ordering.parameters import OrderingParameters
from mtl_flows.science.ordering.supercell import choose_supercell

METHOD = "ewald-annealing/1"
_PATIENCE = 4


@dataclass(frozen=True, slots=True, eq=False)
class OrderedApproximant:
    """One ordered simulation cell of a crystal.

    Attributes
    ----------
    structure
        Ordered supercell, elements without charges; site property ``parent_site`` is the index of the
        parent's site.
    seed
        Seed it was made from.
    supercell
        Rows of the 3 × 3 integer matrix.
    ewald_energy_eV
        Electrostatic energy of the formal charges; comparable between approximants of one parent only.
    charge_e
        Net charge of the cell.
    min_distances_A
        Shortest distance of each pair of elements ("Li-O") and ``any``.
    composition_error
        Fraction of the atoms by which the composition departs from the parent's.
    oxidation_states
        Mean charge of each element.
    parent_formula
        Formula of the parent's cell, occupancies included.
    was_ordered
        Whether the parent was ordered already.
    parameters, method
        How it was made.
    """

    structure: Structure
    seed: int
    supercell: tuple[tuple[int, int, int], ...]
    ewald_energy_eV: float
    charge_e: float
    min_distances_A: dict[str, float]
    composition_error: float
    oxidation_states: dict[str, float]
    parent_formula: str
    was_ordered: bool
    parameters: OrderingParameters
    method: str = METHOD

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able copy."""
        return {
            "structure": self.structure.as_dict(),
            "seed": self.seed,
            "supercell": [list(row) for row in self.supercell],
            "ewald_energy_eV": self.ewald_energy_eV,
            "charge_e": self.charge_e,
            "min_distances_A": dict(self.min_distances_A),
            "composition_error": self.composition_error,
            "oxidation_states": dict(self.oxidation_states),
            "parent_formula": self.parent_formula,
            "was_ordered": self.was_ordered,
            "parameters": self.parameters.as_dict(),
            "method": self.method,
        }


def order_structure(
    structure: Structure,
    mobile_ion: str = "Li",
    parameters: OrderingParameters = OrderingParameters(),
) -> tuple[OrderedApproximant, ...]:
    """Make ordered, charge-balanced simulation cells of a crystal.

    The supercell comes first, then occupancies are rounded to whole atoms under charge balance, then the
    atoms are arranged by annealing on one Ewald matrix with excluded distances. An ordered crystal gives
    its supercell and nothing else.

    Parameters
    ----------
    structure
        Ordered or disordered; not changed.
    mobile_ion
        Element symbol.
    parameters
        See :class:`OrderingParameters`.

    Returns
    -------
    tuple of OrderedApproximant
        ``n_orderings`` of them (one for an ordered crystal), lowest Ewald energy first.

    Raises
    ------
    NoMobileIonError
        If the crystal has no ``mobile_ion``.
    OrderingError
        If no arrangement is neutral, close to the parent's composition and free of overlaps.
    """
    crystal = without_charges(structure)
    if mobile_ion not in element_amounts(crystal.composition):
        raise NoMobileIonError(f"no {mobile_ion} in the structure", subject=crystal.composition.formula)
    ions = Ions.of(structure, mobile_ion)
    matrix = choose_supercell(crystal, parameters, mobile_ion)
    if crystal.is_ordered:
        return (_ordered_supercell(crystal, matrix, ions, parameters),)
    deadline_s = time.monotonic() + parameters.time_limit_s
    cell = DisorderedCell.build(crystal, matrix, ions, mobile_ion, parameters)
    approximants = []
    for seed in range(parameters.seed, parameters.seed + parameters.n_orderings):
        arrangement = _best_arrangement(cell, parameters, np.random.default_rng(seed), deadline_s)
        if arrangement.n_conflicts:
            raise OrderingError(
                f"{arrangement.n_conflicts} pairs of atoms are too close in the best arrangement",
                subject=crystal.composition.formula,
            )
        approximants.append(
            _describe(
                cell.ordered(arrangement), crystal, matrix, ions, parameters, seed, arrangement.energy_eV
            )
        )
    return tuple(sorted(approximants, key=lambda approximant: approximant.ewald_energy_eV))


def _best_arrangement(
    cell: DisorderedCell, parameters: OrderingParameters, rng: np.random.Generator, deadline_s: float
) -> Arrangement:
    """Anneal repeatedly; let mobile ions change between groups of sites only where nothing else fits."""
    attempts = [cell.problem] * parameters.restarts
    # Overlaps are worth more patience than the last electronvolt.
    attempts += [cell.relaxed_problem] * (_PATIENCE * parameters.restarts)
    best: Arrangement | None = None
    for number, problem in enumerate(attempts, start=1):
        found = anneal(
            problem,
            cell.kinds,
            rng,
            sweeps=parameters.sweeps,
            hot_eV=parameters.hot_eV,
            cold_eV=parameters.cold_eV,
            deadline_s=deadline_s,
        )
        if best is None or (found.n_conflicts, found.energy_eV) < (best.n_conflicts, best.energy_eV):
            best = found
        out_of_time = time.monotonic() > deadline_s
        if out_of_time or (number >= parameters.restarts and not best.n_conflicts):
            break
    assert best is not None  # there is at least one attempt
    return best


def _ordered_supercell(
    structure: Structure,
    matrix: NDArray[np.int64],
    ions: Ions,
    parameters: OrderingParameters,
) -> OrderedApproximant:
    """Return the supercell of a crystal without disorder."""
    supercell = plain_supercell(structure, matrix)
    parents = supercell.site_properties["parent_site"]
    charges = np.array(
        [
            ions.charges[ions.on_sites[parent][site.specie.symbol]]
            for site, parent in zip(supercell, parents, strict=True)
        ]
    )
    energy = charges @ ewald_matrix(supercell.lattice, supercell.frac_coords) @ charges
    return _describe(supercell, structure, matrix, ions, parameters, parameters.seed, float(energy))


def _describe(
    ordered: Structure,
    parent: Structure,
    matrix: NDArray[np.int64],
    ions: Ions,
    parameters: OrderingParameters,
    seed: int,
    energy_eV: float,
) -> OrderedApproximant:
    """Measure an ordered structure against its parent, refusing one that is no approximant of it."""
    amounts = element_amounts(ordered.composition)
    charge = ions.total_charge(ordered)
    copies = abs(np.linalg.det(matrix))
    wanted = {element: amount * copies for element, amount in element_amounts(parent.composition).items()}
    departure = sum(abs(amounts.get(element, 0.0) - amount) for element, amount in wanted.items())
    composition_error = departure / sum(wanted.values())
    if not parent.is_ordered and abs(charge) > parameters.max_charge_e:
        raise OrderingError(f"the cell keeps a charge of {charge:+.1f} e", subject=parent.composition.formula)
    if composition_error > parameters.max_composition_error:
        raise OrderingError(
            f"balancing the charge changes {100 * composition_error:.0f} % of the atoms",
            subject=parent.composition.formula,
        )
    return OrderedApproximant(
        structure=ordered,
        seed=seed,
        supercell=tuple(tuple(int(entry) for entry in row) for row in matrix),  # type: ignore[misc]
        ewald_energy_eV=energy_eV,
        charge_e=charge,
        min_distances_A=shortest_distances_A(ordered),
        composition_error=composition_error,
        oxidation_states=dict(ions.states),
        parent_formula=parent.composition.formula,
        was_ordered=parent.is_ordered,
        parameters=parameters,
    )
