"""Where sites stand among the others, without naming these: quartiles of five sites or more, as the centre publishes them."""

from __future__ import annotations

from grafana_foundation_sdk.builders import table

from studyscope_contract.catalogue import centre, imaging, progress
from studyscope_contract.metric import Table
from studyscope_dashboards import queries as q
from studyscope_dashboards.fields import columns, setting
from studyscope_dashboards.palette import BLUE
from studyscope_dashboards.panels import grid, rows

TOO_FEW = f"A pool needs {centre.POOL_SITES} sites that show the same number; there are fewer."
HEADINGS = dict(zip(centre.POOL_QUANTILES, ("¼ up to", "½ up to", "¾ up to"), strict=True))
_ROWS: tuple[tuple[Table, str], ...] = (
    (progress.PATIENTS, "patients"),
    (progress.REACHED, "reached: "),
    (imaging.MODALITY, "imaged with "),
)


def pool(panel_id: int, title: str, *, own: bool) -> table.Panel:
    """A row for every number that enough sites show; `own`: beside that of the chosen site."""
    panel = grid(
        panel_id,
        title,
        "Of the sites that show the number, a quarter, half and three quarters show no more than this. "
        f"Only where at least {centre.POOL_SITES} sites show it; no site is named.",
    ).no_value(TOO_FEW)
    shown = [("what", "Number of"), *((f"Value #{ref}", heading) for ref, heading in zip("BCD", HEADINGS.values(), strict=True))]
    if own:
        shown.insert(1, ("Value #A", "This site"))
        mine = " or ".join(_named(f"max by (study{_by(part)}) ({q.of_sites(part.metric)})", part, words) for part, words in _ROWS)
        panel = panel.with_target(rows(f"({mine}) and on (what) ({_pooled(centre.POOL_QUANTILES[0])})", "A"))
    for ref, quantile in zip("BCD", HEADINGS, strict=True):
        panel = panel.with_target(rows(_pooled(quantile), ref))
    panel = panel.transformations(columns(*shown)).override_by_name("Number of", [setting("custom.width", 150)])
    bold = [setting("color", {"mode": "fixed", "fixedColor": BLUE}), setting("custom.cellOptions", {"type": "color-text"})]
    return panel.override_by_name("This site", [*bold, setting("noValue", "not shown")])


def _pooled(quantile: str) -> str:
    parts = []
    for part, words in _ROWS:
        series = centre.pool_series(part)
        if series is None:
            raise ValueError(f"{part.id} is a histogram and has no pool of numbers")
        chosen = f'quantile="{quantile}"'
        parts.append(_named(f"max by (study{_by(part)}) ({q.of_study(series.name, chosen)})", part, words))
    return " or ".join(parts)


def _by(part: Table) -> str:
    return f", {part.dimensions[0].label}" if part.dimensions else ""


def _named(expr: str, part: Table, words: str) -> str:
    label, text = (part.dimensions[0].label, f"{words}$1") if part.dimensions else ("study", words)
    return f'max by (what) (label_replace({expr}, "what", "{text}", "{label}", "(.*)"))'
