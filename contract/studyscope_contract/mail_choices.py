"""What people chose by the links in their mails: no mails for a time, and planned downtimes of sites."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, StringConstraints, ValidationError

from studyscope_contract.names import Slug
from studyscope_contract.yaml_file import FileProblem, Frozen, Problem

CHOICES_FILE = "mail-choices.json"
"""In the registry folder; written by the aggregator, read by what writes Alertmanager's routes."""

Person = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class StoppedMails(Frozen):
    """Somebody wants no mails about a study, or about the centre where it is empty; `until` None: until they say so."""

    person: Person
    study: Slug | None
    until: dt.date | None

    def holds(self, person: str, study: str, today: dt.date) -> bool:
        return (self.person, self.study or "") == (person, study) and (self.until is None or today <= self.until)


class Downtime(Frozen):
    """A site will not report from the first to the last of these days (UTC), and this is as planned."""

    site: Slug
    first: dt.date
    last: dt.date

    @property
    def end(self) -> dt.datetime:
        """The moment after its last day."""
        return dt.datetime.combine(self.last + dt.timedelta(days=1), dt.time(), dt.UTC)


class MailChoices(Frozen):
    """The whole file."""

    stopped: tuple[StoppedMails, ...] = Field(default=(), max_length=10_000)
    downtimes: tuple[Downtime, ...] = Field(default=(), max_length=10_000)

    @classmethod
    def read(cls, path: Path) -> Self:
        """No choices where there is no file; raises FileProblem."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise FileProblem(path, [Problem(0, "", f"cannot be read: {error.strerror}")]) from None
        except ValidationError:
            raise FileProblem(
                path, [Problem(1, "", "altered by hand? Put back last night's, or remove it: all get mails")]
            ) from None

    def wants_mails(self, person: str, study: str, today: dt.date) -> bool:
        return not any(one.holds(person, study, today) for one in self.stopped)

    def downtime(self, site: str) -> Downtime | None:
        """The one that is planned or runs, if any."""
        return next((one for one in self.downtimes if one.site == site), None)

    def with_stopped(self, person: str, study: str, until: dt.date | None, today: dt.date) -> Self:
        return self._copy(
            stopped=(*self._others(person, study, today), StoppedMails(person=person, study=study or None, until=until))
        )

    def without_stopped(self, person: str, study: str, today: dt.date) -> Self:
        return self._copy(stopped=self._others(person, study, today))

    def with_downtime(self, downtime: Downtime, today: dt.date) -> Self:
        others = self.without_downtime(downtime.site, today).downtimes
        return self._copy(downtimes=(*others, downtime))

    def without_downtime(self, site: str, today: dt.date) -> Self:
        return self._copy(downtimes=tuple(one for one in self.downtimes if one.site != site and one.last >= today))

    def _others(self, person: str, study: str, today: dt.date) -> tuple[StoppedMails, ...]:
        kept = (one for one in self.stopped if one.until is None or one.until >= today)
        return tuple(one for one in kept if (one.person, one.study or "") != (person, study))

    def _copy(self, **update: object) -> Self:
        return self.model_copy(update=update)
