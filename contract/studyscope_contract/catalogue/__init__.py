"""Every table and series that the system can ever publish; one module per subject."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from studyscope_contract.catalogue import (
    annotation,
    classification,
    completeness,
    follow_up,
    imaging,
    jobs,
    landmarks,
    progress,
    quality,
    segmentation,
    subgroups,
)
from studyscope_contract.metric import Table

_SUBJECTS = (
    progress,
    follow_up,
    imaging,
    completeness,
    segmentation,
    annotation,
    quality,
    landmarks,
    classification,
    jobs,
    subgroups,
)

TABLES: Mapping[str, Table] = MappingProxyType({table.id: table for module in _SUBJECTS for table in module.TABLES})
"""Every table by its id."""
