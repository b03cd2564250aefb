"""What a CIF says beside the structure: database code, measurement, publication."""

import re

from mtl_flows.science.reading.cif import CifBlock, number
from mtl_flows.science.reading.model import Metadata

_DATABASE_TAGS = {
    "_database_code_icsd": "icsd",
    "_database_code_cod": "cod",
    "_cod_database_code": "cod",
    "_database_code_csd": "csd",
    "_database_code_amcsd": "amcsd",
    "_amcsd_database_code": "amcsd",
    "_database_code_pcd": "pcd",
}
_TEMPERATURE_TAGS = ("_diffrn_ambient_temperature", "_cell_measurement_temperature")
_PRESSURE_TAGS = ("_diffrn_ambient_pressure", "_cell_measurement_pressure")
_R_TAGS = (
    "_refine_ls_r_factor_all",
    "_refine_ls_r_factor_gt",
    "_refine_ls_r_factor_obs",
    "_refine_ls_r_i_factor",
    "_pd_proc_ls_prof_r_factor",
)
_DOI_TAGS = ("_journal_paper_doi", "_journal_doi", "_citation_doi", "_publ_section_doi")
_TITLE_TAGS = ("_publ_section_title", "_citation_title")
_REMARK_TAGS = (
    "_refine_special_details",
    "_exptl_special_details",
    "_publ_section_comment",
    "_audit_creation_method",
    "_chemical_compound_source",
)
# Not a bare "ab initio": powder structures are "solved ab initio" from measured data.
_THEORY = re.compile(
    r"\b(theo|theoretical(ly)?|hypothetical|density[- ]functional|dft|structure calculated"
    r"|calculated structure|ab[- ]initio (calculation|optimi[sz]ation)s?)\b",
    re.IGNORECASE,
)


def database_codes(block: CifBlock) -> tuple[str, ...]:
    """Codes such as ``icsd-188887`` that the block carries, each once."""
    found = [
        f"{prefix}-{digits}"
        for tag, prefix in _DATABASE_TAGS.items()
        if (digits := re.sub(r"\W", "", block.first(tag)))
    ]
    return tuple(dict.fromkeys(found))


def read_metadata(block: CifBlock) -> Metadata:
    """Collect what `block` says of the measurement and its publication."""
    r_factor = _quantity(block, _R_TAGS)
    return Metadata(
        temperature_K=_quantity(block, _TEMPERATURE_TAGS),
        pressure_kPa=_quantity(block, _PRESSURE_TAGS),
        r_factor=r_factor / 100 if r_factor is not None and r_factor > 1 else r_factor,
        theoretical=_is_theoretical(block),
        doi=re.sub(r"^(https?://(dx\.)?doi\.org/|doi:)", "", block.first(*_DOI_TAGS), flags=re.IGNORECASE),
        title=block.first(*_TITLE_TAGS),
        declared_formula_sum=block.first("_chemical_formula_sum"),
        declared_space_group=block.first("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m"),
    )


def formula_text(block: CifBlock) -> str:
    """Formula as the author writes it."""
    return block.first(
        "_chemical_formula_structural",
        "_chemical_formula_sum",
        "_chemical_formula_moiety",
        "_chemical_formula_iupac",
    )


def _is_theoretical(block: CifBlock) -> bool:
    if any(tag.startswith(("_tcod_", "_dft_")) for tag in block.values):
        return True
    return any(_THEORY.search(text) for tag in _REMARK_TAGS for text in block.values.get(tag, ()))


def _quantity(block: CifBlock, tags: tuple[str, ...]) -> float | None:
    for tag in tags:
        try:
            return number(block.first(tag))
        except ValueError:
            continue
    return None
