"""Whether the article's selection of clusters finds superionic conductors that it was not shown."""

from collections.abc import Sequence
from typing import Final, get_args

import numpy as np
import scipy
from numpy.typing import NDArray

from mtl_flows.errors import ClusteringError
from mtl_flows.evaluation.conductivity.families import Halves, Mask
from mtl_flows.evaluation.conductivity.judge import JudgedSample, judge_gate
from mtl_flows.evaluation.conductivity.report import JudgedGate, JudgedSelection, Spread
from mtl_flows.evaluation.conductivity.statistics import gate_statistics
from mtl_flows.science.clustering import ClusteringParameters, ClusteringResult, cluster

_HALVES: Final[tuple[Halves, ...]] = get_args(Halves)


def judge_selection(
    sample: JudgedSample,
    name: str,
    features: NDArray[np.float64],
    ids: Sequence[str],
    listed: Mask,
    parameters: ClusteringParameters,
) -> tuple[tuple[JudgedSelection, ...], tuple[JudgedGate, ...]]:
    """Judge the selection of clusters that hold a seed.

    All materials are clustered together, without labels. Then the superionic ones of one half of the sample
    are the seeds and the other half is what they are to find, over many halvings. Once more the seeds are the
    materials on the list of known conductors, and those not on it are to be found.

    Parameters
    ----------
    sample
        The materials that have features.
    name
        Of the clustering.
    features
        Shape (n, n_features).
    ids
        Length n.
    listed
        Which are on the list of known conductors, shape (n,).
    parameters
        Of the clustering.

    Returns
    -------
    selections
        A row for each kind of halves; with ``failure`` if there is no usable partition.
    gates
        A row for the list as seeds, unless there is no partition, or nothing on the list or off it.
    """
    try:
        clustering = cluster(features, ids, parameters)
    except ClusteringError as error:
        none = Spread.over(())
        return tuple(
            JudgedSelection(name, kind, 0, none, none, none, none, str(error)) for kind in _HALVES
        ), ()
    points = clustering.scaler.transform(features)
    selections = tuple(_judge_halves(sample, name, kind, clustering, points) for kind in _HALVES)
    if not listed.any() or listed.all():
        return selections, ()
    kept = np.isin(clustering.labels, clustering.labels[listed])[~listed]
    return selections, (judge_gate(sample.among(~listed), f"{name}: cluster of a listed conductor", kept),)


def _judge_halves(
    sample: JudgedSample, name: str, kind: Halves, clustering: ClusteringResult, points: NDArray[np.float64]
) -> JudgedSelection:
    kept_shares, recalls, enrichments, nearest_enrichments = [], [], [], []
    for train, test in sample.halves(kind):
        seeds, positive = train & sample.positive, sample.positive[test]
        kept = np.isin(clustering.labels[test], clustering.labels[seeds])
        distances = scipy.spatial.KDTree(points[seeds]).query(points[test])[0]
        nearest = np.zeros(len(positive), dtype=bool)
        nearest[np.argsort(distances, kind="stable")[: np.count_nonzero(kept)]] = True
        whole = np.ones((1, len(positive)))
        found = gate_statistics(kept, positive, whole)
        kept_shares.append(float(found["kept"][0]))
        recalls.append(float(found["recall"][0]))
        enrichments.append(float(found["enrichment"][0]))
        nearest_enrichments.append(float(gate_statistics(nearest, positive, whole)["enrichment"][0]))
    return JudgedSelection(
        clustering=name,
        halves=kind,
        n_clusters=clustering.n_clusters,
        kept=Spread.over(kept_shares),
        recall=Spread.over(recalls),
        enrichment=Spread.over(enrichments),
        nearest_enrichment=Spread.over(nearest_enrichments),
    )
