"""Numbers that describe a crystal: its topology document and its row in the candidate table hold the same."""

from pydantic import BaseModel, Field


class Descriptors(BaseModel):
    """Descriptors beyond the article's; null where they were not asked for."""

    d1_A: float | None = Field(None, description="shortest hop whose network percolates in one dimension, Å")
    d2_A: float | None = Field(None, description="as d1_A, in two dimensions")
    d3_A: float | None = Field(None, description="as d1_A, in three dimensions")
    v1_A: float | None = Field(None, description="largest sphere that travels in one dimension, Å")
    v2_A: float | None = Field(None, description="as v1_A, in two dimensions")
    v3_A: float | None = Field(None, description="as v1_A, in three dimensions")
