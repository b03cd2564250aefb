"""Documents of the topology stage: barcodes, and the metrics and features made from them."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mtl_flows.schemas.base import BYTES_IN_JSON, CrystalResult, Header, shared
from mtl_flows.schemas.descriptors import Descriptors
from mtl_flows.science.topology import (
    Barcodes,
    OrbitBarcodes,
    Protocol,
    StructureBarcodes,
    TopologyResult,
    decode_barcodes,
)


class OrbitRecord(BaseModel):
    """Barcodes of the two clouds around one mobile site, for its whole symmetry orbit."""

    model_config = ConfigDict(extra="forbid", frozen=True, **BYTES_IN_JSON)

    site_index: int = Field(description="index of the representative site in the structure")
    label: str = Field(description="site label")
    multiplicity: int = Field(description="number of equivalent sites in the cell")
    n_mobile_in_sphere: int = Field(description="mobile sites within the cutoff, the centre included")
    n_framework_in_sphere: int = Field(description="framework sites within the cutoff")
    r_connected_A: float = Field(description="largest finite H0 death of the mobile cloud, Å")
    mobile: bytes = Field(description="packed float32 barcodes of the mobile sphere")
    framework: bytes = Field(description="packed float32 barcodes of the framework sphere")

    def barcodes(self) -> tuple[Barcodes, Barcodes]:
        """Barcodes of the mobile and of the framework sphere."""
        return decode_barcodes(self.mobile), decode_barcodes(self.framework)


class BarcodeDocument(CrystalResult):
    """Lossless barcodes of one structure, from which every metric and feature can be made again."""

    telling = ("crystal_id",)

    orbits: list[OrbitRecord] = Field(description="one entry per orbit of mobile sites")
    cell_mobile: bytes = Field(description="packed barcodes of the mobile sites of the cell")
    cell_framework: bytes = Field(description="packed barcodes of the framework sites of the cell")

    def decode(self) -> StructureBarcodes:
        """Unpack every barcode."""
        return unpack_barcodes(self.model_dump())

    @classmethod
    def of(cls, header: Header, barcodes: StructureBarcodes) -> Self:
        """Pack barcodes."""
        return cls(
            **header.fields(),
            orbits=[
                OrbitRecord(
                    **shared(OrbitRecord, orbit)
                    | {"mobile": orbit.mobile.pack(), "framework": orbit.framework.pack()}
                )
                for orbit in barcodes.orbits
            ],
            cell_mobile=barcodes.cell_mobile.pack(),
            cell_framework=barcodes.cell_framework.pack(),
        )


def unpack_barcodes(stored: Mapping[str, Any]) -> StructureBarcodes:
    """Unpack a barcode document as the server returns it, without checking what the store wrote.

    Parameters
    ----------
    stored
        The barcodes of the orbits may be left out; their multiplicities are needed.
    """
    nothing = Barcodes(np.empty(0, np.float32), np.empty((0, 2), np.float32))
    return StructureBarcodes(
        orbits=tuple(
            OrbitBarcodes(
                site_index=orbit.get("site_index", -1),
                label=orbit.get("label", ""),
                multiplicity=orbit["multiplicity"],
                mobile=decode_barcodes(orbit["mobile"]) if "mobile" in orbit else nothing,
                framework=decode_barcodes(orbit["framework"]) if "framework" in orbit else nothing,
                n_mobile_in_sphere=orbit.get("n_mobile_in_sphere", 0),
                n_framework_in_sphere=orbit.get("n_framework_in_sphere", 0),
                r_connected_A=orbit.get("r_connected_A", float("nan")),
            )
            for orbit in stored["orbits"]
        ),
        cell_mobile=decode_barcodes(stored["cell_mobile"]),
        cell_framework=decode_barcodes(stored["cell_framework"]),
    )


class TopologyDocument(Descriptors, CrystalResult):
    """Metrics, named features and extended descriptors of one structure, under both protocols."""

    telling = ("r_connected_A", "v3_A", "d3_A")

    n_sites: int = Field(description="sites of the cell, partial occupancy counted as one")
    n_mobile: int = Field(description="mobile sites of the cell")
    n_framework: int = Field(description="framework sites of the cell")
    r_connected_A: float = Field(description="mean over mobile sites of the largest H0 death, Å")
    rho_cycles: dict[Protocol, float] = Field(
        description="loops per mobile site at r_connected, for each protocol's cloud"
    )
    features: dict[Protocol, dict[str, float]] = Field(description="the 22 named features of each protocol")
    timings_s: dict[str, float] = Field(description="seconds spent in each part of the computation")

    @classmethod
    def of(cls, header: Header, result: TopologyResult) -> Self:
        """Document what a structure's topology gave."""
        return cls(
            **header.fields(),
            **shared(cls, result),
            **result.descriptors,
        )
