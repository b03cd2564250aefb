"""What becomes of whole releases: closed, or taken back."""

from dataclasses import dataclass

from mtl_flows.jobs.comparison import Guard
from mtl_flows.jobs.groups import find_groups
from mtl_flows.jobs.settling import settle_all
from mtl_flows.jobs.withdrawal import refresh_withdrawn
from mtl_flows.store.database import MTLStore


@dataclass(frozen=True)
class ReleaseChange:
    """What became of materials with a change of a release, as sorted ids.

    Attributes
    ----------
    gone
        No release holds them any more; what was computed for them stays.
    revised
        Another revision is current: the one of the latest release that holds them.
    withdrawn, back
        Marked as withdrawn now, or no more.
    refusals
        Number of refusals that were taken back.
    """

    gone: list[str]
    revised: list[str]
    withdrawn: list[str]
    back: list[str]
    refusals: int = 0


def close_release(store: MTLStore, name: str, guard: Guard) -> ReleaseChange:
    """Declare a release complete: what its source delivered before and it lacks is withdrawn.

    Raises
    ------
    NotFoundError
        If there is no such release.
    """
    store.releases.named(name)
    before = store.structures.standings()
    store.releases.declare_complete(name)
    return _settled(store, before, guard)


def remove_release(store: MTLStore, name: str, guard: Guard) -> ReleaseChange:
    """Take back what a release brought: its revisions, its refusals and its withdrawals; results stay.

    Safe to interrupt and to run again: the release itself goes last.

    Raises
    ------
    NotFoundError
        If there is no such release.
    """
    store.releases.named(name)
    before = store.structures.standings()
    order = [other for other in store.releases.order() if other != name]
    store.structures.leave_release(store.structures.in_release(name), name, order)
    store.deliveries.forget(name)
    gone = store.rejections.take_back(name)
    store.files.forget_refusals(gone)
    store.releases.remove(name)
    settle_all(store)
    return _settled(store, before, guard, len(gone))


def _settled(
    store: MTLStore, before: dict[str, tuple[str, bool]], guard: Guard, refusals: int = 0
) -> ReleaseChange:
    refresh_withdrawn(store)
    find_groups(store, guard)
    after = store.structures.standings()
    both = sorted(before.keys() & after.keys())
    return ReleaseChange(
        gone=sorted(before.keys() - after.keys()),
        revised=[m for m in both if before[m][0] != after[m][0]],
        withdrawn=[m for m in both if after[m][1] and not before[m][1]],
        back=[m for m in both if before[m][1] and not after[m][1]],
        refusals=refusals,
    )
