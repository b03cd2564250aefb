"""The pipeline on crystals in memory: no database, no workflow, nothing written.

The definitions are those of the stages. What needs a store is left out: duplicates are not merged, and labels are the
ids that are given as known.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path

from pymatgen.core import Structure

from mtl_flows.errors import InputError, UnreadableStructureError, UnsupportedIonError
from mtl_flows.science.barrier import BarrierParameters, migration_barriers
from mtl_flows.science.chemistry import ChemistryReport, check_chemistry
from mtl_flows.science.clustering import cluster, match_clusters, select_clusters
from mtl_flows.science.dynamics import ArrheniusResult, DiffusionResult, fit_arrhenius
from mtl_flows.science.gates import Facts, Standing, gates_before, stand
from mtl_flows.science.known import canonical_id, load_known_conductors
from mtl_flows.science.priority import channel_ratio, priority
from mtl_flows.science.reading import ParsedStructure, check_structure, read_structures, reduced_formula
from mtl_flows.science.topology import (
    FEATURE_NAMES,
    PROTOCOLS,
    TopologyParameters,
    TopologyResult,
    compute_percolation,
    compute_topology,
)
from mtl_flows.stages import ScreeningParameters
from mtl_flows.stages.chemistry import apply_rules
from mtl_flows.stages.facts import objection
from mtl_flows.vocabulary import Protocol

Crystal = Structure | str | Path
"""A structure, or the file of one."""
Crystals = Mapping[str, Crystal] | Iterable[Crystal]
"""Crystals by name; without names a file goes by its material id, a structure by its formula."""
Score = Callable[[Structure, str], float]
"""Function of a structure and the symbol of the mobile ion; the higher, the earlier its turn."""


@dataclass(frozen=True)
class ScreenedStructure:
    """What a screening makes of one structure.

    Attributes
    ----------
    id, structure
        As they were given.
    topology, chemistry
        None if the structure was refused.
    clusters
        Name of its cluster under each protocol; none where a gate before the clusters is failed.
    standings
        Where it stands at every gate, by protocol.
    refused
        Why it cannot be screened; None if it can.
    """

    id: str
    structure: Structure = field(repr=False)
    topology: TopologyResult | None = field(default=None, repr=False)
    chemistry: ChemistryReport | None = field(default=None, repr=False)
    clusters: Mapping[Protocol, str] = field(default_factory=dict)
    standings: Mapping[Protocol, Standing] = field(default_factory=dict, repr=False)
    refused: InputError | None = None

    @property
    def survives(self) -> bool:
        """Whether it passed every gate of at least one protocol."""
        return any(standing.outcome == "pass" for standing in self.standings.values())


@dataclass(frozen=True)
class RankedStructure:
    """A structure and its score: none where there is no barrier, or it was refused."""

    id: str
    score: float | None
    structure: Structure = field(repr=False)
    refused: InputError | None = None


def describe(
    crystal: Crystal, mobile_ion: str = "Li", parameters: TopologyParameters = TopologyParameters()
) -> TopologyResult:
    """Compute what `mtl describe` shows of one crystal: metrics and features under both protocols, barcodes.

    Raises
    ------
    InputError
        If the file cannot be read, or the structure cannot be described.
    """
    structure = _given(crystal).structure
    check_structure(structure, mobile_ion)
    return compute_topology(structure, mobile_ion, parameters)


def screen(
    crystals: Crystals,
    parameters: ScreeningParameters = ScreeningParameters(),
    *,
    known: Collection[str] | None = None,
) -> tuple[ScreenedStructure, ...]:
    """Screen crystals: topology, prescreen, clusters and chemical rules under both protocols.

    Parameters
    ----------
    crystals
        Each counts on its own: duplicates are not merged.
    known
        Ids of known conductors among them, which select the clusters; by default the article's list for lithium, none
        for another ion.

    Returns
    -------
    tuple
        In the order given. What cannot be screened says why.

    Raises
    ------
    ClusteringError
        If what passed the prescreen cannot be clustered: more than three crystals that are all alike, for example.
    InputError
        If a file cannot be read.
    """
    ion = parameters.mobile_ion
    if known is None:
        known = load_known_conductors() if ion == "Li" else ()
    given = _named(crystals)
    found: dict[str, tuple[TopologyResult, ChemistryReport]] = {}
    refused: dict[str, InputError] = {}
    for one in given:
        try:
            check_structure(one.structure, ion)
            topology = compute_topology(one.structure, ion, parameters.topology)
            found[one.name] = topology, one.chemistry(parameters)
        except InputError as error:
            refused[one.name] = error
    standings: dict[str, dict[Protocol, Standing]] = {one.name: {} for one in given}
    clusters: dict[str, dict[Protocol, str]] = {one.name: {} for one in given}
    for protocol in PROTOCOLS:
        places = _clusters(found, protocol, parameters, known)
        for name, (topology, chemistry) in found.items():
            cluster_name, selected = places.get(name, ("", None))
            facts = Facts(
                topology.r_connected_A,
                topology.rho_cycles[protocol],
                clustered=bool(places),
                cluster=cluster_name,
                selected=selected,
                passes_chemistry=chemistry.passed,
                objection=objection(chemistry.rules),
            )
            standings[name][protocol] = stand(facts, parameters.criteria(protocol))
            if cluster_name:
                clusters[name][protocol] = cluster_name
    return tuple(
        ScreenedStructure(
            one.name,
            one.structure,
            topology=found[one.name][0] if one.name in found else None,
            chemistry=found[one.name][1] if one.name in found else None,
            clusters=clusters[one.name],
            standings=standings[one.name],
            refused=refused.get(one.name),
        )
        for one in given
    )


def rank(
    crystals: Crystals,
    mobile_ion: str = "Li",
    *,
    score: Score | None = None,
    barrier: BarrierParameters = BarrierParameters(),
) -> list[RankedStructure]:
    """Order crystals as the candidate table does, the most promising first; no homology is computed.

    By the priority of v3/d3 and the bond-valence barrier; those without a barrier come after, by v3/d3, then those that
    cannot be scored, which say why. Equals are ordered by id.

    Parameters
    ----------
    score
        Another order: the higher, the earlier.
    barrier
        Parameters of the barriers.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    ranked: list[tuple[float, float, RankedStructure]] = []
    refused = []
    for one in _named(crystals):
        try:
            check_structure(one.structure, mobile_ion)
            if score is not None:
                found: float | None = score(one.structure, mobile_ion)
                tie = 0.0
            else:
                (*_, d3_A), (*_, v3_A) = compute_percolation(one.structure, mobile_ion)
                tie = channel_ratio(v3_A, d3_A)
                found = _priority(one, mobile_ion, barrier, tie)
        except InputError as error:
            refused.append(RankedStructure(one.name, None, one.structure, error))
        else:
            made = RankedStructure(one.name, found, one.structure)
            ranked.append((inf if found is None else -found, -tie, made))
    ranked.sort(key=lambda entry: (*entry[:2], entry[2].id))
    return [made for *_, made in ranked] + refused


def _priority(one: "_Given", mobile_ion: str, parameters: BarrierParameters, ratio: float) -> float | None:
    """Ranking score of a crystal; None where no barrier is known."""
    try:
        return priority(ratio, migration_barriers(one.charged_structure, mobile_ion, parameters).E_3D_eV)
    except UnsupportedIonError:
        return None


def fit(diffusivities: Iterable[DiffusionResult], *, target_temperature_K: float = 300.0) -> ArrheniusResult:
    """Fit a line through the converged diffusivities of one material and extrapolate.

    As `mtl_flows.science.dynamics.fit_arrhenius`; `TrajectoryDocument.result` gives the diffusivity of a simulation.

    Raises
    ------
    DynamicsError
        If they are of different ions.
    """
    return fit_arrhenius(list(diffusivities), target_temperature_K=target_temperature_K)


def _clusters(
    found: Mapping[str, tuple[TopologyResult, ChemistryReport]],
    protocol: Protocol,
    parameters: ScreeningParameters,
    known: Collection[str],
) -> dict[str, tuple[str, bool]]:
    """Name of the cluster of each crystal that comes so far, and whether it is selected."""
    criteria, asked_before = parameters.criteria(protocol), gates_before("cluster")
    members = [
        name
        for name, (topology, _) in found.items()
        if stand(Facts(topology.r_connected_A, topology.rho_cycles[protocol]), criteria, asked_before).outcome
        == "pass"
    ]
    if not members:
        return {}
    features = [[found[name][0].features[protocol][f] for f in FEATURE_NAMES[protocol]] for name in members]
    result = cluster(features, members, parameters.clustering(protocol))
    selected = select_clusters(result.labels, members, {canonical_id(one) for one in known}).clusters
    names = match_clusters((), result).names
    return {
        name: (names[label], label in selected)
        for name, label in zip(members, result.labels.tolist(), strict=True)
    }


@dataclass(frozen=True)
class _Given:
    """A crystal as it was given, and what its file says of charges and formula."""

    name: str
    structure: Structure
    file: ParsedStructure | None = None

    @property
    def charged_structure(self) -> Structure:
        """The structure with the charges that its file gives."""
        return self.structure if self.file is None else self.file.charged_structure

    def chemistry(self, parameters: ScreeningParameters) -> ChemistryReport:
        """Apply the chemical rules, as the stage does."""
        if self.file is None:
            return check_chemistry(self.structure, parameters.mobile_ion, parameters.chemistry)
        return apply_rules(
            self.structure,
            self.file.charged_structure,
            (self.file.site_charges, self.file.oxidation_states),
            parameters.mobile_ion,
            parameters.chemistry,
            self.file.formula_text,
        )


def _named(crystals: Crystals) -> list[_Given]:
    """Return each crystal with its name, read if it is a file."""
    if isinstance(crystals, Mapping):
        return [replace(_given(crystal), name=name) for name, crystal in crystals.items()]
    given = [_given(crystal) for crystal in crystals]
    return [
        replace(one, name=name) for one, name in zip(given, _distinct(g.name for g in given), strict=True)
    ]


def _distinct(names: Iterable[str]) -> list[str]:
    """Number those that repeat an earlier one."""
    seen: Counter[str] = Counter()
    distinct = []
    for name in names:
        seen[name] += 1
        distinct.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return distinct


def _given(crystal: Crystal) -> _Given:
    """Read a crystal.

    Raises
    ------
    InputError
        If a file cannot be read, or does not hold exactly one structure.
    """
    if isinstance(crystal, Structure):
        return _Given(reduced_formula(crystal.composition), crystal)
    blocks = read_structures(Path(crystal))
    if len(blocks) != 1:
        raise UnreadableStructureError(
            f"holds {len(blocks)} structures",
            subject=str(crystal),
            remedy="read it with mtl_flows.science.reading.read_structures and hand them over one by one",
        )
    (block,) = blocks
    if isinstance(block.result, InputError):
        raise block.result
    return _Given(block.result.source_id, block.result.structure, block.result)
