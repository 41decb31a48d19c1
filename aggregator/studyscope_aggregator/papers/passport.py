"""The passport of a model: where it is used, in which versions, from which study file, and its outcomes across sites."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from studyscope_aggregator.papers.as_known import KnownStudy, Moments
from studyscope_aggregator.papers.paper_template import paper_template
from studyscope_aggregator.papers.rows import Block, blocks
from studyscope_contract.catalogue import quality, segmentation
from studyscope_contract.study import Study

SEGMENTATION = frozenset(table.id for table in (*segmentation.TABLES, *quality.TABLES))
"""Tables of what the study's one segmentation algorithm found."""


@dataclass(frozen=True)
class Use:
    """One place of a study file that names the model; `role` is `workflow`, `algorithm` or `classifier`."""

    role: str
    id: str
    title: str
    version: str


@dataclass(frozen=True)
class StudyPart:
    """The model in one study, as it was known."""

    known: KnownStudy
    uses: tuple[Use, ...]
    before: tuple[tuple[int, str], ...]
    """Versions of the model in earlier versions of the study file: (study file, model)."""
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Passport:
    """The model in every study of the centre."""

    model: str
    moments: Moments
    parts: tuple[StudyPart, ...]


def uses(model: str, study: Study) -> tuple[Use, ...]:
    """Where a study file names the model; small and capital letters are the same."""
    wanted = model.casefold().strip()
    found = [Use("workflow", one.id, one.title, one.version) for one in study.workflows if one.model.casefold() == wanted]
    if study.algorithm is not None and study.algorithm.name.casefold() == wanted:
        found.append(Use("algorithm", "", study.algorithm.name, study.algorithm.version or "any version"))
    found += [
        Use("classifier", one.id, one.title, one.version or "any version")
        for one in study.classifiers
        if wanted in {one.id.casefold(), one.title.casefold()}
    ]
    return tuple(found)


def study_part(model: str, known: KnownStudy, earlier: Sequence[Study]) -> StudyPart | None:
    """None where the study does not use the model; `earlier`: signed versions before the one that is known."""
    used = uses(model, known.study)
    if not used:
        return None
    before = [(study.version, one.version) for study in earlier for one in uses(model, study)]
    return StudyPart(known, used, tuple(before), tuple(_blocks_of(used, known)))


def _blocks_of(used: Sequence[Use], known: KnownStudy) -> Iterator[Block]:
    entries = {(one.role, one.id) for one in used}
    segments = any(one.role == "algorithm" for one in used)
    for block in blocks(known):
        of_list = (block.table.per, block.key.per) in entries
        if of_list or (segments and (block.table.per == "structure" or block.table.id in SEGMENTATION)):
            yield block


def as_json(passport: Passport) -> str:
    """The passport for programs, with the line to cite."""
    content = _content(passport)
    return json.dumps(content | {"citation": _citation(passport, content)}, indent=1, ensure_ascii=False) + "\n"


def as_html(passport: Passport) -> str:
    """One page that needs nothing else."""
    citation = _citation(passport, _content(passport))
    return paper_template("passport.html").render(passport=passport, moments=passport.moments, citation=citation)


def _content(passport: Passport) -> dict[str, Any]:
    moments = passport.moments
    return {
        "model": passport.model,
        "at": moments.at.isoformat(),
        "known_at": moments.known.isoformat(),
        "studies": [_study(part) for part in passport.parts],
    }


def _study(part: StudyPart) -> dict[str, Any]:
    known = part.known
    return {
        "study": known.study.id,
        "title": known.study.title,
        "study_file": {"version": known.study.version, "sha256": known.file_sha256, "signed": known.signed},
        "uses": [asdict(one) for one in part.uses],
        "versions_before": [{"study_file": file, "version": version} for file, version in part.before],
        "sites_expected": sum(one.expected for one in known.members),
        "reports_deleted_since": known.purged,
        "tables": [_table(block) for block in part.blocks],
    }


def _table(block: Block) -> dict[str, Any]:
    left_out = ("table", "per", "sites_expected")
    rows = [{name: value for name, value in asdict(row).items() if name not in left_out} for row in block.rows]
    return {"table": block.key.table, "per": block.key.per, "counts": block.table.help, "cells": rows}


def _citation(passport: Passport, content: dict[str, Any]) -> str:
    moments, text = passport.moments, json.dumps(content, sort_keys=True, ensure_ascii=False)
    studies = ", ".join(f"{part.known.study.id} version {part.known.study.version}" for part in passport.parts)
    return (
        f"{passport.model}: numbers of {moments.words} as known at {moments.known.isoformat()}, from {studies}; "
        f"Studyscope passport, SHA-256 {hashlib.sha256(text.encode()).hexdigest()[:16]}."
    )
