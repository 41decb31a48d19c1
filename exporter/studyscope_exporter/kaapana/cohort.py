"""Which series of a platform count: those of its datasets, and those that carry its tags.

Shapes of requests and answers as in Kaapana 0.6.0: kaapana-backend, client/dataset and dataset/series.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

from studyscope_exporter.servers.server import Address, Patience, Server, ServerProblem
from studyscope_exporter.sources.source import SourceUnavailable

_TAGS = "00000000 Tags_keyword.keyword"  # the field of the platform's index of series
_BY_SERIES = "0020000E SeriesInstanceUID_keyword.keyword"
_DATASET, _NUMBER, _SERIES = "/client/dataset", "/dataset/aggregatedSeriesNum", "/dataset/series"
_PAGE = 1000
_MOST_PAGES = 10_000
_SLOWLY = 10_000
"""From this number on the platform turns pages over one state of its index; below it can skip series when some arrive."""


@dataclass(frozen=True)
class Cohort:
    """A series counts when it is in one of the datasets or carries one of the tags."""

    address: Address  # of the platform's backend
    project_id: str
    project_index: str
    datasets: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def series(self, patience: Patience) -> frozenset[str]:
        """SeriesInstanceUIDs; raises SourceUnavailable."""
        project = {"Project": json.dumps({"id": self.project_id, "opensearch_index": self.project_index})}
        asked = "datasets"
        try:
            with Server(self.address, patience, project) as server:
                found = {uid for name in self.datasets for uid in _in_dataset(server, name)}
                asked = "tags"
                return frozenset(found.union(_with_a_tag(server, self.tags) if self.tags else ()))
        except ServerProblem as problem:
            raise SourceUnavailable(f"{asked}: {problem}", temporary=problem.temporary) from None


def _in_dataset(server: Server, name: str) -> list[str]:
    said = server.json(_DATASET, {"name": name})
    uids = said.get("identifiers") if isinstance(said, dict) else None
    if not _are_texts(uids):
        message = f"{server.address.url}{_DATASET} gives no list of series for dataset {name!r}; is it there?"
        raise SourceUnavailable(message, temporary=False)
    return uids


def _with_a_tag(server: Server, tags: tuple[str, ...]) -> Iterator[str]:
    query = {"terms": {_TAGS: list(tags)}}
    # An index that holds nothing yet knows no field to sort by, and answers with an error.
    if server.json(_NUMBER, question={"query": query}) == 0:
        return
    question = {"query": query, "sort": _BY_SERIES, "sortDirection": "asc", "pageLength": _PAGE, "aggregatedSeriesNum": _SLOWLY}
    for page in range(1, _MOST_PAGES + 1):
        uids = server.json(_SERIES, question=question | {"pageIndex": page})
        if not _are_texts(uids):
            message = f"{server.address.url}{_SERIES} gives no list of series; does this release have tags?"
            raise SourceUnavailable(message, temporary=False)
        yield from uids
        if len(uids) < _PAGE:
            return
    raise ServerProblem(f"{server.address.url}{_SERIES} does not end after {_MOST_PAGES} pages", temporary=True)


def _are_texts(uids: object) -> TypeGuard[list[str]]:
    return isinstance(uids, list) and all(isinstance(uid, str) for uid in uids)
