"""The collection people query."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from pymongo import ASCENDING, DESCENDING, IndexModel, UpdateOne
from pymongo.database import Database

from mtl_flows.errors import NotFoundError, there_are
from mtl_flows.schemas.candidates import CandidateDocument
from mtl_flows.store import bins
from mtl_flows.store.candidate_filter import CandidateFilter, Range, field_named
from mtl_flows.store.collection import DocumentCollection, batched
from mtl_flows.store.owner import Owner
from mtl_flows.store.screening import ScreeningCollection
from mtl_flows.vocabulary import PROTOCOLS, ChosenProtocol, Protocol

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["CandidateCollection", "CandidateFilter", "Range"]

PASSED, ANY = "passed", "any"
"""What a condition asks of a field: that it is true, or that it has any value."""

_BATCH = 5000
_BEST_FIRST = (("priority", DESCENDING), ("v3_over_d3", DESCENDING), ("_id", ASCENDING))
_RETIRED_BEST_FIRST = (("priority", DESCENDING), ("_id", ASCENDING))
# Questions ask for one of these first and want the best first: such an index gives them in order.
_ASKED_FIRST = (
    *("elements", "chemical_system", "reduced_formula", "releases", "n_elements", "is_known_conductor"),
    *("survives_published", "survives_text", "cluster_published", "cluster_text", "passes_chemistry"),
    *("verdict", "dynamics_status", "furthest_stage", "pending"),
)
_LIMITED = (
    *("r_connected_A", "rho_cycles_published", "rho_cycles_text", "d3_A", "v3_A", "E_3D_eV"),
    *("activation_energy_eV", "conductivity_300K_low_S_per_cm", "window_high_V"),
)
_BINS = tuple(f"{bins.FIELD}.{field}" for field in bins.BINNED)
_WITH_LIMITS = (*_BEST_FIRST, *((field, ASCENDING) for field in _LIMITED))
_RETIRED_WITH_LIMITS = (
    *_RETIRED_BEST_FIRST,
    *((field, ASCENDING) for field in _LIMITED if field != "E_3D_eV"),
)


class GateRow(NamedTuple):
    """What the gates said of one unique material; None where a stage has not run."""

    material_id: str
    crystal_id: str
    formula: str
    is_known_conductor: bool
    r_connected_A: float | None
    rho_cycles: dict[Protocol, float | None]
    passes_connectivity: bool | None
    passes_prescreen: dict[Protocol, bool | None]
    selected: dict[Protocol, bool | None]
    passes_chemistry: bool | None


class CandidateCollection(DocumentCollection[CandidateDocument]):
    """Flat, indexed, one document per screening and material; seen from one screening.

    Parameters
    ----------
    screening
        Name of the screening; the store's default if empty.
    """

    name = "candidates"
    model = CandidateDocument
    indexes = (
        IndexModel([("screening", ASCENDING), ("material_id", ASCENDING)], unique=True),
        # Where nothing but limits is asked, they are judged by these keys, in order, before a row is fetched:
        # of the bins that a limit meets, or of all rows.
        *(
            IndexModel(
                [
                    ("screening", ASCENDING),
                    (first, ASCENDING),
                    *_WITH_LIMITS,
                    *((b, ASCENDING) for b in _BINS if b != first),
                ],
                name=f"screening_best_by_{first}",
            )
            for first in _BINS
        ),
        IndexModel([("screening", ASCENDING), *_WITH_LIMITS], name="screening_best_with_limits"),
        *(IndexModel([("screening", ASCENDING), (field, ASCENDING), *_BEST_FIRST]) for field in _ASKED_FIRST),
        *(IndexModel([("screening", ASCENDING), (field, ASCENDING)]) for field in _LIMITED),
    )
    retired = (
        IndexModel([("material_id", ASCENDING)]),
        IndexModel(list(_RETIRED_WITH_LIMITS), name="best_first_with_limits"),
        *(
            IndexModel(
                [(first, ASCENDING), *_RETIRED_WITH_LIMITS, *((b, ASCENDING) for b in _BINS if b != first)],
                name=f"best_first_by_{first}",
            )
            for first in _BINS
        ),
        *(IndexModel([(field, ASCENDING), *_RETIRED_BEST_FIRST]) for field in _ASKED_FIRST),
        *(IndexModel([(field, ASCENDING)]) for field in _LIMITED if field != "E_3D_eV"),
        IndexModel(list(_RETIRED_BEST_FIRST)),
        IndexModel([("priority", DESCENDING)]),
        *(
            IndexModel([(f"survives_{protocol}", ASCENDING), ("priority", DESCENDING)])
            for protocol in PROTOCOLS
        ),
        IndexModel([("verdict", ASCENDING), ("activation_energy_eV", ASCENDING)]),
        *(
            IndexModel([(field, ASCENDING)])
            for field in ("elements", "chemical_system", "releases", "is_known_conductor")
        ),
        *(IndexModel([(field, ASCENDING)]) for field in ("furthest_stage", "cluster_published")),
    )

    def __init__(
        self, database: Database[dict[str, Any]], owner: Owner | None = None, screening: str = ""
    ) -> None:
        super().__init__(database, owner)
        self._screenings = ScreeningCollection(database, owner)
        self._screening = screening

    @property
    def screening(self) -> str:
        """Name of the screening whose rows are meant."""
        return self._screening or self._screenings.default()

    def scoped(self, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Restrict a query to the rows of the screening."""
        return {"screening": self.screening, **(query or {})}

    def asked(self, chosen: CandidateFilter) -> dict[str, Any]:
        """Query of a filter, in the screening.

        Raises
        ------
        NotFoundError
            If it names a release or a cluster that is not there.
        """
        if chosen.release and not self.raw.find_one(self.scoped({"releases": chosen.release}), {"_id": 1}):
            from mtl_flows.store.releases import ReleaseCollection

            names = ReleaseCollection(self.raw.database).order()
            if chosen.release not in names:
                raise NotFoundError(
                    f"no release {chosen.release!r}",
                    remedy=there_are(chosen.release, names, "run mtl ingest"),
                )
        if chosen.cluster:
            fields = [f"cluster_{protocol}" for protocol in PROTOCOLS]
            names = sorted({c for field in fields for c in self.raw.distinct(field, self.scoped()) if c})
            if chosen.cluster not in names:
                raise NotFoundError(
                    f"no cluster {chosen.cluster!r} in the screening {self.screening!r}",
                    remedy=there_are(chosen.cluster, names, "run mtl screen"),
                )
        return self.scoped(chosen.query())

    def number_of(self, chosen: CandidateFilter, *, at_most: int = 0) -> int:
        """Count the rows that a filter describes, all or `at_most` so many: the server may have to fetch each."""
        limit: dict[str, Any] = {"limit": at_most} if at_most else {}
        return self.raw.count_documents(self.asked(chosen), **limit)

    def why_none(self, chosen: CandidateFilter) -> str:
        """Say why a filter describes no row: how many rows there are, and how many each thing asked leaves."""
        total = self.raw.count_documents(self.scoped())
        if not total:
            return f"the screening {self.screening!r} has no rows yet; mtl screen makes them"
        parts = [
            f"{told.replace('_', ' ')}: {self.number_of(alone)}" for told, alone in chosen.apart().items()
        ]
        return f"none of {total} rows meets all that is asked; how many meet each: {', '.join(parts)}"

    def get(self, key: str) -> CandidateDocument:
        """Return the row of a material.

        Raises
        ------
        NotFoundError
            If it has none in this screening.
        """
        stored = self.raw.find_one(self.scoped({"material_id": key}))
        if stored is None:
            raise NotFoundError(
                f"not in the candidate table of the screening {self.screening!r}",
                subject=key,
                remedy="see `mtl query`",
            )
        return self._load(stored)

    def existing(self, keys: Iterable[str]) -> set[str]:
        """Those of some materials that have a row."""
        found: set[str] = set()
        for batch in batched(keys, _BATCH):
            query = self.scoped({"material_id": {"$in": batch}})
            found.update(d["material_id"] for d in self.raw.find(query, {"material_id": 1}))
        return found

    def find(
        self,
        query: Mapping[str, Any] | None = None,
        *,
        sort: Sequence[tuple[str, int]] = (("_id", 1),),
        limit: int = 0,
    ) -> Iterator[CandidateDocument]:
        """Stream the rows that match, in a deterministic order."""
        return super().find(self.scoped(query), sort=sort, limit=limit)

    def count(self, query: Mapping[str, Any] | None = None) -> int:
        """Count the rows that match."""
        return super().count(self.scoped(query))

    def count_met(self, conditions: Sequence[tuple[str, str]]) -> dict[tuple[bool, ...], int]:
        """Count the unique materials by which of some conditions hold for them; the server goes through them once.

        Parameters
        ----------
        conditions
            Fields, and values that they are to have; `PASSED` and `ANY` among them.
        """
        holds = {f"c{number}": _expression(*condition) for number, condition in enumerate(conditions)}
        grouped = {"$group": {"_id": holds or None, "n": {"$sum": 1}}}
        unique = {"$match": self.scoped({"is_representative": True})}
        return {
            tuple(bool(found["_id"][name]) for name in holds): found["n"]
            for found in self.raw.aggregate([unique, grouped])
        }

    def ensure_indexes(self) -> None:
        """Create what is missing, also the bins of rows that an earlier version wrote; drop retired indexes."""
        super().ensure_indexes()
        unbinned = {f"{bins.FIELD}.{next(iter(bins.BINNED))}": None}
        for batch in batched(self.raw.find(unbinned, dict.fromkeys(bins.BINNED, 1)), _BATCH):
            # A row that another process has just written has its bins.
            writes = [
                UpdateOne({"_id": row["_id"], **unbinned}, {"$set": {bins.FIELD: bins.bins_of(row)}})
                for row in batch
            ]
            self.writable.bulk_write(writes, ordered=False)

    def input_hashes(self, structure_ids: Collection[str] | None = None) -> dict[str, str]:
        """Hash of what rows were built from, by structure; of every row if none is named."""
        query = {} if structure_ids is None else {"structure_id": {"$in": list(structure_ids)}}
        found = self.raw.find(self.scoped(query), {"structure_id": 1, "inputs_hash": 1})
        return {stored["structure_id"]: stored.get("inputs_hash", "") for stored in found}

    def fields(self, names: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Stream some fields of every row, in no order, as they are stored."""
        return self.raw.find(self.scoped(), {**dict.fromkeys(names, 1), "_id": 0}, batch_size=_BATCH)

    def state(self) -> str:
        """Hash that changes whenever a row comes, goes, or is built of something else; nothing is decoded for it."""
        state = sha256()
        told = {"_id": 0, "material_id": 1, "inputs_hash": 1}
        for batch in self.raw.find_raw_batches(self.scoped(), told, sort=[("material_id", ASCENDING)]):
            state.update(batch)
        return state.hexdigest()

    def judgeable(self) -> Iterator[CandidateDocument]:
        """Materials with molecular dynamics or a window."""
        return self.find(
            {"$or": [{"dynamics_status": {"$ne": None}}, {"window_status": {"$ne": None}}]},
            sort=_BEST_FIRST,
        )

    def gates(self) -> Iterator[GateRow]:
        """Stream the gates of every unique material, by id."""
        plain = ("r_connected_A", "passes_connectivity", "passes_chemistry")
        by_protocol = ("rho_cycles", "passes_prescreen", "selected")
        names = [*plain, "material_id", "crystal_id", "reduced_formula", "is_known_conductor"]
        names += [f"{name}_{protocol}" for name in by_protocol for protocol in PROTOCOLS]
        query = {"is_representative": True}
        for found in self.raw.find(self.scoped(query), dict.fromkeys(names, 1), sort=[("_id", ASCENDING)]):
            r_connected_A, connected, chemical = (found.get(name) for name in plain)
            rho, prescreen, selected = (
                {protocol: found.get(f"{name}_{protocol}") for protocol in PROTOCOLS} for name in by_protocol
            )
            yield GateRow(
                found["material_id"],
                found["crystal_id"],
                found["reduced_formula"],
                found["is_known_conductor"],
                r_connected_A,
                rho,
                connected,
                prescreen,
                selected,
                chemical,
            )

    def keep(self, materials: Iterable[str]) -> int:
        """Discard every other material, such as withdrawn ones; returns how many went."""
        standing = {stored["material_id"] for stored in self.raw.find(self.scoped(), {"material_id": 1})}
        superfluous = standing - set(materials)
        return sum(
            self.writable.delete_many(self.scoped({"material_id": {"$in": batch}})).deleted_count
            for batch in batched(sorted(superfluous), _BATCH)
        )

    def survivors(self, protocol: ChosenProtocol = "published") -> Iterator[CandidateDocument]:
        """Unique materials that passed every gate of a protocol, the highest priority first.

        Of ``ranked``, which has no gates but the chemical rules, all that it ranks.
        """
        return self.select(CandidateFilter(survivors=protocol != "ranked", protocol=protocol))

    def select(self, chosen: CandidateFilter, *, limit: int = 0) -> Iterator[CandidateDocument]:
        """Stream the materials that a filter describes, the highest priority first."""
        return super().find(self.asked(chosen), sort=_BEST_FIRST, limit=limit)

    def rule_names(self) -> dict[int, str]:
        """Names of the chemical rules by the numbers that rows have; none before anything was judged."""
        latest = self.raw.database["chemistry"].find_one(
            {}, {"rules.rule": 1, "rules.name": 1}, sort=[("$natural", DESCENDING)]
        )
        return {rule["rule"]: rule["name"] for rule in (latest or {}).get("rules", ())}

    def frame(
        self, chosen: CandidateFilter = CandidateFilter(), *, columns: Sequence[str] = (), limit: int = 0
    ) -> "DataFrame":
        """Return what a filter describes as a pandas table, one row for each material, the highest priority first.

        Parameters
        ----------
        columns
            Fields of the candidate table, with or without their units, in the order wanted; all of them unless given.
        limit
            At most so many rows; 0 for all.

        Raises
        ------
        ConfigurationError
            If a column is no field of the table.
        """
        from pandas import DataFrame

        fields = [name for name in CandidateDocument.model_fields if name not in ("id", "schema_version")]
        shown = [field_named(name, fields) for name in columns] or fields
        query = self.asked(chosen)
        wanted = dict.fromkeys(["material_id", *shown], 1)
        found = self.raw.find(query, wanted, sort=list(_BEST_FIRST), limit=limit)
        rows = [[row["material_id"], *(row.get(name) for name in shown)] for row in found]
        table = DataFrame(rows, columns=["_id", *shown]).set_index("_id")
        return table.rename_axis(index="material")

    def explain(self, chosen: CandidateFilter, *, limit: int = 0) -> dict[str, object]:
        """How the server answers `select`: the winning plan and what it examined."""
        cursor = self.raw.find(self.scoped(chosen.query()), sort=list(_BEST_FIRST), limit=limit)
        plan: dict[str, object] = cursor.explain()
        return plan

    def _sized(self, document: CandidateDocument) -> dict[str, Any]:
        fields = super()._sized(document)
        return {**fields, bins.FIELD: bins.bins_of(fields)}

    def _load(self, stored: Mapping[str, Any]) -> CandidateDocument:
        return super()._load({name: value for name, value in stored.items() if name != bins.FIELD})


def _expression(field: str, value: str) -> dict[str, Any]:
    """Whether a field of a row has a value, as the server computes it."""
    if value == ANY:
        return {"$ne": [{"$ifNull": [f"${field}", None]}, None]}
    return {"$eq": [f"${field}", True if value == PASSED else value]}
