import json

import pytest
from atomate2.vasp.jobs.core import RelaxMaker, StaticMaker
from atomate2.vasp.jobs.md import MDMaker
from md_calculators import antiperovskite
from monty.json import MontyDecoder, MontyEncoder

from mtl_flows.errors import ConfigurationError
from mtl_flows.simulation.engine import RelaxationGoal
from mtl_flows.simulation.vasp.makers import vasp_md_maker, vasp_relax_maker, vasp_static_maker
from mtl_flows.simulation.vasp.parameters import VaspParameters
from mtl_flows.stages.dynamics import DynamicsParameters

STRUCTURE = antiperovskite(2, 2, 2)
HEAT = DynamicsParameters().md_parameters(STRUCTURE.composition, None)
HOLD = DynamicsParameters().md_parameters(STRUCTURE.composition, 1000.0)
MAKERS = {
    "relax": vasp_relax_maker(),
    "static": vasp_static_maker(),
    "heat": vasp_md_maker(HEAT),
    "production": vasp_md_maker(HOLD, n_steps=10_000),
}


def inputs(maker: RelaxMaker | StaticMaker | MDMaker):
    """Input files as they would be written, after the maker has been through a database."""
    maker = MontyDecoder().process_decoded(json.loads(json.dumps(maker, cls=MontyEncoder)))
    return maker.input_set_generator.get_input_set(STRUCTURE, potcar_spec=True)


@pytest.mark.parametrize("name", MAKERS)
def test_every_calculation_is_pbe_at_520_eV(name: str) -> None:
    files = inputs(MAKERS[name])
    incar = files.incar
    assert incar["GGA"].upper() == "PE"  # atomate2's own choice is PS, PBEsol
    assert "METAGGA" not in incar
    assert incar["ENCUT"] == 520.0
    assert not incar["LDAU"]
    assert incar["ISPIN"] == 1
    assert "MAGMOM" not in incar
    assert not any(incar.get(tag) for tag in ("LAECHG", "LVTOT", "LVHAR", "LELF", "LWAVE"))
    assert "Li_sv" in str(files["POTCAR.spec"])


@pytest.mark.parametrize(("name", "spacing"), [("relax", 0.4), ("static", 0.25)])
def test_meshes_are_gamma_centred_with_the_articles_spacing(name: str, spacing: float) -> None:
    files = inputs(MAKERS[name])
    assert files.incar["KSPACING"] == spacing
    assert files.incar["KGAMMA"]
    assert files.kpoints is None  # a KPOINTS file would override the spacing


def test_relaxation_moves_cell_and_atoms_and_the_static_run_nothing() -> None:
    relax, static = inputs(MAKERS["relax"]).incar, inputs(MAKERS["static"]).incar
    assert (relax["ISIF"], relax["IBRION"]) == (3, 2)
    assert static["NSW"] == 0
    assert static["ISMEAR"] == 0


def test_a_relaxation_keeps_the_cell_if_told_to() -> None:
    incar = inputs(
        vasp_relax_maker(goal=RelaxationGoal(fmax_eV_per_A=0.02, max_steps=50, relax_cell=False))
    ).incar
    assert (incar["ISIF"], incar["EDIFFG"], incar["NSW"]) == (2, -0.02, 50)


def test_heating_goes_from_300_to_1200_K_in_10_ps() -> None:
    files = inputs(MAKERS["heat"])
    incar = files.incar
    assert (incar["TEBEG"], incar["TEEND"]) == (300.0, 1200.0)
    assert incar["NSW"] * incar["POTIM"] == 10_000.0
    assert incar["POTIM"] == 2.0
    assert files.kpoints.kpts == [(1, 1, 1)]
    assert "KSPACING" not in incar


def test_production_holds_a_temperature_for_20_ps_with_nose_hoover() -> None:
    incar = inputs(MAKERS["production"]).incar
    assert incar["TEBEG"] == incar["TEEND"] == 1000.0
    assert incar["NSW"] * incar["POTIM"] == 20_000.0
    assert (incar["IBRION"], incar["MDALGO"], incar["SMASS"], incar["ISIF"], incar["ISYM"]) == (
        0,
        2,
        0.0,
        2,
        0,
    )


def test_bussis_thermostat_can_be_had() -> None:
    parameters = VaspParameters(thermostat="csvr", csvr_period_fs=80.0)
    incar = inputs(vasp_md_maker(HOLD, parameters=parameters)).incar
    assert (incar["MDALGO"], incar["CSVR_PERIOD"]) == (5, 80.0)
    assert "SMASS" not in incar
    with pytest.raises(ConfigurationError, match="langevin"):
        VaspParameters(thermostat="langevin")  # type: ignore[arg-type]


def test_a_chunk_of_the_ramp_has_its_part_of_the_temperatures() -> None:
    incar = inputs(vasp_md_maker(HEAT, first_step=1000, n_steps=2000)).incar
    assert (incar["TEBEG"], incar["TEEND"], incar["NSW"]) == (480.0, 840.0, 2000)


def test_hydrogen_and_magnets_have_their_settings() -> None:
    water = STRUCTURE.copy()
    water.replace_species({"Cl": "H"})
    stage = DynamicsParameters().md_parameters(water.composition, None)
    incar = inputs(vasp_md_maker(stage, parameters=VaspParameters(spin_polarised=True))).incar
    assert (incar["POTIM"], incar["NSW"], incar["ISPIN"]) == (0.5, 20_000, 2)
    assert "MAGMOM" in incar


def test_tags_of_the_users_go_before_ours_where_nothing_else_follows_from_them() -> None:
    parameters = VaspParameters(incar={"ncore": 4, "LREAL": "Auto", "SIGMA": 0.1})
    for maker in (
        vasp_relax_maker(parameters),
        vasp_static_maker(parameters),
        vasp_md_maker(HOLD, parameters=parameters),
    ):
        incar = inputs(maker).incar
        assert (incar["NCORE"], incar["LREAL"], incar["SIGMA"]) == (4, "Auto", 0.1)
    with pytest.raises(ConfigurationError, match="NSW, POTIM"):
        VaspParameters(incar={"NSW": 5, "potim": 1.0})


def test_tags_are_read_as_in_an_incar() -> None:
    tags = {"ncore": "4", "LREAL": "Auto", "LASPH": ".FALSE.", "SIGMA": "0.1", "NELM": 80}
    read = {"NCORE": 4, "LREAL": "Auto", "LASPH": False, "SIGMA": 0.1, "NELM": 80}
    parameters = VaspParameters.from_settings({**tags, "cutoff_eV": "600"})
    assert (parameters.incar, parameters.cutoff_eV) == (read, 600.0)
    assert VaspParameters.from_settings({}) == VaspParameters()
    for wrong, told in (
        ({"N CORE": "4"}, "not a setting"),
        ({"NCORE": ""}, "not a setting"),
        ({"cutoff_eV": "high"}, "cutoff_eV: Input should be a valid number"),
        ({"ENCUT": "600"}, "ENCUT follow"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            VaspParameters.from_settings(wrong)


def test_the_settings_of_vasp_are_part_of_the_key_of_vasp_alone() -> None:
    def key(engine: str, **settings: object) -> str:
        return DynamicsParameters(engine=engine, engine_settings=settings).dynamics_stage().hash

    assert key("vasp") != key("vasp", LREAL="Auto")
    assert key("vasp", LREAL=True) == key("vasp", incar={"LREAL": True}) == key("vasp", lreal=".TRUE.")
    assert key("vasp") != key("vasp", thermostat="csvr")
    # How the work is spread over the machine changes no result.
    assert key("vasp") == key("vasp", NCORE=4)
    assert key("vasp") == key("vasp", polling_s=1.0, potcar_spec=True)
    assert key("vasp") == key("vasp", cutoff_eV=520.0)
    with pytest.raises(ConfigurationError, match="chgnet: has no setting cutoff_eV"):
        key("chgnet", cutoff_eV=400.0)


def test_velocities_travel_with_the_structure() -> None:
    moving = STRUCTURE.copy()
    moving.add_site_property("velocities", [[0.001 * i, 0.0, 0.0] for i in range(len(moving))])
    poscar = MAKERS["production"].input_set_generator.get_input_set(moving, potcar_spec=True).poscar
    assert poscar.velocities is not None
    assert abs(poscar.velocities[1][0]) > 0.0
