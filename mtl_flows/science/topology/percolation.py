"""In how many dimensions a periodic graph percolates, edge by edge."""

from math import nan
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mtl_flows.science.topology.clouds import Array

Thresholds = tuple[float, float, float]
Translation = tuple[int, int, int]

# A translation (x, y, z) is packed into one integer, which adds and subtracts as quickly.
_BASE: Final = 1 << 20
_HALF: Final = _BASE // 2
_PACKING: Final = np.array([_BASE * _BASE, _BASE, 1])


def percolation_weights(
    n_nodes: int,
    ends: NDArray[np.intp],
    translations: NDArray[np.intp],
    weights: Array,
) -> Thresholds:
    """Weights of the edges with which a growing periodic graph first percolates in 1, 2 and 3 dimensions.

    The graph is the quotient of an infinite periodic graph by its lattice: edge ``e`` leads from node
    ``ends[e, 0]`` of a cell to node ``ends[e, 1]`` of the cell ``translations[e]`` away. Edges are added in
    the order given. A component percolates in as many dimensions as its closed walks span, the rank of
    the lattice translations that they add up to.

    Parameters
    ----------
    n_nodes
        Number of nodes in a cell.
    ends
        Nodes that each edge joins, shape ``(n_edges, 2)``.
    translations
        Lattice translation of each edge, shape ``(n_edges, 3)``.
    weights
        Monotonic weights, shape ``(n_edges,)``, ascending or descending.

    Returns
    -------
    tuple of float
        The weight at which dimension 1, 2 and 3 is reached; NaN for those never reached.
    """
    parents = list(range(n_nodes))
    offsets = [0] * n_nodes
    spans: dict[int, tuple[Translation, ...]] = {}
    reached: list[float] = []

    def find(node: int) -> tuple[int, int]:
        """Root of a node, and the packed translation from the root's cell to the node's."""
        root, total = node, 0
        while parents[root] != root:
            total += offsets[root]
            root = parents[root]
        rest = total
        while node != root:
            node_above, step = parents[node], offsets[node]
            parents[node], offsets[node] = root, rest
            node, rest = node_above, rest - step
        return root, total

    packed = (translations @ _PACKING).tolist()
    for (first, second), edge, weight in zip(ends.tolist(), packed, weights.tolist(), strict=True):
        root, here = find(first)
        other, there = find(second)
        # Walking along the edge, then back through the roots, closes a loop.
        loop = here + edge - there
        if root == other:
            if loop == 0:
                continue
            added: tuple[Translation, ...] = (_unpack(loop),)
        else:
            parents[other], offsets[other] = root, loop
            added = spans.pop(other, ())
        if added:
            spans[root] = span = _span(spans.get(root, ()) + added)
            reached.extend([weight] * (len(span) - len(reached)))
            if len(reached) == 3:
                break
    one, two, three = reached + [nan] * (3 - len(reached))
    return one, two, three


def _unpack(packed: int) -> Translation:
    """Undo the packing of a translation into one integer."""
    rest, z = divmod(packed + _HALF, _BASE)
    x, y = divmod(rest + _HALF, _BASE)
    return x, y - _HALF, z - _HALF


def _span(directions: tuple[Translation, ...]) -> tuple[Translation, ...]:
    """Keep the directions that are linearly independent of those before them; exact in integers."""
    kept: list[Translation] = []
    for direction in directions:
        match kept:
            case []:
                independent = True
            case [only]:
                independent = _cross(only, direction) != (0, 0, 0)
            case [one, two]:
                normal = _cross(one, two)
                independent = sum(n * d for n, d in zip(normal, direction, strict=True)) != 0
            case _:
                break
        if independent:
            kept.append(direction)
    return tuple(kept)


def _cross(a: Translation, b: Translation) -> Translation:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
