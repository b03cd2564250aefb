"""What reading a file gives."""

from dataclasses import dataclass, field

from pymatgen.core import Structure

from mtl_flows.errors import InputError
from mtl_flows.science.charges import SiteCharges, with_charges
from mtl_flows.science.naming import material_id


@dataclass(frozen=True, slots=True)
class ReadingParameters:
    """Tolerances of reading.

    Attributes
    ----------
    site_tolerances
        Fractional distances below which two images are one site: the first for every site, the others for sites
        whose coordinates have too few digits.
    occupancy_tolerance
        Occupancies that add up to more than one, but no more than this, are rounding and are scaled to one.
    min_distance_A
        Fully occupied sites closer than this overlap.
    same_atom_A
        Images of a site closer than this are one atom on a special position given with too few digits.
    """

    site_tolerances: tuple[float, ...] = (1e-4, 1e-3, 1e-2)
    occupancy_tolerance: float = 1.05
    min_distance_A: float = 0.5
    same_atom_A: float = 0.02


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file says of the measurement; `None` or an empty string where it says nothing."""

    temperature_K: float | None = None
    pressure_kPa: float | None = None
    r_factor: float | None = None
    theoretical: bool = False
    doi: str = ""
    title: str = ""
    declared_formula_sum: str = ""
    declared_space_group: str = ""


@dataclass(frozen=True, slots=True)
class ParsedStructure:
    """One structure as its file gives it: the cell of the file, occupancies kept, no oxidation states on sites.

    Attributes
    ----------
    stem
        Slug of the file's name, with that of the block where the file holds several.
    codes
        Database codes that it bears, such as ``icsd-188887``.
    oxidation_states
        Mean by element; empty unless the file gives them.
    site_charges
        Species with their oxidation states on each site of the structure; empty unless atoms of one element differ in
        it.
    implicit_hydrogens
        Hydrogen atoms in the cell that the file declares without giving them sites.
    """

    stem: str
    structure: Structure
    formula_text: str
    file_name: str
    file_sha256: str
    file_size: int
    block_name: str = ""
    metadata: Metadata = field(default_factory=Metadata)
    oxidation_states: dict[str, float] = field(default_factory=dict)
    site_charges: SiteCharges = ()
    implicit_hydrogens: float = 0.0
    warnings: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()

    @property
    def source_id(self) -> str:
        """Id where no source is named: a database code, else the stem."""
        return material_id(self.codes, self.stem, "")

    @property
    def charged_structure(self) -> Structure:
        """The structure with the charges on its sites."""
        return with_charges(self.structure, self.site_charges, self.oxidation_states)


@dataclass(frozen=True, slots=True)
class ParsedBlock:
    """One data block of a file, with the structure it holds or the reason why it cannot be read.

    Attributes
    ----------
    label
        Its name, numbered where several blocks of the file bear it.
    """

    name: str
    result: ParsedStructure | InputError
    label: str = ""
