"""PromQL as a tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import promql_parser

_INSIDE = ("lhs", "rhs", "expr", "param")


def selectors(node: Any) -> Iterator[promql_parser.VectorSelector]:
    """Every selector of series in a parsed expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    elif isinstance(node, promql_parser.MatrixSelector):
        yield node.vector_selector
    else:
        for inside in (*(getattr(node, name, None) for name in _INSIDE), *getattr(node, "args", ())):
            if inside is not None:
                yield from selectors(inside)


def calls(node: Any) -> Iterator[promql_parser.Call]:
    """Every call of a function in a parsed expression, outer ones first."""
    if isinstance(node, promql_parser.Call):
        yield node
    for inside in (*(getattr(node, name, None) for name in _INSIDE), *getattr(node, "args", ())):
        if inside is not None:
            yield from calls(inside)
