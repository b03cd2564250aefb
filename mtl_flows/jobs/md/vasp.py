"""atomate2's VASP Makers with the settings of the article (section 3.3).

PBE and PAW, not the PBEsol that atomate2 would choose; a cutoff of 520 eV; Γ-centred meshes of spacing
0.4 Å⁻¹ for relaxation and 0.25 Å⁻¹ for energies; the Γ point alone for dynamics with steps of 2 fs. Everything
comes from atomate2's own input sets except what is overridden here, tag by tag.

The article does not name its thermostat. The default is Nosé–Hoover (``MDALGO = 2``, ``SMASS = 0``), which
every VASP has and which leaves diffusion alone as Bussi's does; ``csvr`` is Bussi's own (``MDALGO = 5``, VASP
6.4.3 and later). Langevin dynamics is not offered: its friction slows ions down.
"""

from dataclasses import dataclass
from typing import Any, Literal

from atomate2.vasp.jobs.core import RelaxMaker, StaticMaker
from atomate2.vasp.jobs.md import MDMaker
from atomate2.vasp.sets.core import MDSetGenerator, RelaxSetGenerator, StaticSetGenerator
from pymatgen.io.vasp.inputs import Kpoints

from mtl_flows.errors import ConfigurationError

Thermostat = Literal["nose-hoover", "csvr"]

_FUNCTIONAL: dict[str, Any] = {"GGA": "PE", "LDAU": False}
# Insulators, and meshes that may be too small for the tetrahedron method.
_SMEARING: dict[str, Any] = {"ISMEAR": 0, "SIGMA": 0.05}
_NO_LARGE_FILES: dict[str, Any] = {
    "LAECHG": False,
    "LVTOT": False,
    "LVHAR": False,
    "LELF": False,
    "LWAVE": False,
}
_NOSE_HOOVER: dict[str, Any] = {"MDALGO": 2, "SMASS": 0}


@dataclass(frozen=True, slots=True)
class VaspParameters:
    """Settings of the VASP calculations.

    Attributes
    ----------
    cutoff_eV
        Plane-wave cutoff.
    relax_kspacing_per_A, static_kspacing_per_A
        Largest distance of k-points, 2π included.
    timestep_fs
        Of the dynamics.
    heating_ps, heat_from_K, heat_to_K
        The ramp before production.
    production_ps
        Length of a run at one temperature.
    spin_polarised
        Whether spins are treated; the chemical rules leave no open d shell.
    thermostat
        ``nose-hoover`` or ``csvr``.
    csvr_period_fs
        Relaxation time of ``csvr``.
    """

    cutoff_eV: float = 520.0
    relax_kspacing_per_A: float = 0.4
    static_kspacing_per_A: float = 0.25
    timestep_fs: float = 2.0
    heating_ps: float = 10.0
    heat_from_K: float = 300.0
    heat_to_K: float = 1200.0
    production_ps: float = 20.0
    spin_polarised: bool = False
    thermostat: Thermostat = "nose-hoover"
    csvr_period_fs: float = 100.0

    def __post_init__(self) -> None:
        if self.thermostat not in ("nose-hoover", "csvr"):
            raise ConfigurationError(f"unknown thermostat {self.thermostat!r}", subject="VaspParameters")

    def n_steps(self, duration_ps: float) -> int:
        """Return a duration in steps."""
        return round(duration_ps * 1e3 / self.timestep_fs)

    def incar_tags(self) -> dict[str, Any]:
        """Return the tags that all calculations share."""
        spin = {"ISPIN": 2} if self.spin_polarised else {"ISPIN": 1, "MAGMOM": None}
        return {**_FUNCTIONAL, **_SMEARING, **_NO_LARGE_FILES, **spin, "ENCUT": self.cutoff_eV}


def vasp_relax_maker(parameters: VaspParameters = VaspParameters()) -> RelaxMaker:
    """Return the Maker of the relaxation of positions and cell."""
    return RelaxMaker(
        name="VASP relax",
        input_set_generator=RelaxSetGenerator(
            user_incar_settings=_with_mesh(parameters, parameters.relax_kspacing_per_A)
        ),
    )


def vasp_static_maker(parameters: VaspParameters = VaspParameters()) -> StaticMaker:
    """Return the Maker of the energy calculation."""
    return StaticMaker(
        name="VASP static",
        input_set_generator=StaticSetGenerator(
            user_incar_settings=_with_mesh(parameters, parameters.static_kspacing_per_A)
        ),
    )


def vasp_heating_maker(parameters: VaspParameters = VaspParameters()) -> MDMaker:
    """Return the Maker of the heating ramp."""
    return _md_maker(
        parameters,
        f"VASP heat to {parameters.heat_to_K:g} K",
        parameters.heat_from_K,
        parameters.heat_to_K,
        parameters.n_steps(parameters.heating_ps),
    )


def vasp_production_makers(
    temperature_K: float, *, n_chunks: int = 1, parameters: VaspParameters = VaspParameters()
) -> list[MDMaker]:
    """Return the Makers of a run at one temperature, cut into chunks of equal length.

    Each chunk goes on from the positions and velocities of the structure that the one before returns, which
    atomate2 writes into its POSCAR. Names are unique.

    Raises
    ------
    ConfigurationError
        If the run cannot be cut into that many chunks.
    """
    n_steps = parameters.n_steps(parameters.production_ps)
    if n_chunks < 1 or n_steps % n_chunks:
        raise ConfigurationError(f"{n_steps} steps cannot be cut into {n_chunks} equal chunks")
    return [
        _md_maker(
            parameters,
            f"VASP NVT {temperature_K:g} K {chunk} of {n_chunks}",
            temperature_K,
            temperature_K,
            n_steps // n_chunks,
        )
        for chunk in range(1, n_chunks + 1)
    ]


def _with_mesh(parameters: VaspParameters, kspacing_per_A: float) -> dict[str, Any]:
    """Return the shared tags with a Γ-centred mesh."""
    return {**parameters.incar_tags(), "KSPACING": kspacing_per_A, "KGAMMA": True}


def _md_maker(parameters: VaspParameters, name: str, start_K: float, end_K: float, n_steps: int) -> MDMaker:
    thermostat = (
        _NOSE_HOOVER
        if parameters.thermostat == "nose-hoover"
        else {"MDALGO": 5, "SMASS": None, "CSVR_PERIOD": parameters.csvr_period_fs}
    )
    return MDMaker(
        name=name,
        input_set_generator=MDSetGenerator(
            ensemble="nvt",
            start_temp=start_K,
            end_temp=end_K,
            nsteps=n_steps,
            time_step=parameters.timestep_fs,
            user_incar_settings={**parameters.incar_tags(), **thermostat},
            user_kpoints_settings=Kpoints(),
        ),
    )
