"""What a site says of federated learning: how many rounds, and nothing of what was learned."""

from __future__ import annotations

from pydantic import Field

from studyscope_contract.yaml_file import Frozen


class LearningRounds(Frozen):
    """Rounds by what became of them at the site; no patient can change them."""

    taken_part: int = Field(ge=0, le=1_000_000, description="done in time")
    late: int = Field(ge=0, le=1_000_000)
    missed: int = Field(ge=0, le=1_000_000)
