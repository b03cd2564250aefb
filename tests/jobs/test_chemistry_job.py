"""The eight rules on a batch of stored structures."""

from dataclasses import replace

from samples import HERE, TINY, crystal, crystal_document, fill, structure_document

from mtl_flows.jobs.batch import run_stage
from mtl_flows.science.chemistry import RULES, ChemistryParameters, check_chemistry
from mtl_flows.stages import CHEMISTRY, ScreeningParameters
from mtl_flows.store.database import MTLStore

PARAMETERS = ChemistryParameters()


def run(
    store: MTLStore, ids: list[str], parameters: ChemistryParameters = PARAMETERS
) -> tuple[int, int, int]:
    summary = run_stage(store, CHEMISTRY, ids, ScreeningParameters(chemistry=parameters), limits=HERE)
    return summary.computed, summary.already_there, summary.rejected


def keys(store: MTLStore, ids: list[str]) -> dict[str, str]:
    return CHEMISTRY.keys(store.structures.subjects(ids), ScreeningParameters().of(CHEMISTRY))


def test_documents_say_what_the_rules_say(store: MTLStore) -> None:
    ids = fill(store, *TINY)
    assert run(store, ids) == (len(TINY), 0, 0)
    found = store.chemistry.found(keys(store, ids))
    for structure_id, slug in zip(ids, TINY, strict=True):
        report = check_chemistry(crystal(slug), "Li", PARAMETERS)
        document = found[structure_id]
        assert (document.passed, document.failures) == (report.passed, list(report.failures))
        assert [rule.rule for rule in document.rules] == [rule.id for rule in RULES]
        assert all(rule.reason and rule.name for rule in document.rules)
    assert {slug: found[key].failures for key, slug in zip(ids, TINY, strict=True)} == {
        "li3n": [1],
        "li3ocl": [5],
        "li3obr": [],
        "licl": [1],
        "li2o": [1],
        "lioh": [],
        "licoo2": [6],
        "li3sbs4": [],
        "li7sbo6": [],
        "lipn2": [],
    }


def test_running_again_changes_nothing_and_other_parameters_stand_beside(store: MTLStore) -> None:
    ids = fill(store, "li3n", "licl")
    run(store, ids)
    before = list(store.chemistry.raw.find(sort=[("_id", 1)]))
    assert run(store, ids) == (0, 2, 0)
    assert list(store.chemistry.raw.find(sort=[("_id", 1)])) == before
    assert run(store, ids, replace(PARAMETERS, max_atoms=4)) == (2, 0, 0)
    assert store.chemistry.count() == 4
    assert store.chemistry.count({"failures": 7}) == 1


def test_what_the_file_says_beyond_its_sites_counts(store: MTLStore) -> None:
    """A formula may hold water that no site shows; states may come from the file."""
    plain = structure_document("li3obr").model_copy(update={"current": True})
    hydrate = plain.model_copy(update={"id": "wet.r1", "material_id": "wet", "formula": "Li3OBr(H2O)2"})
    store.crystals.add([crystal_document("li3obr")])
    store.structures.add([plain, hydrate])
    run(store, [plain.id, "wet.r1"])
    found = store.chemistry.found(keys(store, [plain.id, "wet.r1"]))
    verdicts = {structure_id: document.failures for structure_id, document in found.items()}
    assert verdicts[plain.id] == []
    assert 2 in verdicts["wet.r1"]
