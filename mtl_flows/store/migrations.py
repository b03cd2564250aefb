"""From the layout of earlier versions to today's: steps from one schema version to the next."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pymongo import ReplaceOne

from mtl_flows.errors import NoMobileIonError
from mtl_flows.schemas.base import Provenance
from mtl_flows.schemas.ingest import IngestRecord, RejectionDocument
from mtl_flows.schemas.labels import LabelDocument, LabelFacts, LabelStatement
from mtl_flows.science.naming import file_slug
from mtl_flows.store.collection import DocumentCollection, batched
from mtl_flows.store.database import MTLStore

_BATCH = 200

Stored = dict[str, Any]
Step = Callable[[Stored, MTLStore], Stored]


class Migration(NamedTuple):
    """One step: documents of `collection` with schema version `version` become those of the next.

    A step may give a document another id. Then `unite` makes one document of two that come to the same, and changes
    nothing where the second has gone into the first already; `named_by` is a collection and its list of these ids.
    """

    collection: str
    version: int
    step: Step
    unite: Callable[[Stored, Stored], Stored] | None = None
    named_by: tuple[str, str] | None = None


def _files_2(stored: Stored, _: MTLStore) -> Stored:
    """Files record which version read them and when; of earlier ones nobody knows."""
    return {"code_version": "", "read_at": None, **stored}


def _files_3(stored: Stored, _: MTLStore) -> Stored:
    """Files are found by their stem."""
    return {"stem": file_slug(Path(stored["name"])), **stored}


def _with_provenance(stored: Stored, _: MTLStore) -> Stored:
    """Documents carry provenance; that of earlier ones is lost."""
    return {"provenance": None, **stored}


def _releases_3(stored: Stored, _: MTLStore) -> Stored:
    """Releases keep every ingest; of those before, the counts of the latest are known."""
    kept = {name: value for name, value in stored.items() if name not in ("counts", "updated_at")}
    record = IngestRecord(
        id="latest", started_at=stored["created_at"], ended_at=stored["updated_at"], counts=stored["counts"]
    )
    return {**kept, "ingests": [record.model_dump()] if stored["counts"] else []}


def _releases_4(stored: Stored, _: MTLStore) -> Stored:
    """Releases are ordered by date; those before came in the order of their first ingests."""
    return {"date": stored["created_at"], **stored}


def _rejections_3(stored: Stored, store: MTLStore) -> Stored:
    """A refusal at ingest belongs to a material, else to a source and a stem, wherever the file lies."""
    met = {"at": stored["created_at"], "accepted": False, "release": ""}
    met |= {name: stored[name] for name in ("subject", "file_sha256", "message")}
    # Of what holds no mobile ion the message alone named the elements.
    _, _, listed = stored["message"].partition("; there are ")
    elements = listed.split(", ") if listed and stored["reason"] == NoMobileIonError.reason else []
    moved = {
        "source": "",
        "file_stem": "",
        "resolved_at": None,
        "events": [met],
        "elements": elements,
        **stored,
    }
    if stored["stage"] != "ingest":
        return moved
    releases = {r["_id"]: r for r in store.releases.raw.find({"_id": {"$in": stored["releases"]}})}
    source = next((releases[name]["source"] for name in stored["releases"] if name in releases), "")
    file, _, block = stored["subject"].removesuffix("]").partition(" [")
    stem = file_slug(Path(file), block)
    met_in = [name for name in stored["releases"] if name in releases]
    events = [
        {**met, "at": max(stored["created_at"], releases[name]["created_at"]), "release": name}
        for name in met_in
    ]
    key = RejectionDocument.file_key(source, stored["material_id"], stem, stored["reason"])
    return {**moved, "_id": key, "source": source, "file_stem": stem, "events": events or [met]}


def _one_rejection(one: Stored, other: Stored) -> Stored:
    """Two refusals that were told apart by folder or content: what was met last, and open while one is."""
    first, last = sorted((one, other), key=lambda stored: (stored["events"][-1]["at"], stored["subject"]))
    events = [*first["events"], *(event for event in last["events"] if event not in first["events"])]
    events.sort(key=lambda event: event["at"])
    return {
        **last,
        "created_at": min(one["created_at"], other["created_at"]),
        "releases": list(dict.fromkeys([*first["releases"], *last["releases"]])),
        "resolved": one["resolved"] and other["resolved"],
        "events": events,
    }


def _labels_3(stored: Stored, _: MTLStore) -> Stored:
    """Labels name their ion, which was lithium, and keep what was stated; every one of them stated who is known."""
    provenance = Provenance.model_validate(stored["provenance"]) if stored["provenance"] else None
    statement = LabelStatement(
        **{name: stored[name] for name in LabelFacts.model_fields},
        stated_at=provenance.created_at if provenance else None,
        table_sha256=provenance.inputs.get("table", "") if provenance else "",
    )
    return LabelDocument.of(stored["_id"], "Li", [statement], provenance).to_mongo()


def modern_campaign(stored: Stored) -> Stored:
    """Campaign whose dynamics are written as today."""
    values = stored["provenance"]["parameters"]["values"]
    parameters = {
        **stored["provenance"]["parameters"],
        "values": {**values, "dynamics": modern_dynamics(values["dynamics"])},
    }
    provenance = {**stored["provenance"], "parameters": parameters}
    return {**stored, "dynamics": modern_dynamics(stored["dynamics"]), "provenance": provenance}


def modern_dynamics(stored: Stored) -> Stored:
    """Settings of an engine have no field of its name, and leave defaults to it; limits of guards are written out."""
    kept = {"max_temperature_ratio": 3.0, "max_framework_msd_A2": 9.0}
    kept |= {name: value for name, value in stored.items() if name != "vasp"}
    ours = stored["engine"] == "vasp"
    return {**kept, "engine_settings": _changed_settings(stored.get("vasp", {})) if ours else {}}


def _campaigns_2(stored: Stored, _: MTLStore) -> Stored:
    return modern_campaign(stored)


def _changed_settings(stored: Stored) -> Stored:
    """Settings of VASP that were not the defaults of the time, INCAR tags among them."""
    defaults = {
        "cutoff_eV": 520.0,
        "relax_kspacing_per_A": 0.4,
        "static_kspacing_per_A": 0.25,
        "spin_polarised": False,
        "thermostat": "nose-hoover",
        "csvr_period_fs": 100.0,
        "incar": {},
        "potcar_spec": False,
        "polling_s": 10.0,
    }
    changed = {name: value for name, value in stored.items() if value != defaults.get(name)}
    return {**changed.pop("incar", {}), **changed}


def _one_label(one: Stored, other: Stored) -> Stored:
    """Two spellings of one id: what was stated last holds."""
    labels = sorted(
        map(LabelDocument.from_mongo, (one, other)), key=lambda label: _when(label.statements[-1])
    )
    statements = {s.model_dump_json(): s for label in labels for s in label.statements}
    latest = labels[-1]
    ordered = sorted(statements.values(), key=_when)
    return LabelDocument.of(latest.material_id, latest.ion, ordered, latest.provenance).to_mongo()


def _when(statement: LabelStatement) -> float:
    return statement.stated_at.timestamp() if statement.stated_at else 0.0


MIGRATIONS = (
    Migration("campaigns", 1, _campaigns_2),
    Migration("files", 1, _files_2),
    Migration("files", 2, _files_3),
    Migration("releases", 2, _releases_3),
    Migration("releases", 3, _releases_4),
    Migration("rejections", 2, _rejections_3, _one_rejection, ("files", "rejections")),
    Migration("labels", 2, _labels_3, _one_label),
    *(Migration(name, 1, _with_provenance) for name in ("rejections", "labels", "entries", "releases")),
)


def latest_version(collection: DocumentCollection[Any]) -> int:
    """Schema version that this code writes into a collection."""
    return int(collection.model.model_fields["schema_version"].default)


def outdated(store: MTLStore) -> dict[str, int]:
    """Number of documents of an earlier layout, by collection; those without any are left out."""
    return _counts(store, "$lt")


def too_new(store: MTLStore) -> dict[str, int]:
    """Number of documents that a later version wrote, by collection; those without any are left out."""
    return _counts(store, "$gt")


def migrate(store: MTLStore, migrations: tuple[Migration, ...] = MIGRATIONS) -> dict[str, int]:
    """Bring every document to the layout of this version; gives how many changed, by collection.

    Safe to interrupt and to run again: each document moves in one write, only from the version it was read in, and
    one that gets another id stands under the new one before the old one goes. Documents of a later version are left
    alone.
    """
    steps = {(m.collection, m.version): m for m in migrations}
    store.ensure_indexes()
    changed: dict[str, int] = {}
    for collection in store.collections:
        latest = latest_version(collection)
        for batch in batched(collection.raw.find({"schema_version": {"$lt": latest}}), _BATCH):
            writes, done = [], 0
            for stored in batch:
                moved = stored
                for number in range(stored["schema_version"], latest):
                    step = steps[collection.name, number].step
                    moved = {**step(moved, store), "schema_version": number + 1}
                collection.model.from_mongo(moved)  # refuse to write what could not be read
                key = {"_id": stored["_id"], "schema_version": stored["schema_version"]}
                if moved["_id"] == stored["_id"]:
                    writes.append(ReplaceOne(key, moved))
                else:
                    _rename(store, collection, key, moved, steps[collection.name, latest - 1])
                    done += 1
            if writes:
                done += collection.writable.bulk_write(writes, ordered=False).modified_count
            changed[collection.name] = changed.get(collection.name, 0) + done
    return changed


def _rename(
    store: MTLStore,
    collection: DocumentCollection[Any],
    old: Mapping[str, Any],
    moved: Stored,
    last: Migration,
) -> None:
    """Write a document under its new id, made one with what stands there, and take the old one away."""
    standing = collection.raw.find_one({"_id": moved["_id"]})
    if standing is not None and last.unite is not None:
        moved = last.unite(standing, moved)
    collection.writable.replace_one({"_id": moved["_id"]}, moved, upsert=True)
    if last.named_by is not None:
        name, ids = last.named_by
        store.database[name].update_many({ids: old["_id"]}, {"$set": {f"{ids}.$": moved["_id"]}})
    collection.writable.delete_one(old)


def _counts(store: MTLStore, comparison: str) -> dict[str, int]:
    counts = {c.name: c.count({"schema_version": {comparison: latest_version(c)}}) for c in store.collections}
    return {name: count for name, count in counts.items() if count}
