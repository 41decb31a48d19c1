"""Follows the registry folder, so that a new site or key needs no restart."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from pathlib import Path

from studyscope_aggregator.clock import Clock
from studyscope_aggregator.metrics import OwnMetrics
from studyscope_aggregator.parsed_files import ParsedFiles
from studyscope_aggregator.registry import AUDIT_FILE, Registry, load_registry, registry_files, unregistered
from studyscope_contract.amount import amount
from studyscope_contract.yaml_file import FileProblem

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
LARGE = 10_000
"""Bytes of a file that takes a tenth of a second to parse on a busy machine."""

Stamp = tuple[tuple[str, int, int, int], ...]
"""Of every file its name, when it was written, its bytes and its inode."""


class RegistryWatch:
    """The registry as it stands; a file that cannot be used leaves the last good registry in force.

    The first load raises FileProblem: a centre does not start on a registry that it cannot read. Large files
    that changed are parsed in `beside`, so that sites do not wait meanwhile; without it, at once.
    """

    def __init__(
        self,
        folder: Path,
        metrics: OwnMetrics,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
        beside: Executor | None = None,
    ) -> None:
        self._folder, self._metrics, self._clock, self._monotonic = folder, metrics, clock, monotonic
        self._beside = beside
        self._parsing: Future[None] | None = None
        self._parsed: Stamp = ()
        self._told: frozenset[str] = frozenset()
        self._stamp = _stamp(folder)
        self._files = ParsedFiles()
        self._registry = load_registry(folder, self._files)
        self._checked = monotonic()
        self.edition = 1
        self._loaded()

    def current(self) -> Registry:
        """The registry in force; looks at the folder at most once a second."""
        now = self._monotonic()
        if now - self._checked >= CHECK_SECONDS:
            self._checked = now
            stamp = _stamp(self._folder)
            if stamp != self._stamp and not self._waits_for(stamp):
                self._stamp = stamp
                self._reload()
        return self._registry

    def look_again(self) -> None:
        """The next look is at the folder, because something was just written there."""
        self._checked = -math.inf

    def _waits_for(self, stamp: Stamp) -> bool:
        """Whether large files of `stamp` are being parsed; what else changed meanwhile waits with them."""
        if self._parsing is not None and not self._parsing.done():
            return True
        known = {*self._stamp, *self._parsed}
        if self._beside is None or not any(one not in known and one[2] > LARGE and one[0] != AUDIT_FILE for one in stamp):
            return False
        self._parsed, self._parsing = stamp, self._beside.submit(self._parse)
        return True

    def _parse(self) -> None:
        with suppress(FileProblem):  # kept with the files, and said when they are loaded
            load_registry(self._folder, self._files)

    def _reload(self) -> None:
        try:
            registry = load_registry(self._folder, self._files)
        except FileProblem as problem:
            self._metrics.registry_reload_success.set(0)
            log.error("registry not reloaded, the last good one stays in force; correct this:\n%s", problem)
            return
        self._registry = registry
        self.edition += 1
        self._loaded()

    def _loaded(self) -> None:
        self._metrics.registry_reload_success.set(1)
        self._metrics.registry_reload_timestamp.set(self._clock.now().timestamp())
        studies, sites = amount(len(self._registry.studies), "study", "studies"), amount(len(self._registry.sites), "site")
        log.info("registry loaded: %s, %s with a key", studies, sites)
        without_key = frozenset(unregistered(self._registry))
        for name in sorted(without_key - self._told):
            log.warning("%s is in the study file but has no key here: it cannot report until one is accepted (see sites)", name)
        self._told = without_key


def _stamp(folder: Path) -> Stamp:
    found = []
    for path in registry_files(folder):
        try:
            state = path.stat()
        except OSError:
            continue
        found.append((path.name, state.st_mtime_ns, state.st_size, state.st_ino))
    return tuple(found)
