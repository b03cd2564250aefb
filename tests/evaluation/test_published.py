"""The comparison with released numbers, on a small folder of files and tables."""

import json
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure
from pymatgen.io.cif import CifWriter
from topology_structures import LI2MGCL4, LI3BN2, LI3N, OTHERS, PUBLISHED

from mtl_flows.errors import ConfigurationError
from mtl_flows.evaluation.discrepancies import Case
from mtl_flows.evaluation.published import (
    PublishedTables,
    compare_published,
    icsd_ids,
    load_published_tables,
    run_published_benchmark,
)
from mtl_flows.science.compounds import build_structure, load_compounds
from mtl_flows.science.symmetry import quiet_spglib
from mtl_flows.science.topology import FEATURE_NAMES, TopologyParameters, compute_topology

SCREENING = TopologyParameters(extended=False)
EXAMPLES = Path(__file__).parents[2] / "examples" / "compounds.yaml"


def case(structure: Structure, icsd_id: int = 1) -> Case:
    return Case(
        icsd_id,
        "test.cif",
        structure,
        compute_topology(structure, parameters=SCREENING),
        parameters=SCREENING,
    )


def verdicts(structure: Structure, *, r=None, rho=None, features=None) -> dict[str, str]:
    """Causes by quantity; numbers that are not given are those computed."""
    computed = case(structure)
    tables = PublishedTables(
        {1: computed.result.r_connected_A if r is None else r},
        {1: computed.result.rho_cycles["published"] if rho is None else rho},
        {1: computed.result.features["published"] if features is None else features},
    )
    (account,) = compare_published([computed], tables).accounts
    return {c.quantity: c.cause or "agrees" for c in account.comparisons}


def test_the_computed_numbers_agree_with_themselves():
    assert set(verdicts(OTHERS["beta-Li3PS4"]).values()) == {"agrees"}


@pytest.mark.parametrize("name", PUBLISHED)
def test_released_numbers_agree_or_are_explained(name):
    published = PUBLISHED[name]
    found = verdicts(published.structure, r=published.r_connected_A, rho=published.rho_cycles)
    assert found["r_connected"] == ("agrees" if published.decimals is None else "rounded_coordinates")
    assert found["rho_cycles"] == "agrees"


def test_coordinates_that_symmetry_leaves_free():
    found = verdicts(OTHERS["beta-Li3PS4"], r=4.3, rho=0.5)
    assert found["r_connected"] == "free_coordinates"
    assert found["rho_cycles"] == "free_coordinates"


def test_other_lattice_constants():
    assert verdicts(LI3N, r=2.8618 * 1.004)["r_connected"] == "lattice_constants"
    assert verdicts(LI3N, r=4.0)["r_connected"] == "unexplained"


def test_shared_sites_taken_for_their_prevailing_species():
    shared = LI2MGCL4.copy()
    shared.replace_species({"Mg": "Mg"})
    for index, site in enumerate(shared):
        if len(site.species) > 1:
            shared.replace(index, {"Li": 0.4, "Mg": 0.6})
    only_prevailing = compute_topology(
        Structure(shared.lattice, [max(s.species, key=s.species.get) for s in shared], shared.frac_coords),
        parameters=SCREENING,
    )
    found = verdicts(shared, r=only_prevailing.r_connected_A)
    assert found["r_connected"] == "prevailing_species"


def test_rho_of_another_cell_and_of_another_model():
    # Twelve sites: the primitive cell counts fewer loops per site than the doubled one.
    doubled = LI3BN2 * (1, 1, 3)
    rho = compute_topology(LI3BN2, parameters=SCREENING).rho_cycles["published"]
    assert verdicts(doubled, rho=rho)["rho_cycles"] == "cell_choice"
    assert verdicts(LI3BN2, rho=0.1234)["rho_cycles"] == "other_sites"


def test_rho_at_the_published_r_connected():
    structure = LI3BN2
    computed = case(structure)
    other_r = 3.3
    rho = computed.result.barcodes.cell_mobile.betti(1, other_r * (1 + 1e-4)) / computed.result.n_mobile
    assert rho != computed.result.rho_cycles["published"], "the number of loops has to change there"
    assert verdicts(structure, r=other_r, rho=rho)["rho_cycles"] == "published_r_connected"


def test_features_without_the_metals():
    structure = OTHERS["Li7La3Zr2O12"]
    without = structure.copy()
    without.remove_species(["La", "Zr"])
    features = compute_topology(without, parameters=SCREENING).features["published"]
    tables = PublishedTables({1: case(structure).result.r_connected_A}, {}, {1: features})
    (account,) = compare_published([case(structure)], tables).accounts
    comparison = account.comparisons[-1]
    assert (comparison.cause, comparison.detail) == (
        "omitted_metals",
        "without La, Zr; then 22 of 22 agree",
    )
    assert verdicts(structure, features={**features, "framework_h0_count": 99.0})["features"] == "other_sites"


# Released with doi:10.1021/jacs.5c04828; only what does not hang on loops shorter than coordinates are exact.
RELEASED_FEATURES = {
    "li3po4-gamma": {
        "h0_count": 260.0,
        "h0_death_min_A": 1.529671,
        "h0_death_max_A": 3.210690,
        "h0_death_mean_A": 1.968734,
        "h0_death_std_A": 0.663900,
        "h0_death_sum_A": 511.932113,
        "h0_death_median_A": 1.545237,
        "h1_birth_min_A": 2.935933,
        "h1_death_min_A": 3.223203,
        "h1_death_max_A": 3.665923,
        "h1_persistence_sum_A": 26.105564,
    },
    "li7la3zr2o12-tetragonal": {
        "h0_count": 181.857143,
        "h0_death_min_A": 2.838623,
        "h0_death_max_A": 3.062398,
        "h0_death_mean_A": 2.911083,
        "h0_death_std_A": 0.071646,
        "h0_death_sum_A": 529.408669,
        "h0_death_median_A": 2.892485,
        "h1_birth_min_A": 2.986878,
        "h1_birth_max_A": 3.187415,
        "h1_death_min_A": 3.110399,
        "h1_death_max_A": 4.169043,
        "h1_persistence_max_A": 1.182161,
        "h1_persistence_sum_A": 77.094102,
    },
}


@pytest.mark.parametrize("name", RELEASED_FEATURES)
def test_released_features_are_those_of_the_sites_without_metal(name):
    (compound,) = (c for c in load_compounds(EXAMPLES) if c.id == name)
    structure = build_structure(compound)
    structure.remove_species({"La", "Zr"} & set(structure.symbol_set))
    features = compute_topology(structure, parameters=SCREENING).features["published"]
    for feature, released in RELEASED_FEATURES[name].items():
        assert features[f"framework_{feature}"] == pytest.approx(released, rel=1e-4), feature


def test_features_that_differ_because_coordinates_do():
    structure = OTHERS["beta-Li3PS4"]
    noise = 0.004 * np.random.default_rng(0).normal(size=(len(structure), 3))
    displaced = Structure(structure.lattice, structure.species_and_occu, structure.frac_coords + noise)
    features = compute_topology(displaced, parameters=SCREENING).features["published"]
    assert verdicts(structure, features=features)["features"] == "free_coordinates"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files that give their id by a tag, by name and by a table; one without id, one broken, one unknown."""
    root = tmp_path_factory.mktemp("release")
    cifs, tables = root / "cifs", root / "tables"
    cifs.mkdir()
    tables.mkdir()

    def write(name, structure, tag=""):
        with quiet_spglib():
            CifWriter(structure, symprec=1e-4).write_file(cifs / name)
        if tag:
            (cifs / name).write_text((cifs / name).read_text() + f"\n_database_code_ICSD {tag}\n")

    write("antiperovskite.cif", PUBLISHED["Li3OBr"].structure, tag="67265")
    write("34280.cif", LI3N)
    write("aaa.cif", PUBLISHED["LiScO2"].structure)
    write("ICSD_999999.cif", LI3N)
    write("nameless.cif", LI3N)
    (cifs / "257820.cif").write_text("data_broken\n_cell_length_a 3\n")
    (root / "conductivity.csv").write_text("ID,ICSD ID\naaa,257819.0\nnameless,\n")
    rows = [PUBLISHED[name] for name in ("Li3OBr", "Li3N", "LiScO2", "Li0.9Sc0.9Zr0.1O2")]
    (tables / "r.csv").write_text(
        "icsd_id,r_connected_A\n" + "".join(f"{p.icsd_id},{p.r_connected_A}\n" for p in rows)
    )
    (tables / "rho.csv").write_text(
        "icsd_id,rho_cycles\n" + "".join(f"{p.icsd_id},{p.rho_cycles}\n" for p in rows)
    )
    names = [name.removeprefix("framework_").removesuffix("_A") for name in FEATURE_NAMES["published"]]
    (tables / "features.csv").write_text(f"icsd_id,{','.join(names)}\n67265{',1.5' * 22}\n")
    (tables / "known.csv").write_text("icsd_id\n67265\n")
    return root


def test_ids_come_from_the_file_its_name_or_a_table(folder):
    assert {path.name: icsd for path, icsd in icsd_ids(folder / "cifs")} == {
        "antiperovskite.cif": 67265,
        "34280.cif": 34280,
        "aaa.cif": 257819,
        "ICSD_999999.cif": 999999,
        "257820.cif": 257820,
    }


@pytest.mark.parametrize(
    ("name", "icsd"),
    [
        ("67265.cif", 67265),
        ("ICSD_67265.CIF", 67265),
        ("icsd-67265.cif", 67265),
        ("ICSD_CollCode67265.cif", 67265),
        ("EntryWithCollCode67265.cif", 67265),
        ("Li3OBr_CollCode67265.cif", 67265),
        ("listed.cif", 4711),
        ("Li3OBr.cif", None),
        ("mp-67265.cif", None),
    ],
)
def test_names_of_files(tmp_path, name, icsd):
    (tmp_path / name).write_text("data_x\n")
    (tmp_path / "table.csv").write_text("file,ICSD code\nlisted.cif,4711\n")
    assert [number for _, number in icsd_ids(tmp_path)] == ([] if icsd is None else [icsd])


def test_tables(folder):
    tables = load_published_tables(folder / "tables")
    assert tables.r_connected_A[67265] == 2.868025064468384
    assert tables.rho_cycles[34280] == 0.0
    assert tables.features == {67265: dict.fromkeys(FEATURE_NAMES["published"], 1.5)}


@pytest.mark.parametrize("workers", [0, 1])
def test_the_whole_benchmark(folder, workers):
    report = run_published_benchmark(folder / "cifs", folder / "tables", workers)
    assert [account.icsd_id for account in report.accounts] == [257820, 34280, 257819, 67265]
    by_id = {account.icsd_id: account for account in report.accounts}
    assert by_id[257820].error
    assert by_id[257820].comparisons == ()
    assert by_id[34280].mobile_coordinates_fixed
    assert report.counts()["r_connected"] == {"compared": 3, "agree": 3}
    assert report.counts()["features"]["compared"] == 1
    restored = json.loads(json.dumps(report.to_dict()))
    assert restored["counts"]["rho_cycles"] == {"compared": 3, "agree": 3}
    assert all(set(row) == set(report.rows()[0]) for row in report.rows())


def test_missing_folders_and_tables_are_named(folder):
    with pytest.raises(ConfigurationError, match="no such folder"):
        icsd_ids(folder / "nowhere")
    with pytest.raises(ConfigurationError, match="no table"):
        load_published_tables(folder / "cifs")
