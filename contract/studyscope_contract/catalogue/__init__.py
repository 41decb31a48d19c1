"""Every table and series that the system can ever publish; one module per subject."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from studyscope_contract.catalogue import imaging, jobs, progress, segmentation, subgroups
from studyscope_contract.metric import Table

TABLES: Mapping[str, Table] = MappingProxyType(
    {table.id: table for module in (progress, imaging, segmentation, jobs, subgroups) for table in module.TABLES}
)
"""Every table by its id."""
