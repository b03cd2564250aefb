"""atomate2's VASP Makers with the settings of the article (section 3.3).

PBE and PAW, not the PBEsol that atomate2 would choose; a cutoff of 520 eV; Γ-centred meshes of spacing
0.4 Å⁻¹ for relaxation and 0.25 Å⁻¹ for energies; the Γ point alone for dynamics. Everything comes from atomate2's
own input sets except what is overridden here, tag by tag.

The article does not name its thermostat. The default is Nosé–Hoover (``MDALGO = 2``, ``SMASS = 0``), which
every VASP has and which leaves diffusion alone as Bussi's does; ``csvr`` is Bussi's own (``MDALGO = 5``, VASP
6.4.3 and later). Langevin dynamics is not offered: its friction slows ions down.
"""

from typing import Any, TypeVar

from atomate2.vasp.jobs.base import BaseVaspMaker
from atomate2.vasp.jobs.core import RelaxMaker, StaticMaker
from atomate2.vasp.jobs.md import MDMaker
from atomate2.vasp.sets.core import MDSetGenerator, RelaxSetGenerator, StaticSetGenerator
from pymatgen.io.vasp.inputs import Kpoints

from mtl_flows.simulation.engine import RelaxationGoal
from mtl_flows.simulation.parameters import MDParameters
from mtl_flows.simulation.vasp.parameters import VaspParameters

VaspMaker = TypeVar("VaspMaker", bound=BaseVaspMaker)

_NOSE_HOOVER: dict[str, Any] = {"MDALGO": 2, "SMASS": 0}


def vasp_relax_maker(
    parameters: VaspParameters = VaspParameters(), goal: RelaxationGoal = RelaxationGoal()
) -> RelaxMaker:
    """Return the Maker of the relaxation."""
    tags = {
        **_with_mesh(parameters, parameters.relax_kspacing_per_A),
        "EDIFFG": -goal.fmax_eV_per_A,
        "NSW": goal.max_steps,
        "ISIF": 3 if goal.relax_cell else 2,
    }
    return _executed(
        RelaxMaker(name="VASP relax", input_set_generator=RelaxSetGenerator(user_incar_settings=tags)),
        parameters,
    )


def vasp_static_maker(parameters: VaspParameters = VaspParameters()) -> StaticMaker:
    """Return the Maker of the energy calculation."""
    tags = _with_mesh(parameters, parameters.static_kspacing_per_A)
    return _executed(
        StaticMaker(name="VASP static", input_set_generator=StaticSetGenerator(user_incar_settings=tags)),
        parameters,
    )


def vasp_md_maker(
    stage: MDParameters,
    *,
    first_step: int = 0,
    n_steps: int | None = None,
    parameters: VaspParameters = VaspParameters(),
) -> MDMaker:
    """Return the Maker of one chunk of a ramp or of a run at one temperature.

    Parameters
    ----------
    stage
        The whole of it; decides the temperatures of the chunk.
    first_step, n_steps
        Where the chunk begins, and its length; to the end of the stage if None.
    """
    last_step = stage.n_steps if n_steps is None else first_step + n_steps
    thermostat = (
        _NOSE_HOOVER
        if parameters.thermostat == "nose-hoover"
        else {"MDALGO": 5, "SMASS": None, "CSVR_PERIOD": parameters.csvr_period_fs}
    )
    maker = MDMaker(
        name=f"VASP NVT steps {first_step} to {last_step}",
        input_set_generator=MDSetGenerator(
            ensemble="nvt",
            start_temp=stage.target_temperature_K(first_step),
            end_temp=stage.target_temperature_K(last_step),
            nsteps=last_step - first_step,
            time_step=stage.timestep_fs,
            user_incar_settings={**parameters.incar_tags(), **thermostat, "NBLOCK": 1},
            user_kpoints_settings=Kpoints(),
        ),
        # A run that the queue's time cut short has good frames too; whoever reads them decides.
        stop_children_kwargs={"handle_unsuccessful": False},
    )
    return _executed(maker, parameters)


def _with_mesh(parameters: VaspParameters, kspacing_per_A: float) -> dict[str, Any]:
    """Return the shared tags with a Γ-centred mesh."""
    return {**parameters.incar_tags(), "KSPACING": kspacing_per_A, "KGAMMA": True}


def _executed(maker: VaspMaker, parameters: VaspParameters) -> VaspMaker:
    """Set how the Maker's calculation is written and watched."""
    maker.write_input_set_kwargs = {"potcar_spec": parameters.potcar_spec}
    maker.run_vasp_kwargs = {
        **maker.run_vasp_kwargs,
        "custodian_kwargs": {"polling_time_step": parameters.polling_s},
    }
    return maker
