"""A descriptor and a rule of one's own take part in the screening; for an engine see test_engine_of_ones_own."""

from collections.abc import Iterator

import pytest
from pydantic import Field
from samples import HERE, crystal, fill

import mtl_flows.jobs.batch
import mtl_flows.jobs.results
import mtl_flows.science.chemistry.screen
import mtl_flows.stages
import mtl_flows.stages.facts
from mtl_flows.jobs.batch import run_stages
from mtl_flows.jobs.results import results_in_table
from mtl_flows.schemas.base import CrystalResult, Header
from mtl_flows.schemas.topology import BarcodeDocument
from mtl_flows.science.chemistry import check_chemistry
from mtl_flows.science.chemistry.report import Finding
from mtl_flows.science.chemistry.rules import RULES, Rule
from mtl_flows.science.topology import TopologyParameters, compute
from mtl_flows.stages import BARCODES, CRYSTAL_STAGES, CrystalStage, ScreeningParameters, StageInput
from mtl_flows.stages.facts import gate_facts
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

P = ScreeningParameters()


class LoopsDocument(CrystalResult):
    """How many loops the spheres around the mobile sites hold."""

    n_loops: int = Field(description="bars of dimension one, over all orbits")


def build_loops(given: StageInput, parameters: TopologyParameters, header: Header) -> LoopsDocument:
    barcodes = given.upstream[BARCODES.noun]
    assert isinstance(barcodes, BarcodeDocument)
    n_loops = sum(len(orbit.framework.h1_A) for orbit in barcodes.decode().orbits)
    return LoopsDocument(**header.fields(), n_loops=n_loops)


LOOPS = CrystalStage(
    noun="loops",
    version=1,
    document=LoopsDocument,
    section="topology",
    values=TopologyParameters.as_dict,
    build=build_loops,
    needs=(BARCODES.noun,),
    told=lambda document: {"n_loops": document.n_loops},
)


@pytest.fixture
def with_loops(monkeypatch: pytest.MonkeyPatch, address: Connection) -> Iterator[MTLStore]:
    """A store of a house in which the tuple of stages has one more."""
    walkers = (
        mtl_flows.jobs.batch,
        mtl_flows.jobs.results,
        mtl_flows.stages.facts,
        mtl_flows.stages,
    )
    for walker in walkers:
        monkeypatch.setattr(walker, "CRYSTAL_STAGES", (*CRYSTAL_STAGES, LOOPS))
    with MTLStore.connect(address) as store:
        yield store


def test_a_descriptor_of_ones_own_reads_stored_barcodes(
    with_loops: MTLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(with_loops, "li3n", "licl")
    ids = with_loops.structures.current_ids()
    run_stages(with_loops, ids, P, stages=[BARCODES], limits=HERE)
    monkeypatch.delattr(compute, "rips_barcodes")  # no homology runs
    (summary,) = run_stages(with_loops, ids, P, stages=[LOOPS], limits=HERE)
    assert (summary.computed, summary.rejected) == (2, 0)
    results = results_in_table(with_loops, with_loops.structures.subjects(ids), P)
    for found in results.values():
        loops = found["loops"]
        assert isinstance(loops, LoopsDocument)
        assert gate_facts("text", found, None, clustered=False).told == {"n_loops": loops.n_loops}
    assert with_loops.results(LOOPS).count() == 2
    assert with_loops.results(LOOPS).name == "loops"


def test_a_rule_of_ones_own_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    no_chlorine = Rule(
        99,
        "no_chlorine",
        "Chlorides",
        lambda material: Finding("Cl" not in material.formula, "It holds chlorine.", {}),
    )
    monkeypatch.setattr(mtl_flows.science.chemistry.screen, "RULES", (*RULES, no_chlorine))
    report = check_chemistry(crystal("licl"))
    assert [rule.rule for rule in report.rules] == [*(rule.id for rule in RULES), 99]
    assert 99 in report.failures
    assert 99 not in check_chemistry(crystal("li3n")).failures
