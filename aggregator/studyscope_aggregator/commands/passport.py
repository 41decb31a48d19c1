"""the passport of a model: versions, provenance and outcomes across sites, as HTML and JSON

MODEL is as the study files write it: the model of a workflow, the study's segmentation algorithm, or a classifier.
The same bytes whenever it is asked for again with the same --at and --known-at.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from studyscope_aggregator.clock import SystemClock
from studyscope_aggregator.commands.report import moment_arguments
from studyscope_aggregator.papers.as_known import Moments, NotKnown, known_study
from studyscope_aggregator.papers.passport import Passport, StudyPart, as_html, as_json, study_part
from studyscope_aggregator.registry import Registry, load_registry
from studyscope_aggregator.settings import CentreSettings
from studyscope_aggregator.store import ReportStore
from studyscope_aggregator.stores.opened import open_store
from studyscope_contract.study import Study


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL")
    moment_arguments(parser)
    parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where the two files go (default: here)")


def execute(settings: CentreSettings, chosen: argparse.Namespace) -> int:
    store, registry = open_store(settings.store), load_registry(settings.registry)
    try:
        moments = Moments.parse(chosen.at, chosen.known_at, SystemClock().now())
        found = [_part(chosen.model, study, moments, settings, registry, store) for study in registry.studies]
    except NotKnown as problem:
        print(problem)
        return 1
    finally:
        store.close()
    parts = tuple(part for part in found if part is not None)
    if not parts:
        models = sorted({name for file in registry.studies.values() for name in _models(file.study)})
        print(f"no study of this centre used a model {chosen.model} then; today they use {', '.join(models) or 'none'}")
        return 1
    _write(Passport(chosen.model, moments, parts), chosen.out)
    print(f"the same again: passport '{chosen.model}' --at {chosen.at} --known-at {moments.known.isoformat()}")
    return 0


def _models(study: Study) -> Iterator[str]:
    """Every name that a passport can be asked for by."""
    yield from (one.model for one in study.workflows)
    yield from (one.name for one in (study.algorithm,) if one is not None)
    yield from (one.id for one in study.classifiers)


def _part(
    model: str, study: str, moments: Moments, settings: CentreSettings, registry: Registry, store: ReportStore
) -> StudyPart | None:
    try:
        known = known_study(study, moments, settings.registry, registry, store)
    except NotKnown:  # signed later than that: it used nothing yet
        return None
    earlier = [file.study for number, file in sorted(registry.signed.get(study, {}).items()) if number < known.study.version]
    return study_part(model, known, earlier)


def _write(passport: Passport, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", passport.model).strip("-.")
    for ending, content in (("html", as_html(passport)), ("json", as_json(passport))):
        path = folder / f"passport-{name}-{passport.moments.day}.{ending}"
        path.write_text(content, encoding="utf-8")
        print(path)
