"""A parsed query as text again, written by us: what Prometheus reads is what was judged.

The parser's own printing does not escape quotes inside matchers. Here every character that is not
plain is written as an escape, and every operation stands in parentheses. What is not known here is refused.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import string
from collections.abc import Callable, Iterable
from typing import Any

import promql_parser as promql

DEEPEST = 100
"""Levels of a query. Dashboards have about twenty; the parser itself ends the program at some ten thousand."""

_PLAIN = frozenset(string.ascii_letters + string.digits + " _-.:,;/|()[]*+?^${}=!<>~%&@#")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_OPERATORS = (
    (promql.MatchOp.Equal, "="),
    (promql.MatchOp.NotEqual, "!="),
    (promql.MatchOp.Re, "=~"),
    (promql.MatchOp.NotRe, "!~"),
)
_GROUPS = (
    (promql.VectorMatchCardinality.ManyToOne, "group_left"),
    (promql.VectorMatchCardinality.OneToMany, "group_right"),
)
_SETS = ("and", "or", "unless")


class QueryRefused(Exception):
    """The query cannot be held to what its asker may see, or is none; the message says why."""


Matchers = Iterable[tuple[str, str, str]]
"""Label, operator and value of each."""

Rewrite = Callable[[str | None, list[tuple[str, str, str]]], Matchers]
"""From a selector's single name, if it has one, and its matchers to those that it is asked with."""


def quoted(text: str) -> str:
    """A PromQL string; every character but letters, digits and harmless signs as an escape."""
    return f'"{"".join(one if one in _PLAIN else _escape(one) for one in text)}"'


def _escape(one: str) -> str:
    return f"\\u{ord(one):04x}" if ord(one) < 0x10000 else f"\\U{ord(one):08x}"


def selector_text(matchers: Matchers) -> str:
    """A selector of series."""
    return "{" + ",".join(f"{label_name(label)}{operator}{quoted(value)}" for label, operator, value in matchers) + "}"


def label_name(name: str) -> str:
    """`name` as it stands in a query; raises QueryRefused."""
    if not _LABEL.fullmatch(name):
        raise QueryRefused(f"{name!r} is no label of this centre")
    return name


class QueryWriter:
    """Writes a parsed query with every selector rewritten."""

    def __init__(self, rewrite: Rewrite, functions: frozenset[str]) -> None:
        self._rewrite, self._functions = rewrite, functions

    def text(self, node: Any, depth: int = 0) -> str:
        """Raises QueryRefused for what is not known, too deep, or refused by `rewrite`."""
        if depth > DEEPEST:
            raise QueryRefused(f"the query has more than {DEEPEST} levels")
        write = _WRITERS.get(type(node))
        if write is None:
            raise QueryRefused(f"{type(node).__name__} is not known here")
        return write(self, node, depth + 1)

    def _vector(self, node: promql.VectorSelector, _: int) -> str:
        return self._selector(node) + _shift(node)

    def _matrix(self, node: promql.MatrixSelector, _: int) -> str:
        return f"{self._selector(node.vector_selector)}[{_span(node.range)}]{_shift(node.vector_selector)}"

    def _selector(self, node: promql.VectorSelector) -> str:
        if node.matchers.or_matchers:
            raise QueryRefused("matchers joined by `or` are not known here: ask for each alone and join the answers by `or`")
        found = [(label_name(one.name), _word(_OPERATORS, one.op), str(one.value)) for one in node.matchers.matchers]
        if node.name is not None:
            found.insert(0, ("__name__", "=", node.name))
        names = [value for label, operator, value in found if label == "__name__" and operator == "="]
        if len(names) > 1 or not all(_METRIC.fullmatch(name) for name in names):
            raise QueryRefused(f"{', '.join(names)}: name one series, in letters, digits and _")
        kept = self._rewrite(names[0] if names else None, found)
        return selector_text(kept)

    def _call(self, node: promql.Call, depth: int) -> str:
        if node.func.name not in self._functions:
            raise QueryRefused(f"{node.func.name}() reads series that no selector names, or is not known here")
        return f"{node.func.name}({', '.join(self.text(one, depth) for one in node.args)})"

    def _aggregate(self, node: promql.AggregateExpr, depth: int) -> str:
        by = ""
        if node.modifier is not None:
            word = "by" if node.modifier.type == promql.AggModifierType.By else "without"
            by = f" {word} ({_labels(node.modifier.labels)})"
        inside = [self.text(one, depth) for one in (node.param, node.expr) if one is not None]
        return f"{node.op}{by} ({', '.join(inside)})"

    def _binary(self, node: promql.BinaryExpr, depth: int) -> str:
        how = _joining(node.modifier, str(node.op)) if node.modifier is not None else ""
        return f"({self.text(node.lhs, depth)} {node.op}{how} {self.text(node.rhs, depth)})"

    def _unary(self, node: promql.UnaryExpr, depth: int) -> str:
        return f"(-{self.text(node.expr, depth)})"

    def _in_parentheses(self, node: promql.ParenExpr, depth: int) -> str:
        return f"({self.text(node.expr, depth)})"

    def _subquery(self, node: promql.SubqueryExpr, depth: int) -> str:
        step = _span(node.step) if node.step is not None else ""
        return f"({self.text(node.expr, depth)})[{_span(node.range)}:{step}]{_shift(node)}"

    def _number(self, node: promql.NumberLiteral, _: int) -> str:
        if math.isinf(node.val):
            return "Inf" if node.val > 0 else "(-Inf)"
        return "NaN" if math.isnan(node.val) else f"({node.val!r})"

    def _string(self, node: promql.StringLiteral, _: int) -> str:
        return quoted(node.val)


_WRITERS: dict[type[Any], Callable[[QueryWriter, Any, int], str]] = {
    promql.VectorSelector: QueryWriter._vector,
    promql.MatrixSelector: QueryWriter._matrix,
    promql.Call: QueryWriter._call,
    promql.AggregateExpr: QueryWriter._aggregate,
    promql.BinaryExpr: QueryWriter._binary,
    promql.UnaryExpr: QueryWriter._unary,
    promql.ParenExpr: QueryWriter._in_parentheses,
    promql.SubqueryExpr: QueryWriter._subquery,
    promql.NumberLiteral: QueryWriter._number,
    promql.StringLiteral: QueryWriter._string,
}


def _joining(modifier: promql.BinModifier, operator: str) -> str:
    if modifier.fill_values.lhs is not None or modifier.fill_values.rhs is not None:
        raise QueryRefused("fill values are not known here: join with `or`")
    words = " bool" if modifier.return_bool else ""
    if modifier.matching is not None:
        word = "on" if modifier.matching.type == promql.LabelModifierType.Include else "ignoring"
        words += f" {word} ({_labels(modifier.matching.labels)})"
    group = _word(_GROUPS, modifier.card)
    if group and operator not in _SETS:
        words += f" {group} ({_labels(modifier.group_labels or [])})"
    return words


def _word(words: Iterable[tuple[Any, str]], kind: Any) -> str:
    """The parser's kinds can be compared and not hashed."""
    return next((word for one, word in words if one == kind), "")


def _labels(names: Iterable[str]) -> str:
    return ", ".join(label_name(name) for name in names)


def _span(length: dt.timedelta | None) -> str:
    if length is None:
        raise QueryRefused("a range has no length")
    return f"{round(length / dt.timedelta(milliseconds=1))}ms"


def _shift(node: promql.VectorSelector | promql.SubqueryExpr) -> str:
    """`@` and `offset` of a selector or subquery."""
    words = ""
    if node.at is not None:
        end = "start()" if node.at.type == promql.AtModifierType.Start else "end()"
        words = f" @ {node.at.at.timestamp():.3f}" if node.at.at is not None else f" @ {end}"
    if node.offset is not None:
        back = node.offset >= dt.timedelta(0)
        words += f" offset {'' if back else '-'}{_span(abs(node.offset))}"
    return words
