"""Keeps what is shown at what the store holds, whoever wrote it: another aggregator, or a person's command."""

from __future__ import annotations

import asyncio
import logging

from studyscope_aggregator.consortium import Consortium
from studyscope_aggregator.store import ReportStore, StoreUnavailable
from studyscope_aggregator.stored_report import stored_standing

log = logging.getLogger(__name__)

EVERY_SECONDS = 3.0


async def follow(store: ReportStore, consortium: Consortium, every: float = EVERY_SECONDS) -> None:
    """Runs until it is cancelled; a store that is away is asked again."""
    while True:
        await asyncio.sleep(every)
        try:
            await catch_up(store, consortium)
        except StoreUnavailable as problem:
            log.warning("cannot see what others stored: %s", problem)


async def catch_up(store: ReportStore, consortium: Consortium) -> None:
    """Shows reports that others stored, and no longer shows what was retracted. Raises StoreUnavailable."""
    heads = await asyncio.to_thread(store.heads)
    for key, shown in consortium.sequences().items():
        if key not in heads:
            consortium.forget(*key, shown)
    for key, sequence in heads.items():
        before = consortium.standing(*key)
        if before is not None and before.sequence == sequence:
            continue
        for entry in await asyncio.to_thread(store.reports, *key, sequence - 1, 1):
            standing = stored_standing(entry)
            # What this aggregator took while it looked is newer than what it saw in the store.
            if standing is not None and consortium.standing(*key) is before:
                consortium.show(standing)
    consortium.refusals_are(await asyncio.to_thread(store.refusals))
