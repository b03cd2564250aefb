"""Who counts as a known conductor: the article's list, corrected by labels; and what earlier versions knew."""

import threading

from old_store import restore
from samples import label_known

from mtl_flows.schemas.base import utc_now
from mtl_flows.schemas.labels import LabelStatement
from mtl_flows.science.known import load_known_conductors
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.labels import LabelKey
from mtl_flows.store.migrations import migrate


def stated(**facts: object) -> LabelStatement:
    return LabelStatement.model_validate({"stated_at": utc_now(), **facts})


def test_labels_correct_the_list_of_the_article(store: MTLStore) -> None:
    article = load_known_conductors()
    assert store.labels.known_conductors("Li") == article
    listed, other = sorted(article)[:2]
    store.labels.declare(
        {
            LabelKey(f" {listed.upper()}", "Li"): stated(known_conductor=False),
            LabelKey(other, "Li"): stated(conductivity_S_per_cm=1e-9),  # says nothing of who is known
            LabelKey("Mine-1", "Li"): stated(known_conductor=True, conductivity_S_per_cm=1e-3),
            LabelKey("mine-2", "Li"): stated(known_conductor=False),
            LabelKey("mine-3", "Na"): stated(known_conductor=True),
        }
    )
    assert store.labels.known_conductors("Li") == (article - {listed}) | {"mine-1"}
    # The list is lithium's.
    assert store.labels.known_conductors("Na") == {"mine-3"}


def test_labels_are_found_whatever_the_case_of_the_id(store: MTLStore) -> None:
    label_known(store, "ICSD-7")
    (label,) = store.labels.find()
    assert store.labels.by_material("Li") == {"icsd-7": label}
    assert store.labels.of(["Icsd-7", "icsd-8"], "Li") == {"Icsd-7": label, "icsd-8": None}


def test_statements_add_up_and_nothing_said_is_lost(store: MTLStore) -> None:
    key = LabelKey("a", "Li")
    first = stated(conductivity_S_per_cm=1e-3, source="10.1/x", family="garnet")
    assert store.labels.declare({key: first}) == (1, 0, 0)
    second = stated(known_conductor=True)
    assert store.labels.declare({key: second}) == (0, 0, 1)
    assert store.labels.declare({key: stated(known_conductor=True)}) == (0, 1, 0)
    label = store.labels.get("a:Li")
    assert label.facts == first.facts.model_copy(update={"known_conductor": True})
    assert label.statements == [first, second]
    anew = stated(known_conductor=False, replaces=True)
    assert store.labels.declare({key: anew}) == (0, 0, 1)
    assert store.labels.declare({key: anew}) == (0, 1, 0)
    label = store.labels.get("a:Li")
    assert (label.facts, len(label.statements)) == (anew.facts, 3)


def test_everybody_is_heard(address: Connection, store: MTLStore) -> None:
    """Eight users state one fact each of the same material at once, and two contradict each other."""
    facts = [
        {"family": "garnet"},
        {"source": "10.1/x"},
        {"known_conductor": True},
        {"known_conductor": False},
    ]
    key, ready = LabelKey("a", "Li"), threading.Barrier(len(facts))

    def declare(fact: dict[str, object]) -> None:
        with MTLStore.connect(address) as mine:
            ready.wait()
            mine.labels.declare({key: stated(**fact)})

    threads = [threading.Thread(target=declare, args=(fact,)) for fact in facts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    label = store.labels.get("a:Li")
    assert len(label.statements) == len(facts)
    assert (label.family, label.source) == ("garnet", "10.1/x")
    assert (
        label.known_conductor
        is [s.known_conductor for s in label.statements if s.known_conductor is not None][-1]
    )


def test_labels_of_the_version_before(store: MTLStore) -> None:
    restore(store.database, only=("labels",))
    old = {d["_id"]: d for d in store.labels.raw.find()}
    # Another spelling of one of them, stated later.
    again = {**old["li10gep2s12"], "_id": "LI10GEP2S12", "known_conductor": False, "family": ""}
    again["provenance"] = {**again["provenance"], "created_at": utc_now()}
    store.labels.raw.insert_one(again)
    assert migrate(store) == {"labels": 5}
    assert migrate(store) == {}
    labels = store.labels.by_material("Li")
    assert labels.keys() == old.keys()
    assert labels["icsd-27981"].below_detection
    assert (
        labels["icsd-27981"].statements[0].table_sha256 == old["icsd-27981"]["provenance"]["inputs"]["table"]
    )
    both = labels["li10gep2s12"]
    assert [s.known_conductor for s in both.statements] == [True, False]
    assert (both.known_conductor, both.conductivity_S_per_cm, both.family) == (False, 0.012, "LGPS")


def test_a_migration_that_was_interrupted_goes_on(store: MTLStore) -> None:
    restore(store.database, only=("labels",))
    old = list(store.labels.raw.find())
    migrate(store)
    done = list(store.labels.find())
    store.labels.raw.insert_many(old)  # written under the new id, and not yet taken away under the old one
    migrate(store)
    assert list(store.labels.find()) == done
