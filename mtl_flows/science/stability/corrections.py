"""Materials Project 2020 corrections for raw PBE energies."""

import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pymatgen.core.composition import Composition

from mtl_flows.errors import StabilityError
from mtl_flows.science.energies import MP2020_GGA, RAW_PBE
from mtl_flows.science.stability.entries import EntrySet

if TYPE_CHECKING:
    from pymatgen.entries.computed_entries import ComputedStructureEntry


MP_HUBBARD_U_eV: Mapping[str, float] = MappingProxyType(
    {"Co": 3.32, "Cr": 3.7, "Fe": 5.3, "Mn": 3.9, "Mo": 4.38, "Ni": 6.2, "V": 3.25, "W": 6.2}
)
"""U of the Materials Project, applied in oxides and fluorides only (pymatgen, ``MPRelaxSet``)."""


def correct_to_mp2020(raw: EntrySet) -> EntrySet:
    """Apply the MP2020 anion and GGA/GGA+U corrections (Wang et al., doi:10.1038/s41598-021-94550-5).

    Parameters
    ----------
    raw
        Structure entries on the raw PBE scale; structures tell oxides from peroxides and superoxides. A
        potential trained on Materials Project energies has learned the mixture of PBE and PBE+U, so oxides
        and fluorides of the eight metals above are corrected as PBE+U. An entry that names its run type is
        corrected by that.

    Raises
    ------
    StabilityError
        If the set is not on the raw scale (nothing is corrected twice), or an entry has no structure.
    """
    if raw.origin.energy_scale != RAW_PBE:
        raise StabilityError(
            f"energies are {raw.origin.energy_scale}, not {RAW_PBE}", subject=raw.origin.label
        )
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility
    from pymatgen.entries.computed_entries import ComputedStructureEntry

    compatibility = MaterialsProject2020Compatibility(check_potcar=False)
    corrected = []
    for entry in raw.entries:
        if not isinstance(entry, ComputedStructureEntry):
            raise StabilityError(
                "entry has no structure to choose corrections by", subject=entry.reduced_formula
            )
        plain = ComputedStructureEntry(
            entry.structure, entry.energy, entry_id=entry.entry_id, parameters=_run(entry)
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Failed to guess oxidation states")
            corrected.extend(compatibility.process_entries([plain], clean=True, on_error="raise"))
    return EntrySet.build(
        corrected, kind=raw.origin.kind, label=raw.origin.label, energy_scale=MP2020_GGA, skipped=raw.skipped
    )


def _run(entry: "ComputedStructureEntry") -> dict[str, Any]:
    stated = str(entry.parameters.get("run_type") or "").replace("_", "+")
    if stated:
        hubbards = dict(entry.parameters.get("hubbards") or {})
        return {
            "run_type": stated,
            "hubbards": hubbards or _hubbards(entry.composition) if "U" in stated else {},
        }
    hubbards = _hubbards(entry.composition)
    return {"run_type": "GGA+U" if hubbards else "GGA", "hubbards": hubbards, "software": "potential"}


def _hubbards(composition: Composition) -> dict[str, float]:
    if max(composition.elements, key=lambda element: element.X).symbol not in {"O", "F"}:
        return {}
    symbols = {element.symbol for element in composition.elements}
    return {symbol: MP_HUBBARD_U_eV[symbol] for symbol in sorted(symbols & MP_HUBBARD_U_eV.keys())}
