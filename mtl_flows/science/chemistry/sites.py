"""Rules on the sites: too many atoms (7), mobile ions that share their sites (8)."""

import math

from mtl_flows.science.chemistry.material import Material
from mtl_flows.science.chemistry.report import Finding
from mtl_flows.science.chemistry.wording import counted, listed
from mtl_flows.science.symmetry import conventional_volume_factor

# A conventional cell holds at most four primitive cells (F centring).
_MOST_PRIMITIVE_CELLS = 4
# Above this the search for symmetry would take longer than all other rules together are worth.
_MAX_SITES_FOR_SYMMETRY = 4000


def check_atom_count(material: Material) -> Finding:
    """Rule 7: too many atoms in the conventional cell, partial occupancies counted as such."""
    structure = material.crystal
    limit = material.parameters.max_atoms
    given = float(structure.composition.num_atoms)
    atoms, cell = given, "given"
    # The cell given may be primitive or a supercell; only where that matters is the search worth its time.
    if given * _MOST_PRIMITIVE_CELLS > limit and len(structure) <= _MAX_SITES_FOR_SYMMETRY:
        factor = conventional_volume_factor(structure, material.parameters.symprec_A)
        if not math.isnan(factor):
            atoms, cell = given * factor, "conventional"
    passed = atoms <= limit + 1e-6
    return Finding(
        passed,
        f"{counted(round(atoms, 3), 'atom')} in the {cell} cell, "
        f"{'not more' if passed else 'more'} than {limit}.",
        {
            "atoms": round(atoms, 3),
            "cell": cell,
            "atoms_given": round(given, 3),
            "sites_given": len(structure),
        },
        "low" if cell == "given" and given * _MOST_PRIMITIVE_CELLS > limit else "certain",
    )


def check_shared_sites(material: Material) -> Finding:
    """Rule 8: a site that holds the mobile ion together with, or too close to, another element.

    Vacancies do not count, nor does the mobile element in another oxidation state.
    """
    bonding = material.bonding
    ion = material.mobile_ion
    shared: dict[int, set[str]] = {}
    for site, elements in enumerate(bonding.sites):
        if ion not in elements:
            continue
        others = set(elements) - {ion}
        others |= {
            contact.symbol
            for contact in bonding.contacts(site)
            if contact.symbol != ion and contact.distance_A < material.parameters.shared_site_distance_A
        }
        if others:
            shared[site] = others
    elements_sharing = sorted(set().union(*shared.values()))
    n_mobile = sum(ion in elements for elements in bonding.sites)
    evidence = {"shared_with": elements_sharing, "shared_sites": sorted(shared), "mobile_sites": n_mobile}
    if shared:
        return Finding(
            False,
            f"{ion} shares {len(shared)} of its {counted(n_mobile, 'site')} with {listed(elements_sharing)}.",
            evidence,
        )
    if n_mobile == 0:
        return Finding(True, f"No site holds {ion}.", evidence, "low")
    return Finding(True, f"{ion} shares none of its {counted(n_mobile, 'site')}.", evidence)
