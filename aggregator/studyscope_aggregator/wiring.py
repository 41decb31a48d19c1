"""What the routes are given: made once by `create_app`, reached through the application's state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from studyscope_aggregator.access.guard import AccessGuard
from studyscope_aggregator.clock import Clock
from studyscope_aggregator.consortium import Consortium
from studyscope_aggregator.enrolment_requests import EnrolmentRequests
from studyscope_aggregator.exposition import Exposition
from studyscope_aggregator.limits import CallLimits
from studyscope_aggregator.metrics import OwnMetrics
from studyscope_aggregator.reception import Reception
from studyscope_aggregator.store import ReportStore
from studyscope_contract.keys import SigningKey


@dataclass(frozen=True)
class Wiring:
    """The parts of one running aggregator."""

    clock: Clock
    metrics: OwnMetrics
    store: ReportStore
    consortium: Consortium
    reception: Reception
    exposition: Exposition
    key: SigningKey | None
    enrolments: EnrolmentRequests
    limits: CallLimits
    access: AccessGuard | None = None


async def _of_request(request: Request) -> Wiring:
    # Not a plain function: FastAPI would run it in another thread, at every request.
    wiring: Wiring = request.app.state.wiring
    return wiring


Wired = Annotated[Wiring, Depends(_of_request)]
