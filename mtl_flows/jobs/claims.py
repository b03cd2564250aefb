"""Which file of a release speaks for which material: the first that delivers it, until a file of its name is mended."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mtl_flows.schemas.ingest import FileDocument
from mtl_flows.science.naming import file_slug
from mtl_flows.store.database import MTLStore
from mtl_flows.store.deliveries import Claim


@dataclass(frozen=True)
class Offer:
    """What one file says of one material."""

    entry: FileDocument
    material_id: str
    fingerprint: str
    block: str = ""

    @property
    def content(self) -> tuple[str, str]:
        """What it says, whoever says it."""
        return self.material_id, self.fingerprint


class Conflict(NamedTuple):
    """An offer that differs from what the release holds of its material, and the file that holds it."""

    offer: Offer
    file_name: str


class Claims:
    """Decides between files of one release that give one material, within an ingest and across ingests."""

    def __init__(self, store: MTLStore, release: str) -> None:
        self.store = store
        self.release = release
        self._spoken_for: dict[str, tuple[str, str]] = {}

    def decide(self, offers: Sequence[Offer]) -> tuple[list[Offer], list[Conflict]]:
        """Sort offers, in the order of the files, into those that hold and those that differ from one that does.

        Of two files of this ingest the first holds. Against an earlier ingest of the release a file holds if it says
        the same, or bears the name of the one that it differs from.
        """
        materials = {offer.material_id for offer in offers} - self._spoken_for.keys()
        claims = self._standing(materials)
        known = self.store.structures.revisions(materials)
        held, conflicts = [], []
        for offer in offers:
            spoken_for = self._spoken_for.get(offer.material_id)
            if spoken_for is None:
                claim = claims.get(offer.material_id)
                revision = known.get(offer.material_id, {}).get(offer.fingerprint, "")
                if claim is not None and revision != claim.structure_id and claim.stem != offer.entry.stem:
                    conflicts.append(Conflict(offer, claim.file_name))
                    continue
                self._spoken_for[offer.material_id] = spoken_for = (offer.fingerprint, offer.entry.name)
            if spoken_for[0] == offer.fingerprint:
                held.append(offer)
            else:
                conflicts.append(Conflict(offer, spoken_for[1]))
        return held, conflicts

    def _standing(self, materials: Set[str]) -> dict[str, Claim]:
        """What the release holds of some materials, also where an earlier version did not note the file."""
        claims = self.store.deliveries.of(self.release, materials)
        for held in self.store.structures.held(materials=materials - claims.keys()):
            if self.release in held.releases:
                stem = file_slug(Path(held.file_name))
                claims[held.material_id] = Claim(held.material_id, held.id, held.file_name, stem)
        return claims

    def leave(self, set_aside: Iterable[tuple[str, str]]) -> set[str]:
        """Let the release hold no more what is set aside, by material and stem of the file; gives the materials.

        What another file of the release says of the same material stays.
        """
        files = set(set_aside)
        standing = self._standing({material for material, _ in files} - self._spoken_for.keys())
        left = {material for material, claim in standing.items() if (material, claim.stem) in files}
        if left:
            self.store.structures.leave_release(left, self.release, self.store.releases.order())
            self.store.deliveries.forget(self.release, left)
        return left

    def enter(self, held: Iterable[tuple[Offer, str]]) -> list[Conflict]:
        """Write who speaks for what, by offers and the revisions they turned out to be.

        Returns
        -------
        list of Conflict
            Offers that differ from what another ingest delivered meanwhile.
        """
        first: dict[str, tuple[Offer, str]] = {}
        for offer, structure_id in held:
            first.setdefault(offer.material_id, (offer, structure_id))
        lost = self.store.deliveries.enter(
            self.release,
            [
                Claim(material, structure_id, offer.entry.name, offer.entry.stem)
                for material, (offer, structure_id) in first.items()
            ],
        )
        for material in lost:
            self._spoken_for.pop(material)
        return [Conflict(first[material][0], claim.file_name) for material, claim in lost.items()]
