"""What a lane says of the examples, as JSON on standard output: run by `test_lanes.py` in the environment of each."""

import json
import sys
from hashlib import sha256
from importlib.metadata import version
from typing import Any

from mtl_flows import screen
from mtl_flows.report.examples import shipped_table
from mtl_flows.science.compounds import build_structure, load_compounds
from mtl_flows.science.topology import Barcodes, TopologyResult


def digest(barcodes: Barcodes) -> str:
    """Of every birth and death, to the last bit."""
    return sha256(barcodes.h0_deaths_A.tobytes() + barcodes.h1_A.tobytes()).hexdigest()


def described(topology: TopologyResult) -> dict[str, Any]:
    """Everything that topology finds of a crystal, numbers as Python writes them in full."""
    bars = topology.barcodes
    clouds = [bars.cell_mobile, bars.cell_framework]
    clouds += [cloud for orbit in bars.orbits for cloud in (orbit.mobile, orbit.framework)]
    return {
        "barcodes": [digest(cloud) for cloud in clouds],
        "r_connected_A": float(topology.r_connected_A),
        "rho_cycles": {protocol: float(value) for protocol, value in topology.rho_cycles.items()},
        "hops_A": [float(value) for value in topology.d_A],
        "channels_A": [repr(float(value)) for value in topology.v_A],
        "features": {
            protocol: {name: float(value) for name, value in features.items()}
            for protocol, features in topology.features.items()
        },
    }


def main() -> None:
    """Screen the examples and print what came out."""
    compounds = load_compounds(shipped_table())
    crystals = {compound.id: build_structure(compound) for compound in compounds}
    known = [compound.id for compound in compounds if compound.known_conductor]
    answers = {
        one.id: {
            "topology": described(one.topology),
            "clusters": dict(one.clusters),
            "gates": {protocol: standing.outcome for protocol, standing in one.standings.items()},
            "rules": one.chemistry.failures,
        }
        for one in screen(crystals, known=known)
        if one.topology is not None and one.chemistry is not None
    }
    versions = {name: version(name) for name in ("numpy", "scikit-learn", "giotto-ph", "scipy")}
    json.dump({"answers": answers, "versions": versions}, sys.stdout)


if __name__ == "__main__":
    main()
