"""Label maps in NIfTI-1 and NIfTI-2 files, read as a stream."""

from __future__ import annotations
