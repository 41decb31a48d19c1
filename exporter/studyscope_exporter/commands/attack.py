"""attack everything this site ever published, as somebody would who has all of it

Looks for small groups that could be proven to exist and for numbers that could be known more exactly than
they were shown. It reads the ledger only: no state, no patient, no key. Exit code 1 when something can be proven.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from studyscope_contract.yaml_file import FileProblem, Problem
from studyscope_exporter.attack.background import Background, deduced
from studyscope_exporter.attack.claims import batches, groups, shown_numbers
from studyscope_exporter.attack.older_rule import beside_since
from studyscope_exporter.attack.prover import Contradiction, Proven, Prover
from studyscope_exporter.attack.published import PublishedHistory
from studyscope_exporter.attack.whole_ledger import NothingPublished, history_of_ledger
from studyscope_exporter.commands.opened import chosen_studies, opened_site, study_argument
from studyscope_exporter.disclosure.ledger import LedgerBroken

KNOWING = (
    ("knows the rules", Background()),
    ("also knows that nobody ever left", Background(nobody_leaves=True)),
    (
        "also knows that stages only advance and results never change",
        Background(nobody_leaves=True, stages_only_advance=True, answers_stay=True),
    ),
)
LISTED = 5


def arguments(parser: argparse.ArgumentParser) -> None:
    study_argument(parser)
    parser.add_argument("--ledger", type=Path, metavar="PATH", help="this ledger file instead of those of the site")


def execute(chosen: argparse.Namespace) -> int:
    results = [_attacked(path) for path in _ledgers(chosen)]
    return 0 if all(results) else 1


def _ledgers(chosen: argparse.Namespace) -> Iterator[Path]:
    if chosen.ledger is not None:
        yield chosen.ledger
        return
    with opened_site(chosen) as site:
        yield from [study.domain.ledger_path for study in chosen_studies(site, chosen)]


def _attacked(path: Path) -> bool:
    """Whether nothing can be proven; prints what was tried."""
    try:
        history = history_of_ledger(path.read_bytes())
    except NothingPublished:
        print(f"{path}: nothing was published yet, so there is nothing to attack")
        return True
    except (OSError, LedgerBroken, ValueError, KeyError) as problem:
        why = f"cannot be read as a ledger ({problem}); `studyscope-exporter ledger` says what is wrong with it"
        raise FileProblem(path, [Problem(1, "", why)]) from None
    print(f"study {history.study} at {history.site}: {len(history.moments)} grid points at which published numbers moved")
    safe = []
    for who, known in KNOWING:
        print(f"\nSomebody who has every published number and {who}:")
        safe.append(_tried(history, known))
    print("Nothing about a small group can be proven." if all(safe) else "SOMETHING CAN BE PROVEN: tell the Studyscope team.")
    return all(safe)


def _tried(history: PublishedHistory, known: Background) -> bool:
    try:
        return _proven_nothing(history, known)
    except Contradiction:
        return _tried_by_older_rule(history, known)


def _tried_by_older_rule(history: PublishedHistory, known: Background) -> bool:
    try:
        since = beside_since(history, known)
        print(f"  results were shown by an older rule before grid point {since}, and the attacker knows that rule too")
        return _proven_nothing(history, replace(known, beside_since=since))
    except Contradiction:
        print("  this is not true of your hospital: what was published shows it. Nobody can start from it.")
        return True


def _proven_nothing(history: PublishedHistory, known: Background) -> bool:
    deduction = deduced(history, known)
    parts = groups(deduction), shown_numbers(deduction), batches(deduction)
    first, second = len(parts[0]), len(parts[0]) + len(parts[1])
    prover = Prover(deduction.puzzle, [*parts[0], *parts[1], *parts[2]])
    small, exact = prover.small_groups(slice(0, first)), prover.exact(slice(first, second))
    moved = prover.small_groups(slice(second, None))
    k = history.moments[-1].parameters.k
    _told(f"groups that surely exist and surely have fewer than {k} people", small, first)
    _told("shown numbers that can be known exactly", exact, len(parts[1]))
    _told(f"changes between two versions that are surely of 1 to {k - 1} people", moved, len(parts[2]))
    print("    (such a change is behind at least a whole batch of people and names nobody; up to 2 in 100 are expected)")
    return not small and not any(one.most < k for one in exact)


def _told(what: str, proven: list[Proven], tried: int) -> None:
    print(f"  {what}: {len(proven)} of {tried}")
    for one in proven[:LISTED]:
        print(f"    {one.claim.what}: {one.least} to {one.most}")
    if len(proven) > LISTED:
        print(f"    and {len(proven) - LISTED} more")
