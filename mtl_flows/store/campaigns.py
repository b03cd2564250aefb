"""Collection of campaigns."""

from typing import Any

from mtl_flows.errors import NotFoundError, there_are
from mtl_flows.schemas.campaigns import CampaignDocument
from mtl_flows.store.collection import DocumentCollection


class CampaignCollection(DocumentCollection[CampaignDocument]):
    """Campaigns by name."""

    name = "campaigns"
    model = CampaignDocument

    def get(self, key: str) -> CampaignDocument:
        """Return a campaign by its name.

        Raises
        ------
        NotFoundError
            If there is none of this name.
        """
        if not self.existing([key]):
            names = sorted(self.raw.distinct("_id"))
            raise NotFoundError(
                f"no campaign {key!r}", remedy=there_are(key, names, "mtl campaign start begins one")
            )
        return super().get(key)

    def advance(self, before: CampaignDocument, after: CampaignDocument) -> bool:
        """Replace `before` by `after` unless somebody else has decided a round, or changed something, since."""
        n_changes = len(before.changes)
        changes: dict[str, Any] = {"$size": n_changes}
        claimed = {
            "_id": before.id,
            "rounds": {"$size": len(before.rounds)},
            # Campaigns of earlier versions lack them.
            "changes": changes if n_changes else {"$in": [[], None]},
        }
        return self.writable.replace_one(claimed, self._sized(after)).matched_count == 1
