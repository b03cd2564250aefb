"""Simulations in a store against published conductivities."""

import numpy as np
import pytest
from samples import fill
from toy_walk import simulate_walk

from mtl_flows.evaluation.known_answers import (
    KnownAnswer,
    PublishedValue,
    compare,
    load_known_answers,
    note,
)
from mtl_flows.jobs.candidates import rebuild_candidates
from mtl_flows.report.examples import shipped_table
from mtl_flows.schemas.potentials import PotentialDocument
from mtl_flows.science.compounds import load_compounds
from mtl_flows.science.compounds.model import Source
from mtl_flows.science.dynamics.known_answers import AnswerComparison, known_error
from mtl_flows.simulation.registry import get_engine
from mtl_flows.stages import ScreeningParameters, known_errors
from mtl_flows.stages.known_errors import known_comparisons, packaged_comparisons
from mtl_flows.stages.potentials import potential_id
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore

pytestmark = pytest.mark.filterwarnings("ignore:cd is deprecated")  # by jobflow's local manager

DOI = Source(doi="10.1021/ja3110895")


def licl(sigma_S_per_cm: float) -> KnownAnswer:
    (compound,) = (c for c in load_compounds(shipped_table()) if c.id == "licl")
    return KnownAnswer(compound, (PublishedValue(sigma_S_per_cm, DOI),), (PublishedValue(0.35, DOI),))


def test_the_packaged_table_has_a_source_for_every_value() -> None:
    answers = load_known_answers(shipped_table())
    assert len(answers) >= 12
    values = [v for a in answers for v in (*a.conductivities_S_per_cm, *a.energies_eV)]
    assert all(value.source.doi or value.source.citation for value in values)
    fastest = [max(v.value for v in a.conductivities_S_per_cm) for a in answers]
    assert (fastest[0] > 1e-3, min(fastest) < 1e-15) == (True, True)


def test_what_was_simulated_is_compared_kept_and_changes_the_row(
    store: MTLStore, address: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTL_MONGO_URI", address.uri)
    fill(store, "licl")
    simulate_walk(store, "licl")
    (record,) = compare(store, [licl(1e-6)])
    (one,) = record.comparisons
    assert record.engine == "toy_walk:ENGINE"
    assert (one.material_id, one.published_S_per_cm, one.published_eV) == ("licl", (1e-6, 1e-6), (0.35, 0.35))
    assert set(one.lengths_ps) == {"800", "1000", "1200"}
    assert one.simulated_eV[1] < 0.3 < one.simulated_eV[2]
    assert one.decades == pytest.approx(np.median(one.differences_eV) / -0.0595, abs=0.02)
    assert record.fitted_energy is not None
    assert record.fitted_energy.bias < 0.0
    assert (note(store, [record]), note(store, [record])) == (1, 0)

    parameters = ScreeningParameters()
    rebuild_candidates(store, parameters)
    assert store.candidates.get("licl").potential_error_source == "default"
    others = [one.as_dict() | {"material_id": f"other-{n}", "formula": f"Li{n}N"} for n in range(3, 8)]
    store.potentials.note_known_answers(record.potential_id, others)
    assert rebuild_candidates(store, parameters) == 1
    row = store.candidates.get("licl")
    assert row.potential_error_source == "known_answers"
    assert row.potential_bias_eV < 0.0  # type: ignore[operator]
    assert rebuild_candidates(store, parameters) == 0


def test_the_package_speaks_for_its_weights_alone_and_after_the_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = AnswerComparison("a", "A", (1e-4, 1e-4), tuple([1e-4] * 21), (0.3, 0.2, 0.4), (), {"800": 5.0}, 10)
    packaged = {"p": {"potential_id": "p", "weights_sha256": "w", "comparisons": [one.as_dict()]}}
    monkeypatch.setattr(known_errors, "_packaged", lambda: packaged)
    known = PotentialDocument.model_construct(id="p", weights_sha256="w", known_answers=[])
    assert known_comparisons(known) == (one,)
    assert known_comparisons(known.model_copy(update={"weights_sha256": "other"})) == ()
    own = [{**one.as_dict(), "material_id": name} for name in "bcdef"]
    assert [
        c.material_id for c in known_comparisons(known.model_copy(update={"known_answers": own}))
    ] == list("bcdef")


def test_what_comes_with_the_package_makes_an_error() -> None:
    packaged = known_errors._packaged()
    assert packaged
    for entry in packaged.values():
        comparisons = packaged_comparisons(entry["potential_id"], entry["weights_sha256"])
        error = known_error(comparisons)
        assert error is not None
        assert all(comparison.lengths_ps for comparison in comparisons)
        assert -0.3 < error.bias_eV < 0.1
    # The name that stands for it is that of the default engine.
    assert potential_id(get_engine("chgnet")) in packaged
