"""Which crystal a reading holds: one that its material was known to hold, or a new one."""

from collections.abc import Sequence
from dataclasses import replace

from mtl_flows.jobs.reading import Reading
from mtl_flows.science.crystals import difference
from mtl_flows.store.database import MTLStore


def settle_crystals(store: MTLStore, readings: Sequence[Reading]) -> list[Reading]:
    """Write the crystals that are new, and give the readings with the crystals that they turn out to hold.

    A reading that agrees within rounding with an earlier revision of its material holds the crystal of that revision,
    the latest if several do: what was computed for it stays.
    """
    known = store.structures.crystals_of(reading.revision.material_id for reading in readings)
    doubtful = {
        crystal
        for reading in readings
        for crystal in known.get(reading.revision.material_id, ())
        if reading.crystal.id not in known[reading.revision.material_id]
    }
    structures = store.crystals.structures(doubtful)
    settled = []
    for reading in readings:
        before = known.get(reading.revision.material_id, [])
        if before and reading.crystal.id not in before:
            structure = reading.crystal.to_structure()
            same = (key for key in reversed(before) if difference(structures[key], structure).negligible)
            if key := next(same, ""):
                revision = reading.revision.model_copy(update={"crystal_id": key})
                reading = replace(reading, revision=revision)
        settled.append(reading)
    store.crystals.add(
        {r.crystal.id: r.crystal for r in settled if r.revision.crystal_id == r.crystal.id}.values()
    )
    return settled
