"""Which kinds of sources there are: one module of this package each, named as its `kind`.

A module of a kind has `Settings`, a Strict model with `name` and `kind`, and
`open_source(settings, site) -> Source`. Adding a kind is adding its module.
"""

from __future__ import annotations

import datetime as dt
import importlib
import pkgutil
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from types import ModuleType
from typing import Annotated, Any

from pydantic import Field

from studyscope_exporter import sources
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.sources.source import Source

_NOT_A_KIND = frozenset(
    {"source", "kinds", "naming", "tables", "keyed_scan", "ensemble_cases", "pair_files", "case_results", "log_lines"}
)


@dataclass(frozen=True)
class SiteContext:
    """What a source needs of its site."""

    pseudonyms: Pseudonyms
    now: Callable[[], dt.datetime]
    studies: frozenset[str] = frozenset()
    executor: Executor | None = None


@cache
def kinds() -> dict[str, ModuleType]:
    """The module of every kind of source, by the kind's name."""
    found = (module.name for module in pkgutil.iter_modules(sources.__path__) if module.name not in _NOT_A_KIND)
    modules = {name: importlib.import_module(f"{sources.__name__}.{name}") for name in sorted(found)}
    return {name: module for name, module in modules.items() if hasattr(module, "open_source")}


def settings_of_any_kind() -> Any:
    """A type for one source in the site file: the settings of the kind that its `kind` names."""
    models = [module.Settings for module in kinds().values()]
    return Annotated[reduce(or_, models), Field(discriminator="kind")] if len(models) > 1 else models[0]


def open_source(settings: Any, site: SiteContext) -> Source:
    """The source that `settings` describe."""
    opened: Source = kinds()[settings.kind].open_source(settings, site)
    return opened
