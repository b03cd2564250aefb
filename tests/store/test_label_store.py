"""Who counts as a known conductor: the article's list, corrected by labels."""

from mtl_flows.schemas.labels import LabelDocument
from mtl_flows.science.known import load_known_conductors
from mtl_flows.store.database import MTLStore


def test_labels_correct_the_list_of_the_article(store: MTLStore) -> None:
    article = load_known_conductors()
    assert store.labels.known_conductors() == article
    listed = min(article)
    store.labels.put(
        [
            LabelDocument(id=f" {listed.upper()}", known_conductor=False),
            LabelDocument(id="Mine-1", known_conductor=True, conductivity_S_per_cm=1e-3),
            LabelDocument(id="mine-2", known_conductor=False),
        ]
    )
    assert store.labels.known_conductors() == (article - {listed}) | {"mine-1"}


def test_labels_are_found_whatever_the_case_of_the_id(store: MTLStore) -> None:
    label = LabelDocument(id="ICSD-7", known_conductor=True)
    store.labels.put([label])
    assert store.labels.by_material() == {"icsd-7": label}
