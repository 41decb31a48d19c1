"""What the API answers in JSON."""

from __future__ import annotations

import datetime as dt

from pydantic import BaseModel, Field


class RefusalAnswer(BaseModel):
    """The centre does not take the report."""

    reason: str = Field(description="a code of the closed list of reasons")
    message: str = Field(description="what the site's IT can do")
    temporary: bool = Field(description="whether the same bytes can be accepted later")


class LastAnswer(BaseModel):
    """The newest report of a site that the centre holds, so that the site knows where to go on."""

    study: str
    site: str
    sequence: int
    grid_time: dt.datetime


class Missing(BaseModel):
    """There is nothing under this address."""

    message: str
