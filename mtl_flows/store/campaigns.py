"""Collection of campaigns."""

from mtl_flows.schemas.campaigns import CampaignDocument
from mtl_flows.store.collection import DocumentCollection


class CampaignCollection(DocumentCollection[CampaignDocument]):
    """Campaigns by name."""

    name = "campaigns"
    model = CampaignDocument

    def advance(self, before: CampaignDocument, after: CampaignDocument) -> bool:
        """Replace `before` by `after` unless somebody else has decided a round since."""
        claimed = {"_id": before.id, "rounds": {"$size": len(before.rounds)}}
        return self.writable.replace_one(claimed, self._sized(after)).matched_count == 1
