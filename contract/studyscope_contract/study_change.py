"""What differs between two versions of a study, in words that a hospital can decide on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from studyscope_contract.amount import amount
from studyscope_contract.definition import definition
from studyscope_contract.metric import TableKey, Unit
from studyscope_contract.study import Study

NAMES = ("id", "code", "name")
"""Keys by which entries of a list are told apart, the first that an entry has."""


def study_changes(before: Study, after: Study) -> tuple[str, ...]:
    """Every difference, a sentence each: which tables can leave, which count otherwise, then line by line of the file."""
    return (*_tables(before, after), *_recounted(before, after), *_lines(before, after))


def recounted_tables(before: Study, after: Study) -> tuple[TableKey, ...]:
    """Tables of patients that both versions have and that count other people, or by other rules, in the second."""
    old = dict(before.tables())
    return tuple(
        key
        for key, table in after.tables()
        if key in old and table.unit is Unit.PATIENT and definition(before, key, old[key]) != definition(after, key, table)
    )


def _recounted(before: Study, after: Study) -> Iterator[str]:
    changed = recounted_tables(before, after)
    if changed:
        words = "1 table counts" if len(changed) == 1 else f"{len(changed)} tables count"
        yield (
            f"{words} by other rules: hidden at once where shown here, back when two approvers have signed and a whole batch "
            f"of people has come who did not change by that: {', '.join(str(key) for key in sorted(changed))}"
        )


def _tables(before: Study, after: Study) -> Iterator[str]:
    old, new = ({str(key) for key, _ in study.tables()} for study in (before, after))
    if new - old:
        yield f"{amount(len(new - old), 'table')} can leave that could not before: {', '.join(sorted(new - old))}"
    if old - new:
        yield f"no longer leave: {', '.join(sorted(old - new))}"


def _lines(before: Study, after: Study) -> Iterator[str]:
    old, new = (study.model_dump(mode="json", by_alias=True) for study in (before, after))
    for name in new:
        yield from _differences(name, old.get(name), new[name])


def _differences(place: str, old: Any, new: Any) -> Iterator[str]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            yield from _differences(f"{place}: {name}", old.get(name), new.get(name))
    elif _is_named(old) and _is_named(new):
        theirs, ours = ({_name(entry): entry for entry in entries} for entries in (old, new))
        for name in {**theirs, **ours}:
            if name not in ours:
                yield f"{place}: {name} is taken out"
            elif name not in theirs:
                yield f"{place}: {name} is added ({_words(ours[name])})"
            else:
                yield from _differences(f"{place}: {name}", theirs[name], ours[name])
    else:
        yield f"{place}: {_words(old)} becomes {_words(new)}"


def _is_named(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) and _name(entry) for entry in value)


def _name(entry: dict[str, Any]) -> str:
    return next((str(entry[key]) for key in NAMES if key in entry), "")


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(inner)}" for name, inner in value.items() if inner not in (None, "", [], {}))
    if isinstance(value, list):
        return " and ".join(_words(entry) for entry in value) or "nothing"
    return "nothing" if value in (None, "") else str(value)
