"""Random forests as referees: how much a table of numbers knows about conductivity, and whether it carries over."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]
Mask = NDArray[np.bool_]


def forest_scores(train: Table, positive: Mask, test: Table, seed: int) -> NDArray[np.float64]:
    """Fit a random forest and return the probability of being superionic for each row of ``test``.

    Leaves of at least two materials and balanced classes; nothing is tuned, so there is nothing to leak.
    Materials of one class teach nothing: all scores are equal then.
    """
    if positive.all() or not positive.any():
        return np.zeros(len(test))
    from sklearn.ensemble import RandomForestClassifier  # slow to import, and absent from most installations

    forest = RandomForestClassifier(100, min_samples_leaf=2, class_weight="balanced", random_state=seed)
    forest.fit(train, positive)
    scores: NDArray[np.float64] = forest.predict_proba(test)[:, 1]
    return scores


def out_of_fold_scores(
    table: Table, positive: Mask, families: Sequence[str] | None, n_folds: int, seed: int
) -> NDArray[np.float64]:
    """Score every material by a forest that was not fitted to it.

    Parameters
    ----------
    table
        Shape (n, n_columns).
    positive
        Shape (n,).
    families
        Folds never share one; ``None`` lets them, which flatters whatever recognises families.
    n_folds, seed
        Number of folds, all with about the same share of superionic materials; seed of folds and forests.

    Returns
    -------
    NDArray, shape (n,)
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    folds = StratifiedKFold if families is None else StratifiedGroupKFold
    scores = np.empty(len(table))
    for train, test in folds(n_folds, shuffle=True, random_state=seed).split(table, positive, families):
        scores[test] = forest_scores(table[train], positive[train], table[test], seed)
    return scores
