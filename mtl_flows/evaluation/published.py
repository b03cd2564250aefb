"""Compare computed topology with the numbers released with the article (doi:10.1021/jacs.5c04828)."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from mtl_flows.errors import ConfigurationError, MTLError
from mtl_flows.evaluation.discrepancies import (
    R_TOLERANCE_A,
    RHO_TOLERANCE,
    Case,
    Cause,
    explain_features,
    explain_r_connected,
    explain_rho_cycles,
    features_agree,
    mobile_coordinates_free,
)
from mtl_flows.parallel import guarded_map
from mtl_flows.science.reading import read_structures
from mtl_flows.science.topology.compute import compute_topology
from mtl_flows.science.topology.parameters import FEATURE_NAMES, TopologyParameters

Quantity = Literal["r_connected", "rho_cycles", "features"]

_PARAMETERS: Final = TopologyParameters(extended=False)
_ICSD_TAG: Final = re.compile(r"^_database_code_ICSD\s+['\"]?(\d+)", re.MULTILINE | re.IGNORECASE)
# 67265.cif, icsd-67265.cif, and what the ICSD calls its exports, such as EntryWithCollCode67265.cif.
_ICSD_NAME: Final = re.compile(r"(?:.*(?:icsd|coll[-_ ]*code))?[-_ ]*(\d{2,7})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PublishedTables:
    """The released numbers, by ICSD id.

    Attributes
    ----------
    features
        Features of the ``published`` protocol under the names used here.
    """

    r_connected_A: Mapping[int, float]
    rho_cycles: Mapping[int, float]
    features: Mapping[int, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class PublishedComparison:
    """One computed number beside the published one.

    Attributes
    ----------
    name
        The number; of the 22 features, the one that differs most.
    difference
        Absolute; for features relative.
    cause
        Why they disagree; None if they agree.
    """

    quantity: Quantity
    name: str
    computed: float
    published: float
    difference: float
    agrees: bool
    cause: Cause | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StructureAccount:
    """The comparisons of one structure, or why there are none.

    Attributes
    ----------
    mobile_coordinates_fixed
        Whether symmetry fixes the coordinates of all mobile sites, so that r_connected must agree.
    """

    icsd_id: int
    source: str
    formula: str = ""
    mobile_coordinates_fixed: bool = False
    comparisons: tuple[PublishedComparison, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class PublishedReport:
    """How far the computed numbers agree with the published ones."""

    accounts: tuple[StructureAccount, ...] = field(default=())

    def counts(self) -> dict[Quantity, dict[str, int]]:
        """For each quantity the number of structures that were compared, agree, and disagree by cause."""
        table: dict[Quantity, Counter[str]] = {}
        for comparison in (c for account in self.accounts for c in account.comparisons):
            counter = table.setdefault(comparison.quantity, Counter(compared=0, agree=0))
            counter["compared"] += 1
            counter[comparison.cause or "agree"] += 1
        return {quantity: dict(counter) for quantity, counter in table.items()}

    def rows(self) -> list[dict[str, str]]:
        """One row per comparison, ready for a table."""
        return [
            {
                "ICSD": str(account.icsd_id),
                "file": account.source,
                "formula": account.formula,
                "quantity": comparison.name,
                "computed": f"{comparison.computed:.5f}",
                "published": f"{comparison.published:.5f}",
                "difference": f"{comparison.difference:.1e}",
                "verdict": "agrees"
                if comparison.agrees
                else f"{comparison.cause} {comparison.detail}".strip(),
            }
            for account in self.accounts
            for comparison in account.comparisons
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the whole report as JSON-able fields."""
        return {"counts": self.counts(), "structures": [asdict(account) for account in self.accounts]}


def compare_published(cases: Iterable[Case], tables: PublishedTables) -> PublishedReport:
    """Compare computed structures with the tables; those that the tables do not hold are passed over."""
    return PublishedReport(
        tuple(_account(case, tables) for case in cases if case.icsd_id in tables.r_connected_A)
    )


def run_published_benchmark(cif_dir: str | Path, tables_dir: str | Path, workers: int = 0) -> PublishedReport:
    """Compute every CIF of a folder that has an ICSD id in the tables, and compare.

    Parameters
    ----------
    cif_dir
        Folder of CIF files. An id comes from ``_database_code_ICSD``, else from the file's name, else from
        a CSV table in the folder or beside it that names the file and has an ICSD column.
    tables_dir
        Folder with the released tables as CSV files, see :func:`load_published_tables`.
    workers
        Processes; 0 stays in this one.

    Raises
    ------
    ConfigurationError
        A folder does not exist, or holds no tables.
    """
    tables = load_published_tables(tables_dir)
    files = [(path, icsd) for path, icsd in icsd_ids(cif_dir) if icsd in tables.r_connected_A]
    outcomes = guarded_map(partial(_account_of_file, tables=tables), files, workers=workers, timeout_s=300)
    return PublishedReport(
        tuple(
            outcome.value
            if outcome.error is None
            else StructureAccount(icsd, path.name, error=f"{outcome.error}")
            for (path, icsd), outcome in zip(files, outcomes, strict=True)
        )
    )


def load_published_tables(folder: str | Path) -> PublishedTables:
    """Load the released tables from every CSV file of a folder that has a column ``icsd_id``.

    Known columns are ``r_connected_A``, ``rho_cycles`` and the 22 features, with or without the prefix
    ``framework_`` and the suffix ``_A``; others are passed over.

    Raises
    ------
    ConfigurationError
        No file holds r_connected.
    """
    r_connected: dict[int, float] = {}
    rho: dict[int, float] = {}
    features: dict[int, dict[str, float]] = {}
    names = FEATURE_NAMES["published"]
    for path in sorted(Path(folder).glob("*.csv")):
        for row in _read_csv(path):
            if not (row.get("icsd_id") or "").isdigit():
                continue
            icsd = int(row["icsd_id"])
            short = {name: name.removeprefix("framework_").removesuffix("_A") for name in names}
            if row.get("r_connected_A"):
                r_connected[icsd] = float(row["r_connected_A"])
            if row.get("rho_cycles"):
                rho[icsd] = float(row["rho_cycles"])
            if all(name in row or short[name] in row for name in names):
                features[icsd] = {name: float(row.get(name) or row[short[name]]) for name in names}
    if not r_connected:
        raise ConfigurationError(
            "no table of published r_connected",
            subject=str(folder),
            remedy="it needs CSV files with the columns icsd_id and r_connected_A",
        )
    return PublishedTables(r_connected, rho, features)


def icsd_ids(cif_dir: str | Path) -> list[tuple[Path, int]]:
    """Find the CIF files of a folder that have an ICSD id, in order of their names.

    Raises
    ------
    ConfigurationError
        The folder does not exist.
    """
    folder = Path(cif_dir)
    if not folder.is_dir():
        raise ConfigurationError("no such folder", subject=str(folder), remedy="name a folder of CIF files")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".cif")
    listed = dict(_listed_ids({path.stem for path in paths}, (folder, folder.resolve().parent)))
    found = []
    for path in paths:
        tag = _ICSD_TAG.search(path.read_text(encoding="utf-8", errors="replace"))
        named = _ICSD_NAME.fullmatch(path.stem)
        if tag or named:
            found.append((path, int((tag or named).group(1))))  # type: ignore[union-attr]
        elif path.stem in listed:
            found.append((path, listed[path.stem]))
    return found


def _listed_ids(stems: set[str], folders: Iterable[Path]) -> Iterator[tuple[str, int]]:
    for table in (path for folder in folders for path in sorted(folder.glob("*.csv"))):
        for row in _read_csv(table):
            codes = [value for name, value in row.items() if "icsd" in (name or "").lower() and value]
            if codes and re.fullmatch(r"\d+(\.0*)?", codes[0]):
                values = (value for value in row.values() if isinstance(value, str))
                names = {re.sub(r"\.cif$", "", value, flags=re.IGNORECASE) for value in values}
                yield from ((name, int(float(codes[0]))) for name in names & stems)


def _read_csv(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        yield from csv.DictReader(stream)


def _account_of_file(file: tuple[Path, int], tables: PublishedTables) -> StructureAccount:
    path, icsd = file
    parsed = read_structures(path)[0].result
    if isinstance(parsed, MTLError):
        raise parsed
    result = compute_topology(parsed.structure, parameters=_PARAMETERS)
    return _account(Case(icsd, path.name, parsed.structure, result, parameters=_PARAMETERS), tables)


def _account(case: Case, tables: PublishedTables) -> StructureAccount:
    return StructureAccount(
        icsd_id=case.icsd_id,
        source=case.source,
        formula=case.structure.composition.reduced_formula,
        mobile_coordinates_fixed=not mobile_coordinates_free(case),
        comparisons=tuple(_compare(case, tables)),
    )


def _compare(case: Case, tables: PublishedTables) -> Iterator[PublishedComparison]:
    icsd, result = case.icsd_id, case.result
    r_published = tables.r_connected_A[icsd]
    difference = abs(result.r_connected_A - r_published)
    agrees = difference <= R_TOLERANCE_A
    because = (None, "") if agrees else explain_r_connected(case, r_published)
    yield PublishedComparison(
        "r_connected", "r_connected_A", result.r_connected_A, r_published, difference, agrees, *because
    )
    if icsd in tables.rho_cycles:
        rho, published = result.rho_cycles["published"], tables.rho_cycles[icsd]
        difference = abs(rho - published)
        agrees = difference <= RHO_TOLERANCE
        because = (None, "") if agrees else explain_rho_cycles(case, published, r_published)
        yield PublishedComparison("rho_cycles", "rho_cycles", rho, published, difference, agrees, *because)
    if icsd in tables.features:
        computed, reference = result.features["published"], tables.features[icsd]
        name = max(reference, key=lambda name: _relative_difference(computed[name], reference[name]))
        agrees = all(features_agree(computed[name], reference[name]) for name in reference)
        because = (None, "") if agrees else explain_features(case, reference)
        difference = _relative_difference(computed[name], reference[name])
        yield PublishedComparison(
            "features", name, computed[name], reference[name], difference, agrees, *because
        )


def _relative_difference(computed: float, published: float) -> float:
    return abs(computed - published) / max(abs(published), 1.0)
