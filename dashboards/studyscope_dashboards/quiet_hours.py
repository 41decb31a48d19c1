"""Hours in which nobody is told anything new; the mail about what changed goes out when they end."""

from __future__ import annotations

import re
from dataclasses import dataclass

from studyscope_dashboards.held_alerts import held

_FORM = re.compile(r"(\d{1,2})-(\d{1,2})(\+weekends)?")


@dataclass(frozen=True)
class QuietHours:
    """From hour `begin` to hour `end` of each day in UTC, over midnight where `begin` is later; weekends whole or not."""

    begin: int
    end: int
    weekends: bool = False

    @classmethod
    def parse(cls, text: str) -> QuietHours:
        """`20-6` or `20-6+weekends`; raises ValueError that says what is allowed."""
        found = _FORM.fullmatch(text)
        if not found or int(found[1]) > 23 or int(found[2]) > 23 or found[1] == found[2]:
            raise ValueError(f"{text!r} are no quiet hours; write two different hours in UTC, as in 20-6 or 20-6+weekends")
        return cls(int(found[1]), int(found[2]), bool(found[3]))

    def outside(self, alert: str, expr: str) -> str:
        """`expr` by day; in quiet hours what `alert` was when they began."""
        return held(alert, expr, self._now)

    @property
    def _now(self) -> str:
        """One sample in quiet hours, none outside of them."""
        both = "and" if self.begin < self.end else "or"
        hours = f"(hour() >= {self.begin}) {both} (hour() < {self.end})"
        return f"{hours} or (day_of_week() == 0) or (day_of_week() == 6)" if self.weekends else hours
