"""Writes the pages of docs/ that follow from the code; with --check, fails when one is not up to date."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from runbook_page import runbook_page

from studyscope_contract.catalogue import TABLES
from studyscope_contract.catalogue.centre import (
    HISTORY_SERIES,
    SITE_SERIES,
    STUDY_SERIES,
    history_name,
    pool_series,
    total_series,
)
from studyscope_contract.metric import Kind, Table
from studyscope_contract.policy import PRESETS
from studyscope_contract.report import SiteFacts

DOCS = Path(__file__).parent
GENERATED = "<!-- Written by `make docs`; change the catalogue, not this page. -->"


def what_leaves() -> str:
    rows = [
        GENERATED,
        "# What can leave a hospital",
        "",
        "This is everything. It is written from the catalogue of the contract; a table that is not here cannot leave.",
        "Each number counts patients, is shown as the policy says, and only after an approver of the hospital signed the table.",
        "Numbers are protected (unit `patient`); a few can be exact where a protocol obliges to it (unit `reported`, below).",
        "",
        "## The policies",
        "",
        "| preset | groups protected under (k) | in multiples of (b) | nothing under (s) | nothing moves for fewer than (m) |",
        "|---|---|---|---|---|",
        *(f"| `{name}` | {p.k} | {p.b} | {p.s} | {p.m} |" for name, p in PRESETS.items()),
        "",
        "## The tables",
        "",
        "| table | what it counts | how a patient contributes | codes |",
        "|---|---|---|---|",
        *(_row(table) for table in TABLES.values()),
        "",
        "A table marked *per structure* (landmark, classifier, workflow) exists once for each that the study file names.",
        "In a table marked *sensitive* a number is withheld too while fewer than the threshold, or nobody, are beside it: of the",
        "patients of the table, in a two-way one of its subgroup. A *two-way* table exists only where the hospital's policy",
        "declares it (`two_way`), and needs the signatures of two approvers. So does one *of the work of people*, which the",
        "policy declares with a legal basis (`readers`).",
        "",
        "## Exact numbers, where a protocol obliges to them",
        "",
        "Some studies oblige a hospital, in their approved protocol, to report how many patients it has. Its policy can then",
        "say so (`disclosure`, with the legal basis as text), with the signatures of two approvers for each table and before the",
        "first number leaves. These tables then leave with unit `reported`: exact, small ones and 0 too, at every grid point,",
        "without threshold, rounding or delay. No table with an attribute of a patient can, and all other tables of the study",
        "must have bins of k or more (presets `tens-open` and `coarse`): the audit takes it that everybody knows the exact",
        "numbers. Only these tables of the catalogue can be reported so:",
        "",
        *(f"- `{table.id}`: {table.help}" for table in TABLES.values() if table.reportable),
        "",
        "## Facts about the installation",
        "",
        "They come from configuration, never from patient data, and change only at the grid.",
        "",
        *(f"- `{name}`: {field.description or 'see the contract'}" for name, field in SiteFacts.model_fields.items()),
        "",
        "## What never leaves",
        "",
        "Names, identifiers, dates of a person, paths, free text, pixel data, times finer than the grid, and exact counts but",
        "those that a policy reports under a protocol.",
    ]
    return "\n".join(rows) + "\n"


def _row(table: Table) -> str:
    marks = [f"per {table.per}"] if table.per else []
    marks += ["two-way", "two approvers"] if table.kind is Kind.TWO_WAY else []
    marks += ["of the work of people", "two approvers"] if table.of_readers else []
    marks += ["sensitive"] if table.sensitive else []
    name = f"`{table.id}`" + (f" ({', '.join(marks)})" if marks else "")
    return f"| {name} | {table.help} | {table.rule} | {_codes(table)} |"


def _codes(table: Table) -> str:
    if table.kind is Kind.MAGNITUDE:
        return f"one sum; a patient adds at most {table.clip}"
    if not table.dimensions:
        return "one number"
    if table.kind is Kind.TWO_WAY:
        return f"those of `{table.crosses[0]}` × those of `{table.crosses[1]}`"
    codes = table.dimensions[0].codes
    if table.kind is Kind.HISTOGRAM:
        return "upper edges " + ", ".join(codes)
    return ", ".join(codes) if len(codes) <= 14 else f"{', '.join(codes[:10])} … {len(codes)} in all"


def metrics() -> str:
    rows = [
        GENERATED,
        "# Series at the centre",
        "",
        "`/metrics` of the aggregator gives these. Every published table also has a daily history under its own name and totals",
        "over the sites (`total` is `current` or `last_known`).",
        "",
        "| series | labels | meaning |",
        "|---|---|---|",
    ]
    for table in TABLES.values():
        suffix = "_bucket" if table.kind is Kind.HISTOGRAM else ""
        labels = ", ".join(("study", "site", *table.labels))
        rows.append(f"| `{table.metric}{suffix}` | {labels} | {table.help} |")
    derived = (*STUDY_SERIES, *SITE_SERIES)
    rows += [f"| `{series.name}` | {', '.join(series.labels)} | {series.help} |" for series in derived]
    patients = TABLES["population"]
    rows += ["", "## Names that follow from a table, for `study_patients`", ""]
    rows += [f"- `{history_name(series.name)}`: history of `{series.name}`. {series.help}" for series in HISTORY_SERIES]
    rows += [f"- `{history_name(patients.metric)}`: its history, one sample a day, at its true time"]
    pool = pool_series(patients)
    rows += [f"- `{series.name}`: {series.help}" for series in (*total_series(patients), pool) if series is not None]
    return "\n".join(rows) + "\n"


def runbooks() -> str:
    return runbook_page((DOCS / "runbooks.md").read_text(encoding="utf-8"))


PAGES: dict[str, Callable[[], str]] = {
    "what-leaves.md": what_leaves,
    "metrics.md": metrics,
    "../dashboards/studyscope_dashboards/runbooks.html": runbooks,
}


def main(arguments: list[str]) -> int:
    stale = [name for name, page in PAGES.items() if _read(DOCS / name) != page()]
    if "--check" in arguments:
        for name in stale:
            print(f"docs/{name} is not up to date; run: make docs", file=sys.stderr)
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"wrote docs/{name}")
    return 0


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
