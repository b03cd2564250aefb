"""Names and figures on which workers, configuration files and the database agree."""

from collections.abc import Mapping
from types import MappingProxyType

from mtl_flows.vocabulary import WorkKind

LIGHT = "mtl-light"
HEAVY = "mtl-heavy"
GPU = "mtl-gpu"
VASP = "mtl-vasp"
DYNAMICS = (HEAVY, GPU, VASP)
CATEGORIES = (LIGHT, *DYNAMICS)
"""Categories of jobs: screening (seconds to minutes, one core), and relaxation and molecular dynamics (hours) by a
potential on a CPU, or wherever the worker has it, by a potential on a GPU, by VASP.
"""

EXTRA_OF: Mapping[str, str] = MappingProxyType({LIGHT: "topology", **dict.fromkeys(DYNAMICS, "dynamics")})
"""The extra that jobs of each category need."""

KINDS: Mapping[WorkKind, tuple[str, ...]] = MappingProxyType(
    {
        "light": (LIGHT,),
        "heavy": DYNAMICS,
        "cpu": (HEAVY,),
        "gpu": (GPU,),
        "vasp": (VASP,),
        "any": CATEGORIES,
    }
)
"""Categories of jobs that a worker of each kind takes."""

WORK_KEY = "mtl_key"
"""Field of a workflow's metadata that names the work it claims; no two workflows have the same."""

INPUTS_KEY = "mtl_inputs"
"""Field of a workflow's metadata that names what its jobs were made of."""

PAUSE_FIELD = "mtl_pause"
"""Field in the spec of a job that runs: the jobs that it creates are to be paused."""

OUTPUTS = "outputs"
BLOBS = "outputs_blobs"
"""Collections of job outputs and, in GridFS, of the large objects among them."""

HEARTBEAT_S = 60.0
"""Seconds between two signs of life of a running job."""

HEARTBEAT_FIELD = "mtl_heartbeat_s"
"""Field of a worker's environment that says so, and through it of every launch."""

SIGN_FIELD = "mtl_alive"
"""Field of a launch: when its job was seen alive, by the server's clock."""

LOST_AFTER_S = 10 * HEARTBEAT_S
"""Seconds of silence after which a run counts as lost."""

CARRIER_FIELD = "mtl_carrier"
"""Field of a worker's environment that says in which folder its jobs wait for nodes that see no database."""
