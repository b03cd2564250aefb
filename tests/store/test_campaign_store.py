"""Campaigns of earlier versions are gone on with under the parameters they were begun with."""

from copy import deepcopy

from old_store import restore

from mtl_flows.launch.campaign import dynamics_of
from mtl_flows.store.database import MTLStore
from mtl_flows.store.migrations import migrate


def test_the_settings_of_an_engine_lose_the_field_of_its_name(store: MTLStore) -> None:
    restore(store.database, only=["campaigns"])
    (old,) = store.campaigns.raw.find()
    assert "vasp" in old["dynamics"]
    dft = deepcopy(old) | {"_id": "dft"}
    stage = dft["provenance"]["parameters"]["values"]["dynamics"]
    for dynamics in (dft["dynamics"], stage):
        dynamics["engine"] = "vasp"
        dynamics["vasp"] |= {"incar": {"NCORE": 4}, "polling_s": 1.0}
    store.campaigns.raw.insert_one(dft)
    assert migrate(store) == {"campaigns": 2}
    assert migrate(store) == {}

    moved = dynamics_of(store.campaigns.get(old["_id"]))
    assert (moved.engine, moved.engine_settings) == (old["dynamics"]["engine"], {})
    moved = dynamics_of(store.campaigns.get("dft"))
    assert moved.engine_settings == {"NCORE": 4, "polling_s": 1.0}
    assert moved.configured_engine().shaping()["vasp"]["incar"] == {"NCORE": 4}
    campaign = store.campaigns.get("dft")
    assert campaign.dynamics.keys() == moved.as_dict().keys()
    # By these the same campaign is recognised when it is begun again.
    assert campaign.provenance.parameters.values["dynamics"] == campaign.dynamics
