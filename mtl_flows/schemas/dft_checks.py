"""Documents of the check of a potential by DFT: frames of a simulation, computed by both."""

from pydantic import BaseModel, ConfigDict, Field
from pymatgen.core import Structure

from mtl_flows.schemas.base import FreeForm, ReplicaDocument


class CheckedFrame(BaseModel):
    """One frame, and what potential and DFT say of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    frame: int = Field(description="number of the frame in the trajectory")
    structure: FreeForm = Field(description="pymatgen Structure, sites sorted by element")
    energy_eV: float = Field(description="of the cell, by the potential")
    forces_eV_per_A: list[list[float]] = Field(description="on each atom, by the potential")
    dft_energy_eV: float | None = Field(None, description="of the cell, by DFT; null before")
    dft_forces_eV_per_A: list[list[float]] | None = Field(
        None, description="on each atom, by DFT; null before"
    )
    calculation: FreeForm = Field(
        default_factory=dict, description="settings, version and repairs of the calculation"
    )
    reason: str = Field("", description="why there is no calculation; empty otherwise")

    def to_structure(self) -> Structure:
        """Return the frame."""
        return Structure.from_dict(self.structure)


class DftCheckDocument(ReplicaDocument):
    """Frames of the hottest sound simulation of one sample, by its potential and by DFT."""

    telling = ("temperature_K", "force_slope", "n_checked")

    trajectory_id: str = Field(description="simulation that the frames are of")
    temperature_K: float = Field(description="of the simulation")
    dft_potential: FreeForm = Field(description="functional, POTCARs and INCAR tags")
    frames: list[CheckedFrame] = Field(description="evenly spaced, equilibration left out")
    n_checked: int = Field(0, description="frames that DFT has computed")
    force_slope: float | None = Field(
        None, description="slope of the potential's forces against those of DFT; below one it is soft"
    )
    force_slope_error: float | None = Field(None, description="standard error; null of one frame")
    energy_slope: float | None = Field(
        None, description="slope of energies about their mean; null of fewer than three frames"
    )
    force_rmse_eV_per_A: float | None = Field(
        None, description="root mean square of the difference of the components"
    )
