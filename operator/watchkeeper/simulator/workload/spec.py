"""What the clients want: the load of a scenario."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class WorkloadSpec(BaseModel):
    """Point reads and small writes, shared out over the regions by Zipf's law; without rates nothing flows at all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reads_per_second: float = Field(default=0.0, ge=0, le=10_000_000, description="reads that clients want, in all")
    writes_per_second: float = Field(default=0.0, ge=0, le=10_000_000, description="writes that clients want, in all")
    zipf: float = Field(
        default=0.8,
        ge=0,
        le=3,
        description="how unevenly regions are used: 0 is evenly; region number k gets a share of 1/k to this power",
    )
    clients: int = Field(
        default=128,
        ge=1,
        le=1_000_000,
        description="requests under way at once: when they all wait, fewer are sent than wanted",
    )
    read_bytes: int = Field(default=1024, ge=1, le=16_777_216, description="of one read")
    read_keys: int = Field(default=1, ge=1, le=100_000, description="of one read")
    write_bytes: int = Field(default=512, ge=1, le=8_388_608, description="of one write")
    write_keys: int = Field(default=1, ge=1, le=100_000, description="of one write")
    growth: float = Field(
        default=0.0, ge=0, le=1, description="part of the written bytes that is new data: regions grow and split by it"
    )

    @property
    def is_quiet(self) -> bool:
        """Nothing is wanted."""
        return self.reads_per_second == 0 and self.writes_per_second == 0
