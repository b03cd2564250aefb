"""Hashes that key the store: the same for the same content, everywhere and for good."""

import os
import subprocess
import sys
from dataclasses import replace
from math import inf

import numpy as np
import pytest

from mtl_flows.errors import NoMobileIonError
from mtl_flows.schemas.base import Provenance, StageParameters, content_hash
from mtl_flows.schemas.dynamics import Sample
from mtl_flows.schemas.ingest import RejectionDocument
from mtl_flows.science.topology import PrescreenThresholds, TopologyParameters
from mtl_flows.stages import BARCODES, CHEMISTRY, TOPOLOGY, ScreeningParameters
from mtl_flows.stages.dynamics import DynamicsParameters

STAGE = StageParameters(
    stage="topology", algorithm_version=1, mobile_ion="Li", values={"cutoff_A": 10.0, "list": [1, 2.5, None]}
)


def test_equal_content_hashes_equally_however_it_is_written() -> None:
    assert content_hash({"a": 1, "b": [1, 2.0]}) == content_hash({"b": (1.0, 2), "a": np.int64(1)})
    assert content_hash(np.array([[1.0, 2.5]])) == content_hash([[1, 2.5]])
    assert content_hash([0.0, inf]) == content_hash([-0.0, np.float64(inf)])


@pytest.mark.parametrize("other", [{"a": 1.5}, {"a": "1"}, {"a": True}, {"a": [1]}, {"b": 1}, {"a": None}])
def test_other_content_hashes_differently(other: dict[str, object]) -> None:
    assert content_hash(other) != content_hash({"a": 1})


def test_what_cannot_be_hashed_is_refused() -> None:
    with pytest.raises(TypeError, match="set"):
        content_hash({"a": {1, 2}})


def test_the_hash_of_parameters_stays_what_it_is() -> None:
    """A change here makes every stored document unfindable: raise the algorithm's version instead."""
    assert STAGE.hash == "be11776b0043067b"
    code = f"from mtl_flows.schemas.base import *; print(StageParameters.model_validate({STAGE.model_dump()}).hash)"
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        ran = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert ran.stdout.strip() == STAGE.hash


def test_every_part_of_the_parameters_counts() -> None:
    changes = [{"stage": "chemistry"}, {"algorithm_version": 2}, {"mobile_ion": "Na"}, {"values": {}}]
    hashes = {STAGE.model_copy(update=change).hash for change in changes}
    assert len(hashes | {STAGE.hash}) == 5


def test_each_stage_s_hash_follows_from_its_own_parameters_alone() -> None:
    before = ScreeningParameters()
    after = replace(before, topology=TopologyParameters(cutoff_A=8.0))
    assert after.of(TOPOLOGY).hash != before.of(TOPOLOGY).hash
    assert after.of(BARCODES).hash != before.of(BARCODES).hash
    assert after.of(CHEMISTRY) == before.of(CHEMISTRY)
    finer = replace(before, topology=TopologyParameters(tie_tolerance=0.0))
    assert finer.of(TOPOLOGY).hash != before.of(TOPOLOGY).hash
    assert finer.of(BARCODES) == before.of(BARCODES)
    stricter = replace(before, thresholds=PrescreenThresholds(r_connected_A=4.0))
    assert stricter.of(TOPOLOGY) == before.of(TOPOLOGY)
    for protocol in ("published", "text"):
        assert stricter.clustering_stage(protocol).hash != before.clustering_stage(protocol).hash


@pytest.mark.parametrize(
    ("parameters", "potential", "relaxation", "dynamics"),
    [
        (DynamicsParameters(), "20bdbd0379fdfab9", "ac4699da5ae10e56", "93ecbcc859210079"),
        (DynamicsParameters(n_threads=2), "20bdbd0379fdfab9", "ac4699da5ae10e56", "93ecbcc859210079"),
        (
            DynamicsParameters(max_temperature_ratio=3, max_framework_msd_A2=9),
            *("20bdbd0379fdfab9", "ac4699da5ae10e56", "93ecbcc859210079"),
        ),
        (DynamicsParameters(weights="abc"), "d493f441d92cb1bb", "a759a0ec9162a469", "ff4f37efc3b3a3fb"),
        (DynamicsParameters(engine="vasp"), "25534f08f87244c9", "0970e27bb9b9b534", "9f1cb8cf671f5154"),
        (
            DynamicsParameters(engine="vasp", engine_settings={"NCORE": "4", "lreal": "Auto"}),
            *("0b48892232146742", "e610283bb238b5ce", "0b4627725e667a8f"),
        ),
    ],
)
def test_the_keys_of_dynamics_stay_what_they_are_whatever_the_engine(
    parameters: DynamicsParameters, potential: str, relaxation: str, dynamics: str
) -> None:
    """A change here makes every stored document unfindable."""
    assert parameters.potential_id == potential
    assert parameters.relaxation_id("cell") == f"cell:{relaxation}"
    assert parameters.trajectory_id(Sample("cell", 3), 800.0) == f"cell:{dynamics}:3:800K"


def test_the_length_of_the_ramp_leaves_the_relaxed_cell_alone() -> None:
    p = DynamicsParameters()
    same = [replace(p, heat_ps=1.0), replace(p, seed=1), replace(p, mobile_ion="Na")]
    assert {q.relaxation_id("cell") for q in same} == {p.relaxation_id("cell")}
    others = [replace(p, relax_steps=1), replace(p, relax_fmax_eV_per_A=0.1), replace(p, engine="sevennet")]
    assert len({q.relaxation_id("cell") for q in (*others, p)}) == 4


def test_the_key_of_a_trajectory_is_made_of_what_shapes_it() -> None:
    p = DynamicsParameters()
    key = p.trajectory_id(Sample("x", 0), 800.0)
    same = replace(
        p, production_ps=1e3, chunk_ps=1, n_threads=4, temperatures_K=(800.0,), heat_ps=int(p.heat_ps)
    )
    assert same.trajectory_id(Sample("x", 0), 800.0) == key
    others = [
        replace(p, seed=1),
        replace(p, engine="sevennet"),
        replace(p, heat_ps=1.0),
        replace(p, mobile_ion="Na"),
    ]
    keys = {q.trajectory_id(Sample("x", 0), 800.0) for q in others}
    keys |= {
        p.trajectory_id(Sample("x", 1), 800.0),
        p.trajectory_id(Sample("x", 0), None),
        p.trajectory_id(Sample("x", 0), 900.0),
    }
    assert len(keys | {key}) == 8


def test_provenance_names_versions_and_inputs() -> None:
    recorded = Provenance.record(STAGE, {"structure": "abc"}, "job-1")
    assert recorded.inputs == {"structure": "abc"}
    assert recorded.job == "job-1"
    assert recorded.libraries["numpy"] == np.__version__
    assert recorded.created_at.microsecond % 1000 == 0
    assert recorded.created_at.utcoffset() is not None


def test_the_same_refusal_is_one_document() -> None:
    def refusal(**other: str) -> str:
        fields = {"stage": "topology", "subject": "x.r1", "mobile_ion": "Li", **other}
        return RejectionDocument.of(NoMobileIonError("no Li"), **fields).id

    assert refusal() == refusal(material_id="x")
    assert len({refusal(), refusal(stage="ingest"), refusal(subject="y"), refusal(mobile_ion="Na")}) == 4
