"""Parameters of the ordered approximants."""

from dataclasses import dataclass

from mtl_flows.errors import ConfigurationError
from mtl_flows.records import Record


@dataclass(frozen=True, slots=True)
class OrderingParameters(Record):
    """How a disordered crystal becomes an ordered simulation cell.

    Attributes
    ----------
    n_orderings
        Approximants made, each from a seed of its own.
    min_plane_spacing_A
        Smallest distance between opposite faces of the supercell.
    min_mobile_ions
        Fewest mobile ions in it.
    max_atoms
        Most atoms in it.
    min_mobile_distance_A
        Smallest distance between two mobile ions.
    min_distance_fraction
        Smallest distance of any other two atoms, as a fraction of the sum of their covalent radii; applies
        where disorder leaves a choice.
    max_composition_error
        Largest fraction of the atoms by which an approximant may depart from the parent's composition.
    max_charge_e
        Largest net charge of the cell that passes as balanced.
    sweeps
        Attempted swaps for each disordered site in one annealing.
    hot_eV, cold_eV
        First and last temperature of the annealing.
    restarts
        Annealings for each approximant; the best is kept.
    seed
        Seed of the first approximant; later ones count up.
    time_limit_s
        For all approximants of one crystal together; at least one annealing is finished.
    """

    n_orderings: int = 1
    min_plane_spacing_A: float = 8.0
    min_mobile_ions: int = 12
    max_atoms: int = 200
    min_mobile_distance_A: float = 2.0
    min_distance_fraction: float = 0.65
    max_composition_error: float = 0.1
    max_charge_e: float = 0.5
    sweeps: int = 300
    hot_eV: float = 5.0
    cold_eV: float = 0.03
    restarts: int = 2
    seed: int = 0
    time_limit_s: float = 20.0

    def __post_init__(self) -> None:
        if min(self.n_orderings, self.sweeps, self.restarts, self.max_atoms) < 1:
            raise ConfigurationError("n_orderings, sweeps, restarts and max_atoms are at least 1")
