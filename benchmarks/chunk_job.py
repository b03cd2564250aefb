"""What a job of one chunk costs beside its dynamics: ``python benchmarks/chunk_job.py [chunks]``.

Short chunks of CHGNet on a small cell of LiCl, each a job of a real worker on an embedded server. What a job takes by
the clock, less what its record says that the dynamics took, stands beside what as many bare pings of the same server
take in the same run. Nothing else should run meanwhile.
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from launchpad_scale import Commands
from pymatgen.core import Lattice, Structure
from pymongo import monitoring

from mtl_flows.flows.dynamics import DynamicsFlowMaker
from mtl_flows.jobs.ingest import ingest
from mtl_flows.launch.events import RocketEvent, RocketOutcome
from mtl_flows.launch.submit import submit
from mtl_flows.launch.worker import work
from mtl_flows.science.dynamics import DiffusionParameters, DynamicsBudget
from mtl_flows.science.ordering import OrderingParameters
from mtl_flows.stages.dynamics import DynamicsParameters
from mtl_flows.stages.ordering import parent_id
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.mongod import EmbeddedServer

CHUNK_PS = 0.01


def hand_in(address: Connection, folder: Path, n_chunks: int) -> None:
    """Ingest a crystal and submit its dynamics at one temperature."""
    salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.13), ["Li", "Cl"], [[0] * 3, [0.5] * 3])
    salt.to(str(folder / "licl.cif"))
    total_ps = n_chunks * CHUNK_PS
    parameters = DynamicsParameters(
        ordering=OrderingParameters(min_plane_spacing_A=5.0, min_mobile_ions=4),
        relax_fmax_eV_per_A=1.0,
        temperatures_K=(1000.0,),
        heat_ps=CHUNK_PS,
        production_ps=total_ps,
        chunk_ps=CHUNK_PS,
        frame_interval_fs=4.0,
        diffusion=DiffusionParameters(discard_ps=CHUNK_PS),
        budget=DynamicsBudget(max_production_ps=total_ps),
    )
    with MTLStore.connect(address) as store:
        ingest(store, [folder / "licl.cif"], release="benchmark", workers=0)
        (subject,) = store.structures.subjects(store.structures.current_ids())
    submit(
        DynamicsFlowMaker(parameters=parameters).make(parent_id(subject), subject.material_id),
        address,
        name="chunks",
    )


def main(n_chunks: int) -> None:
    """Print the medians over the chunks that go on with another."""
    commands = Commands()
    monitoring.register(commands)
    jobs: list[tuple[str, float, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder) / "mongod")
        address = Connection.parse(server.start().uri, "mtl_chunks")
        try:
            hand_in(address, Path(folder), n_chunks)
            last, asked = time.perf_counter(), 0

            def note(event: RocketEvent) -> None:
                nonlocal last, asked
                if event.outcome is RocketOutcome.COMPLETED:
                    now, total = time.perf_counter(), sum(commands.counts.values())
                    jobs.append((event.name, now - last, total - asked))
                    last, asked = now, total

            work(address, launch_dir=Path(folder) / "launches", on_event=note)
            with MTLStore.connect(address) as store:
                (run,) = store.dynamics.find({"trajectory_stage": "production"})
                dynamics_s = [chunk.wall_s for chunk in run.chunks][1:-1]
                begin = time.perf_counter()
                for _ in range(1000):
                    store.client.admin.command("ping")
                ping_s = (time.perf_counter() - begin) / 1000
        finally:
            server.stop()
    going_on = [(wall_s, n) for name, wall_s, n in jobs if "from step" in name][: len(dynamics_s)]
    beside_ms = [1e3 * (wall_s - spent_s) for (wall_s, _), spent_s in zip(going_on, dynamics_s, strict=True)]
    asked = median(n for _, n in going_on)
    print(
        f"{len(going_on)} jobs of a chunk: {median(beside_ms):.1f} ms beside the dynamics, {asked:g} requests; so many "
        f"pings take {1e3 * asked * ping_s:.1f} ms (ratio {median(beside_ms) / (1e3 * asked * ping_s):.1f})"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
