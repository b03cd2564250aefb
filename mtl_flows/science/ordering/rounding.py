"""From partial occupancies to whole atoms: an integer programme that balances the charge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from mtl_flows.errors import OrderingError

VACANCY = ""
_CHARGE_WEIGHT = 1e3
_ELEMENT_WEIGHT = 1.0
_GROUP_WEIGHT = 0.3
_MOBILE_DISCOUNT = 0.5  # X-rays see Li and vacancies badly: their occupancies give way first
_FULL_SITE_WEIGHT = 3.0  # emptying a site that the file calls full is the last resort


@dataclass(frozen=True, slots=True)
class SiteGroup:
    """Sites that are equivalent in the parent and hold the same mixture.

    Attributes
    ----------
    sites
        Indices of the sites.
    occupancy
        Ion (or vacancy) → fraction; the fractions add up to one.
    """

    sites: tuple[int, ...]
    occupancy: dict[str, float]


def round_occupancies(
    groups: Sequence[SiteGroup], charges: Mapping[str, float], mobile_ion: str
) -> list[dict[str, int]]:
    """Choose how many sites of each group each ion takes.

    Minimised is, in this order of weight: the net charge, the departure of each ion's total from the
    parent's, and the departure within each group. At least one mobile ion is left.

    Parameters
    ----------
    groups
        All sites, ordered ones included.
    charges
        Charge of each ion in e.
    mobile_ion
        Its sites may be vacated, even full ones, where nothing else balances the charge.

    Returns
    -------
    list of dict
        For each group, ion (or vacancy) → number of sites; numbers add up to the size of the group.

    Raises
    ------
    OrderingError
        If the programme has no solution.
    """
    choices = [(g, s) for g, group in enumerate(groups) for s in _choices(group, mobile_ion)]
    elements = sorted({s for _, s in choices if s != VACANCY})
    n_choices, n_elements = len(choices), len(elements)
    target = np.array([len(groups[g].sites) * groups[g].occupancy.get(s, 0.0) for g, s in choices])
    charge = np.array([charges.get(s, 0.0) for _, s in choices])
    membership = np.zeros((len(groups), n_choices))
    for column, (g, _) in enumerate(choices):
        membership[g, column] = 1.0
    of_element = np.array([[s == element for _, s in choices] for element in elements], dtype=float)
    mobile = np.array([float(s == mobile_ion) for _, s in choices])

    # Unknowns: counts, then absolute departures by choice, by element, and of the charge.
    n_unknowns = 2 * n_choices + n_elements + 1
    cost = np.zeros(n_unknowns)
    cost[n_choices : 2 * n_choices] = [_weight(groups[g], s, mobile_ion) for g, s in choices]
    cost[2 * n_choices : -1] = [
        _ELEMENT_WEIGHT * (_MOBILE_DISCOUNT if element == mobile_ion else 1.0) for element in elements
    ]
    cost[-1] = _CHARGE_WEIGHT
    measured = np.vstack([np.eye(n_choices), of_element, charge])
    wanted = np.concatenate([target, of_element @ target, [0.0]])
    slack = np.zeros((len(wanted), n_unknowns - n_choices))
    slack[np.diag_indices(len(wanted))] = 1.0
    sizes = np.array([float(len(group.sites)) for group in groups])
    upper = np.concatenate(
        [[float(len(groups[g].sites)) for g, _ in choices], np.full(n_unknowns - n_choices, np.inf)]
    )
    solution = scipy.optimize.milp(
        cost,
        integrality=np.concatenate([np.ones(n_choices), np.zeros(n_unknowns - n_choices)]),
        bounds=scipy.optimize.Bounds(np.zeros(n_unknowns), upper),
        constraints=[
            scipy.optimize.LinearConstraint(np.hstack([measured, -slack]), -np.inf, wanted),
            scipy.optimize.LinearConstraint(np.hstack([measured, slack]), wanted, np.inf),
            scipy.optimize.LinearConstraint(
                np.hstack([membership, np.zeros((len(groups), n_unknowns - n_choices))]), sizes, sizes
            ),
            scipy.optimize.LinearConstraint(
                np.hstack([mobile, np.zeros(n_unknowns - n_choices)]), 1.0, np.inf
            ),
        ],
        options={"time_limit": 5.0, "mip_rel_gap": 1e-3},
    )
    if solution.x is None:
        raise OrderingError("occupancies cannot be rounded to whole atoms")
    counts: list[dict[str, int]] = [{} for _ in groups]
    for (g, s), value in zip(choices, np.round(solution.x[:n_choices]).astype(int), strict=True):
        if value:
            counts[g][s] = int(value)
    return counts


def _choices(group: SiteGroup, mobile_ion: str) -> list[str]:
    """Return what may sit on a group's sites: its occupants, and nothing where the ion can leave."""
    choices = list(group.occupancy)
    if mobile_ion in choices and VACANCY not in choices:
        choices.append(VACANCY)
    return choices


def _weight(group: SiteGroup, choice: str, mobile_ion: str) -> float:
    if choice == VACANCY and VACANCY not in group.occupancy:
        return _FULL_SITE_WEIGHT
    discounted = choice in (mobile_ion, VACANCY)
    return _GROUP_WEIGHT * (_MOBILE_DISCOUNT if discounted else 1.0)
