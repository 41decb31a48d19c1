"""One pass over units (a pair of files, a case of an ensemble) whose key changes with their content: only new keys are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from studyscope_exporter.inventory import Inventory, Reading
from studyscope_exporter.sources.kinds import SiteContext
from studyscope_exporter.sources.source import Progress, ScanResult

Unit = TypeVar("Unit")
_AT_ONCE = 16


def scanned(
    source: str,
    site: SiteContext,
    inventory: Inventory,
    progress: Progress,
    now: Mapping[bytes, Unit],
    reader: Callable[[Sequence[Unit]], list[Reading]],
    ignored: Mapping[str, int],
) -> ScanResult:
    """Brings the inventory to what there is `now`, by item; `reader` is picklable where the site has an executor."""
    had = inventory.items(source)
    new = [item for item in now if item not in had]
    progress.total(len(new))
    for item, reading in zip(new, _readings(site, reader, [now[item] for item in new]), strict=True):
        inventory.put(source, item, reading.records, unreadable=reading.unreadable)
        progress.advance()
    gone = had - now.keys()
    for item in gone:
        inventory.remove(source, item)
    inventory.link_results(source)
    unreadable, _ = inventory.reasons(source)
    return ScanResult(len(now), len(new), len(gone), unreadable, dict(ignored), inventory.unlinked(source))


def _readings(site: SiteContext, reader: Callable[[Sequence[Unit]], list[Reading]], units: Sequence[Unit]) -> Iterator[Reading]:
    for begin in range(0, len(units), _AT_ONCE):
        some = units[begin : begin + _AT_ONCE]
        if site.executor is None:
            for unit in some:
                yield from reader([unit])
        else:
            for readings in site.executor.map(reader, ([unit] for unit in some)):
                yield from readings
