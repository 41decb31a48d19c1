"""Times in which alerts stay as they are: what begins or ends meanwhile is told when they are over.

Alertmanager's own mute intervals and silences lose mails: what resolves while it is muted is forgotten
without a word. So the rules themselves wait.
"""

from __future__ import annotations

from studyscope_contract.catalogue import centre

_ADDED = "alertname, alertstate, audience, severity"
"""Labels that Prometheus and the rule add to those of the expression."""

_LOOKED_BACK = "10m"
"""So long a planned downtime outlives a centre that restarts; one that is ended early ends so much later."""


def held(alert: str, expr: str, when: str, on: str = "") -> str:
    """`expr`, but what `alert` was before for as long as `when` has a sample with the same labels `on`.

    What goes on keeps the value of `expr`, which the mail may name.
    """
    firing = f'ALERTS{{alertname="{alert}",alertstate="firing"}}'
    goes_on = f"({expr}) and ignoring ({_ADDED}) ({firing})"
    as_before = f"max without ({_ADDED}) ({firing})"
    return f"(({expr}) unless on ({on}) ({when})) or ((({goes_on}) or ({as_before})) and on ({on}) ({when}))"


def outside_downtimes(alert: str, expr: str) -> str:
    """`expr`, per study and site, outside of the site's planned downtimes."""
    until = f"last_over_time({centre.SITE_DOWNTIME.name}[{_LOOKED_BACK}])"
    return held(alert, expr, f"max by (study, site) ({until}) > time()", "study, site")
