"""Memory of a simulation that stores 100 000 frames of 200 atoms: ``python benchmarks/frames_memory.py [frames]``.

Frames go through the sink of the dynamics into GridFS of an embedded server; each block is read back and checked
against its SHA-256. Prints the resident memory of the process over the run, by tenths, beside what a list of the same
frames would take.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil

from mtl_flows.schemas.dynamics import BlockRecord
from mtl_flows.simulation.frames import BlockFrameSink, FrameBlock
from mtl_flows.store.connection import Connection
from mtl_flows.store.database import MTLStore
from mtl_flows.store.mongod import EmbeddedServer

N_ATOMS = 200


def main(n_frames: int) -> None:
    """Store the frames, read them back, print the memory."""
    process = psutil.Process()
    rng = np.random.default_rng(0)
    start = rng.random((N_ATOMS, 3))
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServer(Path(folder)).lease() as server,
        MTLStore.connect(Connection.parse(server.uri, "frames")) as store,
    ):
        written: list[BlockRecord] = []

        def write(block: FrameBlock) -> None:
            data = block.to_bytes()
            written.append(store.frames.write("soak", int(block.steps[0]), data, len(block.steps)))

        sink = BlockFrameSink(write)
        resident_MiB = []
        for frame in range(n_frames):
            sink.append((start + 1e-4 * frame).astype(np.float32), frame, 1000.0, -1.0)
            if (frame + 1) % (n_frames // 10) == 0:
                resident_MiB.append(process.memory_info().rss / 2**20)
        sink.flush()
        steps = 0
        for block in written:
            frames = FrameBlock.from_bytes(store.frames.read(block))
            if not np.array_equal(frames.steps, np.arange(steps, steps + len(frames.steps))):
                raise SystemExit("frames are missing or doubled")
            steps += len(frames.steps)
    listed_MiB = n_frames * N_ATOMS * 3 * 4 / 2**20
    print(f"{steps} frames of {N_ATOMS} atoms in {len(written)} blocks, read back whole")
    print("resident MiB after each tenth: " + ", ".join(f"{r:.0f}" for r in resident_MiB))
    print(
        f"growth after the first tenth {resident_MiB[-1] - resident_MiB[0]:+.1f} MiB; a list: {listed_MiB:.0f} MiB"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
