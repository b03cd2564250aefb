"""Frames kept in memory."""

from mtl_flows.simulation.frames import BlockFrameSink, FrameBlock


class MemoryFrameSink(BlockFrameSink):
    """Keeps every block."""

    def __init__(self) -> None:
        self.blocks: list[FrameBlock] = []
        super().__init__(self.blocks.append)
