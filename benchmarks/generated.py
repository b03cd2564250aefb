"""Structures by the hundred thousand for the benchmarks of the store: the examples, substituted and strained.

Every framework element of an example is replaced by one drawn from the periodic table and the cell is strained
isotropically by up to 3 %. One structure in ten repeats the one before it at another strain: a duplicate to be
found. They are written as pymatgen JSON into one zip archive and are ingested as anybody's files are.
"""

import json
import random
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from pymatgen.core import Lattice, Structure

from mtl_flows.report.examples import shipped_table
from mtl_flows.schemas.topology import BarcodeDocument, TopologyDocument
from mtl_flows.science.compounds import build_structure, load_compounds
from mtl_flows.science.topology import (
    Barcodes,
    StructureBarcodes,
    TopologyResult,
    compute_topology,
    features_from_barcodes,
    metrics_from_barcodes,
)
from mtl_flows.stages import BARCODES, TOPOLOGY, ScreeningParameters
from mtl_flows.store.collection import batched
from mtl_flows.store.database import MTLStore

MAX_SITES = 40
MAX_STRAIN = 0.03
_REPEAT_EVERY = 10
_ELEMENTS = (
    "H Be B C N O F Na Mg Al Si P S Cl K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Rb Sr Y Zr Nb Mo Ru Rh "
    "Pd Ag Cd In Sn Sb Te I Cs Ba La Ce Pr Nd Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi"
)


@dataclass(frozen=True)
class Generated:
    """One generated structure: the example it was made from, its strain and what stands for each element."""

    number: int
    example: str
    scale: float
    substitutes: tuple[tuple[str, str], ...]

    @property
    def material_id(self) -> str:
        """Id that the store gives it, from its file's name."""
        return f"gen-{self.number:07d}"


@cache
def examples() -> dict[str, Structure]:
    """Example crystals of at most `MAX_SITES` sites and two or more elements beside lithium, by name."""
    built = {compound.id: build_structure(compound) for compound in load_compounds(shipped_table())}
    return {
        name: structure
        for name, structure in built.items()
        if len(structure) <= MAX_SITES and len(structure.composition.element_composition) >= 3
    }


def generate(n: int, *, first: int = 0, seed: int = 0) -> Iterator[Generated]:
    """Draw `n` structures; each depends on its number and the seed alone."""
    names = sorted(examples())
    for number in range(first, first + n):
        drawn = random.Random(f"{seed}:{number - (number % _REPEAT_EVERY == 1)}")
        example = drawn.choice(names)
        framework = sorted({e.symbol for e in examples()[example].composition.element_composition} - {"Li"})
        substitutes = tuple(zip(framework, drawn.sample(_ELEMENTS.split(), len(framework)), strict=True))
        strain = random.Random(f"strain:{seed}:{number}").uniform(-MAX_STRAIN, MAX_STRAIN)
        yield Generated(number, example, 1.0 + strain, substitutes)


def structure_of(made: Generated) -> Structure:
    """Build the crystal."""
    template = examples()[made.example]
    replaced = template.copy()
    replaced.remove_oxidation_states()
    # All at once, so that two elements may change places.
    replaced.replace_species(dict(made.substitutes))
    return Structure(
        Lattice(replaced.lattice.matrix * made.scale), replaced.species_and_occu, replaced.frac_coords
    )


def write_archive(path: Path, made: Sequence[Generated] | Iterator[Generated]) -> Path:
    """Write structures as pymatgen JSON into one zip archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for one in made:
            archive.writestr(f"{one.material_id}.json", json.dumps(structure_of(one).as_dict()))
    return path


def write_cifs(path: Path, made: Iterator[Generated], r_factor: float | None = None) -> Path:
    """Write structures as CIF without symmetry into one zip archive, perhaps with an R factor."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for one in made:
            archive.writestr(f"{one.material_id}.cif", _cif(one, r_factor))
    return path


def _cif(made: Generated, r_factor: float | None) -> str:
    structure = structure_of(made)
    lattice = structure.lattice
    lines = [f"data_{made.number}"]
    lines += [] if r_factor is None else [f"_refine_ls_R_factor_gt {r_factor:.4f}"]
    lines += [f"_cell_length_{axis} {value:.8f}" for axis, value in zip("abc", lattice.abc, strict=True)]
    angles = zip(("alpha", "beta", "gamma"), lattice.angles, strict=True)
    lines += [f"_cell_angle_{name} {value:.8f}" for name, value in angles]
    names = ("type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")
    lines += ["_space_group_name_H-M_alt 'P 1'", "loop_", *(f"_atom_site_{name}" for name in names)]
    for site in structure:
        for element, occupancy in site.species.items():
            lines.append(f"{element.symbol} {site.a:.8f} {site.b:.8f} {site.c:.8f} {occupancy:.6f}")
    return "\n".join([*lines, ""])


@cache
def _example_topology(name: str) -> TopologyResult:
    return compute_topology(examples()[name], "Li")


def strained_topology(made: Generated) -> TopologyResult:
    """Topology of the example with every length strained: what the homology of the strained crystal gives.

    But for sites that the strain moves across the cutoff; good enough to fill a table with realistic numbers.
    """
    base, s = _example_topology(made.example), made.scale
    orbits = tuple(
        replace(
            orbit,
            mobile=_strained(orbit.mobile, s),
            framework=_strained(orbit.framework, s),
            r_connected_A=orbit.r_connected_A * s,
        )
        for orbit in base.barcodes.orbits
    )
    barcodes = StructureBarcodes(
        orbits, _strained(base.barcodes.cell_mobile, s), _strained(base.barcodes.cell_framework, s)
    )
    metrics = metrics_from_barcodes(barcodes)
    return replace(
        base,
        r_connected_A=metrics.r_connected_A,
        rho_cycles=metrics.rho_cycles,
        features=features_from_barcodes(orbits),
        d_A=tuple(length * s for length in base.d_A) if base.d_A else None,
        v_A=tuple(length * s for length in base.v_A) if base.v_A else None,
        barcodes=barcodes,
    )


def _strained(barcodes: Barcodes, scale: float) -> Barcodes:
    return Barcodes(barcodes.h0_deaths_A * scale, barcodes.h1_A * scale, barcodes.max_dimension)


def fill_topology(store: MTLStore, made: Iterator[Generated], parameters: ScreeningParameters) -> int:
    """Write barcodes and topology of generated structures that have none, without computing any homology."""
    keyed = {stage.noun: parameters.of(stage) for stage in (BARCODES, TOPOLOGY)}
    written = 0
    for batch in batched(made, 500):
        by_id = {f"{one.material_id}.r1": one for one in batch}
        subjects = store.structures.subjects(sorted(by_id))
        keys = TOPOLOGY.keys(subjects, keyed[TOPOLOGY.noun])
        there = store.topology.existing(keys.values())
        todo = [
            (subject, strained_topology(by_id[subject.structure_id]))
            for subject in subjects
            if keys[subject.structure_id] not in there
        ]
        store.barcodes.add(
            BarcodeDocument.of(BARCODES.header(subject, keyed[BARCODES.noun]), result.barcodes)
            for subject, result in todo
        )
        written += store.topology.add(
            TopologyDocument.of(TOPOLOGY.header(subject, keyed[TOPOLOGY.noun]), result)
            for subject, result in todo
        ).inserted
    return written
