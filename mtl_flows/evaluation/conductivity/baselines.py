"""Fitted models as referees: how much a table of numbers knows about conductivity, and whether it carries over."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]
Mask = NDArray[np.bool_]
Learner = Callable[[Table, Mask, Table, int], Table]
"""Rows and their classes, rows to score, seed → scores."""

_REGULARISATION = 100.0


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


def linear_scores(train: Table, positive: Mask, test: Table, seed: int) -> NDArray[np.float64]:
    """Fit a strongly regularised linear classifier (ridge) to standardised columns and score each row of ``test``.

    Balanced classes; nothing is tuned. Materials of one class teach nothing: all scores are equal then.
    """
    if positive.all() or not positive.any():
        return np.zeros(len(test))
    from sklearn.linear_model import RidgeClassifier
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train)
    model = RidgeClassifier(_REGULARISATION, class_weight="balanced", solver="cholesky", random_state=seed)
    model.fit(scaler.transform(train), positive)
    scores: NDArray[np.float64] = model.decision_function(scaler.transform(test))
    return scores


def out_of_fold_scores(
    table: Table,
    positive: Mask,
    families: Sequence[str] | None,
    n_folds: int,
    seed: int,
    learner: Learner = forest_scores,
) -> NDArray[np.float64]:
    """Score every material by a model that was not fitted to it.

    Parameters
    ----------
    table
        Shape (n, n_columns).
    positive
        Shape (n,).
    families
        Folds never share one; ``None`` lets them, which flatters whatever recognises families.
    n_folds, seed
        Number of folds, all with about the same share of superionic materials; seed of folds and models.

    Returns
    -------
    NDArray, shape (n,)
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    folds = StratifiedKFold if families is None else StratifiedGroupKFold
    scores = np.empty(len(table))
    for train, test in folds(n_folds, shuffle=True, random_state=seed).split(table, positive, families):
        scores[test] = learner(table[train], positive[train], table[test], seed)
    return scores
