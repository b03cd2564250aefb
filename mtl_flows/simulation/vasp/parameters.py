"""Settings of the VASP calculations, without atomate2: they are read where no calculation runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self

from pydantic import TypeAdapter, ValidationError

from mtl_flows.errors import ConfigurationError

Thermostat = Literal["nose-hoover", "csvr"]

_FUNCTIONAL: dict[str, Any] = {"GGA": "PE", "LDAU": False}
# Of the input sets; each calculation records the potentials it used.
_POTENTIALS = {"functional": "PBE", "potcars": "PBE_54"}
# Insulators, and meshes that may be too small for the tetrahedron method.
_SMEARING: dict[str, Any] = {"ISMEAR": 0, "SIGMA": 0.05}
_NO_LARGE_FILES: dict[str, Any] = {
    "LAECHG": False,
    "LVTOT": False,
    "LVHAR": False,
    "LELF": False,
    "LWAVE": False,
}

DECIDED_HERE = frozenset(
    {
        *("CSVR_PERIOD", "EDIFFG", "ENCUT", "GGA", "IBRION", "ISIF", "ISPIN", "KGAMMA", "KSPACING"),
        *("MDALGO", "NBLOCK", "NSW", "POTIM", "SMASS", "TEBEG", "TEEND"),
    }
)
"""INCAR tags that follow from parameters; the rest is free."""

OF_THE_MACHINE = frozenset(
    {"KPAR", "LPLANE", "LSCALAPACK", "LSCALU", "NCORE", "NPAR", "NSIM", "LCHARG", "LWAVE", "NWRITE"}
)
"""INCAR tags that change how fast a calculation is and what it writes, not what comes out."""


@dataclass(frozen=True, slots=True)
class VaspParameters:
    """Settings of the VASP calculations.

    Attributes
    ----------
    cutoff_eV
        Plane-wave cutoff.
    relax_kspacing_per_A, static_kspacing_per_A
        Largest distance of k-points, 2π included.
    spin_polarised
        Whether spins are treated; the chemical rules leave no open d shell.
    thermostat
        ``nose-hoover`` or ``csvr``.
    csvr_period_fs
        Relaxation time of ``csvr``.
    incar
        Further INCAR tags, for all calculations; they go before those of the input sets. None removes a tag.
    potcar_spec
        Write the names of the potentials instead of POTCAR, for a VASP command that finds them itself.
    polling_s
        Seconds between two looks of custodian at a calculation.

    Raises
    ------
    ConfigurationError
        If the thermostat is unknown, or `incar` names a tag that follows from other parameters.
    """

    cutoff_eV: float = 520.0
    relax_kspacing_per_A: float = 0.4
    static_kspacing_per_A: float = 0.25
    spin_polarised: bool = False
    thermostat: Thermostat = "nose-hoover"
    csvr_period_fs: float = 100.0
    incar: dict[str, Any] = field(default_factory=dict)
    potcar_spec: bool = False
    polling_s: float = 10.0

    def __post_init__(self) -> None:
        if self.thermostat not in ("nose-hoover", "csvr"):
            raise ConfigurationError(f"unknown thermostat {self.thermostat!r}", subject="VaspParameters")
        object.__setattr__(self, "incar", {tag.upper(): value for tag, value in self.incar.items()})
        if decided := sorted(DECIDED_HERE & self.incar.keys()):
            raise ConfigurationError(
                f"{', '.join(decided)} follow from other parameters",
                subject="INCAR",
                remedy="set those instead",
            )

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Return the defaults with other settings: these fields by name, and INCAR tags, their text as in INCAR.

        Raises
        ------
        ConfigurationError
            If a value does not suit its field, a name is neither field nor tag, or a tag follows from other settings.
        """
        names = {declared.name for declared in fields(cls)}
        known = {name: value for name, value in settings.items() if name in names}
        tags = {name.upper(): value for name, value in settings.items() if name not in names}
        if wrong := [name for name, value in tags.items() if not name.isidentifier() or value == ""]:
            raise ConfigurationError(
                f"not a setting of VASP: {', '.join(wrong)}",
                subject="vasp",
                remedy="write NCORE=4, as in INCAR",
            )
        incar = {**known.get("incar", {}), **_as_in_incar(tags)}
        try:
            return TypeAdapter(cls).validate_python({**known, "incar": incar})
        except ValidationError as error:
            problem = error.errors()[0]
            raise ConfigurationError(
                f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}", subject="vasp"
            ) from None

    def potential(self) -> dict[str, Any]:
        """Return everything that energies and forces follow from."""
        names = ("cutoff_eV", "relax_kspacing_per_A", "static_kspacing_per_A", "spin_polarised")
        incar = {tag: value for tag, value in self.incar.items() if tag not in OF_THE_MACHINE}
        return {**_POTENTIALS, **{name: getattr(self, name) for name in names}, "incar": incar}

    def shaping(self) -> dict[str, Any]:
        """Return what else shapes a simulation."""
        return {name: getattr(self, name) for name in ("thermostat", "csvr_period_fs")}

    def incar_tags(self) -> dict[str, Any]:
        """Return the tags that all calculations share."""
        spin = {"ISPIN": 2} if self.spin_polarised else {"ISPIN": 1, "MAGMOM": None}
        return {
            **_FUNCTIONAL,
            **_SMEARING,
            **_NO_LARGE_FILES,
            **spin,
            "ENCUT": self.cutoff_eV,
            **self.incar,
        }


def _as_in_incar(tags: Mapping[str, Any]) -> dict[str, Any]:
    """Return tags with their text read as pymatgen reads it in an INCAR."""
    if not tags:
        return {}
    from pymatgen.io.vasp.inputs import Incar

    return {tag: Incar.proc_val(tag, v) if isinstance(v, str) else v for tag, v in tags.items()}
