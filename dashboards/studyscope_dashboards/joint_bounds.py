"""How many patients meet several conditions at once, bounded from one-way tables alone (Fréchet's inequalities).

No hospital is asked anything: at most is the least of the conditions' upper bounds, at least is what
must overlap because the conditions together hold more patients than there are.
"""

from __future__ import annotations

from studyscope_contract.catalogue import centre, imaging, progress
from studyscope_contract.metric import Table
from studyscope_dashboards import queries as q

CONDITIONS = (
    (imaging.MODALITY, 'modality="$modality"'),
    (imaging.BODY_PART, 'body_part="$body_part"'),
    (progress.REACHED, 'stage="$stage"'),
)
"""One cell each; the age bands, of which several can be chosen, are bounded apart."""
AGES = 'age_band=~"$age_band"'
OTHER_AGES = 'age_band!~"$age_band"'

_BASE = q.of_sites(centre.SITE_BASE.name)
_EACH = f"{q.PER_SITE} group_left ()"
_NONE = f"{q.PER_SITE} (0 * {q.of_sites(centre.SITE_THRESHOLD.name)})"


def at_least() -> str:
    """Per study and site; 0 where nothing forces an overlap."""
    parts = [*(_least(table, matcher) for table, matcher in CONDITIONS), _least(imaging.AGE_BAND, AGES)]
    together = f" + {q.PER_SITE} ".join(parts)
    return f"clamp_min({together} - {q.PER_SITE} {len(parts) - 1} * {_most(progress.PATIENTS)}, 0)"


def at_most() -> str:
    """Per study and site; absent for a site that has never reported."""
    others = _least(imaging.AGE_BAND, OTHER_AGES)
    of_age = f"({_most(progress.PATIENTS)} - {q.PER_SITE} {others})"
    parts = [*(_most(table, matcher) for table, matcher in CONDITIONS), of_age]
    named = (f'label_replace({part}, "condition", "{position}", "site", ".*")' for position, part in enumerate(parts))
    return f"min by (study, site) ({' or '.join(named)})"


def conditions_shown() -> str:
    """How many of the conditions the site shows a number for."""
    cells = (*CONDITIONS, (imaging.AGE_BAND, AGES))
    named = (
        f'label_replace(max by (site) ({q.of_sites(table.metric, matcher)}), "condition", "{position}", "site", ".*")'
        for position, (table, matcher) in enumerate(cells)
    )
    return f"count by (site) ({' or '.join(named)})"


def oldest_move() -> str:
    """Milliseconds at which the oldest of the tables that were used last moved."""
    tables = "|".join(table.id for table in (*(table for table, _ in CONDITIONS), imaging.AGE_BAND))
    released = q.of_sites(centre.TABLE_RELEASED.name, f'table=~"{tables}"')
    return f"1000 * min by (site) ({released})"


def _least(table: Table, *matchers: str) -> str:
    shown = f"sum by (study, site) ({q.of_sites(table.metric, *matchers)} - {_EACH} floor({_BASE} / 2))"
    return f"({shown} or {_NONE})"


def _most(table: Table, *matchers: str) -> str:
    """A cell that an offering site hides holds fewer patients than its threshold."""
    shown = f"sum by (study, site) ({q.of_sites(table.metric, *matchers)} + {_EACH} ceil({_BASE} / 2 - 1))"
    offered = q.of_sites(centre.SITE_TABLE.name, f'table="{table.id}"', 'offer="offered"') + " == 1"
    return f"({shown} or {q.PER_SITE} ({q.of_sites(centre.SITE_THRESHOLD.name)} - 1 and {q.PER_SITE} ({offered})))"
