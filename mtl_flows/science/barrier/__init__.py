"""Energy landscape of a mobile ion by bond valences: barriers in one, two and three dimensions."""

from mtl_flows.science.barrier.compute import (
    ACCESSIBLE_EV,
    BarrierResult,
    landscape_of,
    migration_barriers,
)
from mtl_flows.science.barrier.landscape import Landscape
from mtl_flows.science.barrier.parameters import BarrierParameters
from mtl_flows.science.barrier.softbv import supported_ions
from mtl_flows.science.barrier.surface import Surface, coarse_surface

__all__ = [
    "ACCESSIBLE_EV",
    "BarrierParameters",
    "BarrierResult",
    "Landscape",
    "Surface",
    "coarse_surface",
    "landscape_of",
    "migration_barriers",
    "supported_ions",
]
