"""Documents of the landscape of a mobile ion: the energies at which it percolates, and a surface to draw."""

from typing import Self

import numpy as np
from pydantic import Field

from mtl_flows.schemas.base import CrystalResult, Header, shared
from mtl_flows.science.barrier import ACCESSIBLE_EV, BarrierResult, Surface


class BarrierDocument(CrystalResult):
    """Bond-valence barriers of one crystal; null, with a reason, where the interaction of some ions is not known."""

    telling = ("E_1D_eV", "E_2D_eV", "E_3D_eV")

    E_1D_eV: float | None = Field(
        None, description="level at which the landscape percolates in one dimension, above its deepest point"
    )
    E_2D_eV: float | None = Field(None, description="as E_1D_eV, in two dimensions")
    E_3D_eV: float | None = Field(None, description="as E_1D_eV, in three dimensions")
    minimum_eV: float | None = Field(None, description="energy of the deepest point")
    accessible: dict[str, float] = Field(
        default_factory=dict,
        description="share of the cell no higher than an energy (eV, the keys) above the deepest point",
    )
    grid: list[int] = Field(default_factory=list, description="points along the axes of the cell")
    spacing_A: float | None = Field(None, description="spacing of the grid that the barriers were found on")
    n_operations: int | None = Field(None, description="symmetry operations that spared points")
    change_eV: float | None = Field(
        None,
        description="how much refining the grid changed the barriers at last; null if it was not refined",
    )
    interpolated: list[str] = Field(
        default_factory=list, description="pairs of ions whose parameters are not published ones"
    )
    reason: str = Field("", description="why there are no barriers")
    mobile_entropy_kB_per_nm3: float = Field(
        description="ideal configurational entropy of the mobile ions on their sites; zero in an ordered crystal"
    )

    @classmethod
    def of(cls, header: Header, result: BarrierResult, mobile_entropy_kB_per_nm3: float) -> Self:
        """Document what was computed."""
        return cls(
            **header.fields(),
            mobile_entropy_kB_per_nm3=mobile_entropy_kB_per_nm3,
            **shared(cls, result)
            | {
                "accessible": {
                    f"{e:g}".replace(".", "_"): x
                    for e, x in zip(ACCESSIBLE_EV, result.accessible, strict=True)
                }
            },
        )


class LandscapeDocument(CrystalResult):
    """Surface at which the landscape of a crystal percolates, to be drawn: a coarse grid of energies, at most 8 kB."""

    telling = ("level_eV", "shape")

    level_eV: float | None = Field(
        None,
        description="energy of the surface above the deepest point, E_3D; null where there is no landscape",
    )
    step_eV: float | None = Field(None, description="unit of the values")
    shape: list[int] = Field(default_factory=list, description="points along the axes of the cell")
    origin: list[float] = Field(default_factory=list, description="fractional coordinates of the first point")
    values: bytes = Field(
        b"",
        description="energies above the deepest point in steps, one byte each in C order; 255 is as high or higher",
    )
    reason: str = Field("", description="why there is no landscape")

    @classmethod
    def of(cls, header: Header, surface: Surface) -> Self:
        """Document what was computed."""
        return cls(
            **header.fields(),
            level_eV=surface.level_eV,
            step_eV=surface.step_eV,
            shape=list(surface.values.shape),
            origin=surface.origin.tolist(),
            values=surface.values.tobytes(),
        )

    def surface(self) -> Surface | None:
        """Unpack what was computed; None where there is no landscape."""
        if self.level_eV is None or self.step_eV is None:
            return None
        values = np.frombuffer(self.values, dtype=np.uint8).reshape(self.shape)
        return Surface(self.level_eV, self.step_eV, np.array(self.origin), values)
