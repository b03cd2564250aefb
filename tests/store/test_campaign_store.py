"""Campaigns of earlier versions are gone on with under the parameters they were begun with."""

from copy import deepcopy

from old_store import restore
from pydantic import TypeAdapter

from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.store.database import MTLStore
from mtl_flows.store.migrations import MIGRATIONS


def test_the_settings_of_an_engine_lose_the_field_of_its_name(store: MTLStore) -> None:
    restore(store.database, only=["campaigns"])
    (old,) = store.campaigns.raw.find()
    assert "vasp" in old["dynamics"]
    dft = deepcopy(old)
    for dynamics in (dft["dynamics"], dft["provenance"]["parameters"]["values"]["dynamics"]):
        dynamics["engine"] = "vasp"
        dynamics["vasp"] |= {"incar": {"NCORE": 4}, "polling_s": 1.0}
    (step,) = (m.step for m in MIGRATIONS if (m.collection, m.version) == ("campaigns", 1))
    read = TypeAdapter(DynamicsParameters).validate_python

    moved = read(step(old, store)["dynamics"])
    assert (moved.engine, moved.engine_settings) == (old["dynamics"]["engine"], {})
    stored = step(dft, store)
    moved = read(stored["dynamics"])
    assert moved.engine_settings == {"NCORE": 4, "polling_s": 1.0}
    assert moved.configured_engine().parameters.incar == {"NCORE": 4}
    # By these the same campaign is recognised when it is begun again.
    assert stored["dynamics"].keys() == moved.as_dict().keys()
    assert stored["provenance"]["parameters"]["values"]["dynamics"] == stored["dynamics"]
