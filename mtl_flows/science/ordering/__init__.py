"""Ordered approximants of disordered crystals, for molecular dynamics."""

from mtl_flows.science.ions import assign_oxidation_states
from mtl_flows.science.ordering.approximant import OrderedApproximant, order_structure
from mtl_flows.science.ordering.parameters import OrderingParameters
from mtl_flows.science.ordering.supercell import choose_supercell

__all__ = [
    "OrderedApproximant",
    "OrderingParameters",
    "assign_oxidation_states",
    "choose_supercell",
    "order_structure",
]
