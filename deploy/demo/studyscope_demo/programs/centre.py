"""The ordinary aggregator, given the demo's clock; nothing else in it is special."""

from __future__ import annotations
