"""What one chunk hands to the next: every number needed to go on as if never interrupted."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure

from mtl_flows.errors import InputError, OrderingError
from mtl_flows.simulation.arrays import decode_array, encode_array
from mtl_flows.simulation.kinetics import internal_temperature_K, thermal_momenta
from mtl_flows.simulation.parameters import MDParameters

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True, slots=True, eq=False)
class MDState:
    """Phase-space point, thermostat and random state of a simulation between two steps.

    Attributes
    ----------
    species
        Element symbols, length n_atoms.
    cell_A
        Lattice vectors as rows, shape (3, 3).
    positions_A
        Unwrapped Cartesian positions, float64, shape (n_atoms, 3).
    momenta
        Momenta in ASE units (√(eV·u)), shape (n_atoms, 3).
    reference_A
        Positions the framework's displacement is measured from, shape (n_atoms, 3).
    step
        Steps done in the present stage.
    random_state
        State of the thermostat's bit generator, integers as text (they exceed 64 bits).
    """

    species: tuple[str, ...]
    cell_A: NDArray[np.float64]
    positions_A: NDArray[np.float64]
    momenta: NDArray[np.float64]
    reference_A: NDArray[np.float64]
    step: int
    random_state: dict[str, Any]

    @classmethod
    def from_structure(cls, structure: Structure, parameters: MDParameters) -> Self:
        """Start a simulation from a relaxed, ordered structure.

        Velocities are taken from the site property ``velocities`` when present (ASE units, as atomate2
        writes and reads them); otherwise they are drawn at the first target temperature.

        Raises
        ------
        OrderingError
            If a site is partially occupied or mixed.
        InputError
            If ``velocities`` is present but not one vector for each site.
        """
        if not structure.is_ordered:
            raise OrderingError(
                "a disordered structure cannot be simulated",
                subject=structure.composition.reduced_formula,
                remedy="order it first",
            )
        from ase import Atoms

        rng = np.random.default_rng(parameters.seed)
        atoms = Atoms(
            symbols=[site.specie.symbol for site in structure],
            positions=structure.cart_coords,
            cell=structure.lattice.matrix,
            pbc=True,
        )
        velocities = structure.site_properties.get("velocities")
        if velocities is None:
            momenta = thermal_momenta(atoms.get_masses(), parameters.target_temperature_K(0), rng)
        else:
            if any(velocity is None for velocity in velocities) or np.shape(velocities) != (len(atoms), 3):
                raise InputError("velocities must be one vector for each site")
            momenta = np.asarray(velocities, dtype=np.float64) * atoms.get_masses()[:, None]
        return cls(
            species=tuple(atoms.get_chemical_symbols()),
            cell_A=np.array(atoms.cell),
            positions_A=atoms.get_positions(),
            momenta=momenta,
            reference_A=atoms.get_positions(),
            step=0,
            random_state=pack_generator(rng),
        )

    def next_stage(self, parameters: MDParameters) -> Self:
        """Begin another stage (say, the next temperature) from these positions and momenta."""
        return replace(self, step=0, random_state=pack_generator(np.random.default_rng(parameters.seed)))

    @property
    def temperature_K(self) -> float:
        """Instantaneous temperature."""
        masses = self.to_atoms().get_masses()[:, None]
        return internal_temperature_K(float((self.momenta**2 / (2.0 * masses)).sum()), len(self.species))

    def to_atoms(self) -> "Atoms":
        """Return ASE atoms with these positions and momenta."""
        from ase import Atoms

        return Atoms(
            symbols=list(self.species),
            positions=self.positions_A,
            momenta=self.momenta,
            cell=self.cell_A,
            pbc=True,
        )

    def to_structure(self) -> Structure:
        """Return the pymatgen structure, sites wrapped into the cell and without velocities."""
        return Structure(
            Lattice(self.cell_A),
            self.species,
            self.positions_A,
            coords_are_cartesian=True,
            to_unit_cell=True,
        )

    def generator(self) -> np.random.Generator:
        """Return a generator in the recorded state."""
        return unpack_generator(self.random_state)

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON- and BSON-able document; :meth:`from_dict` restores every bit."""
        return {
            "species": list(self.species),
            "cell_A": encode_array(self.cell_A),
            "positions_A": encode_array(self.positions_A),
            "momenta": encode_array(self.momenta),
            "reference_A": encode_array(self.reference_A),
            "step": self.step,
            "random_state": self.random_state,
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        """Restore a state from :meth:`as_dict`; keys it does not know are ignored."""
        return cls(
            species=tuple(document["species"]),
            cell_A=decode_array(document["cell_A"]),
            positions_A=decode_array(document["positions_A"]),
            momenta=decode_array(document["momenta"]),
            reference_A=decode_array(document["reference_A"]),
            step=int(document["step"]),
            random_state=dict(document["random_state"]),
        )


def pack_generator(generator: np.random.Generator) -> dict[str, Any]:
    """Return the state of a PCG64 generator with its 128-bit integers as hexadecimal text."""
    state: dict[str, Any] = generator.bit_generator.state  # type: ignore[assignment]
    return {
        "bit_generator": state["bit_generator"],
        "state": hex(state["state"]["state"]),
        "inc": hex(state["state"]["inc"]),
        "has_uint32": int(state["has_uint32"]),
        "uinteger": int(state["uinteger"]),
    }


def unpack_generator(document: dict[str, Any]) -> np.random.Generator:
    """Return a generator in the state that :func:`pack_generator` recorded."""
    bit_generator = np.random.PCG64()
    bit_generator.state = {
        "bit_generator": document["bit_generator"],
        "state": {"state": int(document["state"], 16), "inc": int(document["inc"], 16)},
        "has_uint32": document["has_uint32"],
        "uinteger": document["uinteger"],
    }
    return np.random.Generator(bit_generator)
