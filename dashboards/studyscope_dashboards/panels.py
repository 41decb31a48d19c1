"""House defaults: what every panel of every dashboard has in common."""

from __future__ import annotations

from typing import Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    text,
    timeseries,
    trend,
)
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import heatmap as heat
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as choices
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

from studyscope_dashboards.palette import BLUE, GREY

DATASOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
NOT_SHOWN = "under the threshold, withheld, or never reported"


class _Panel(Protocol):
    """What the SDK's builders of all kinds of panel can do."""

    def id(self, id_val: int) -> Self: ...
    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def datasource(self, datasource: models.DataSourceRef) -> Self: ...
    def unit(self, unit: str) -> Self: ...
    def decimals(self, decimals: float) -> Self: ...
    def no_value(self, no_value: str) -> Self: ...
    def thresholds(self, thresholds: Builder[models.ThresholdsConfig]) -> Self: ...
    def color_scheme(self, color: Builder[models.FieldColor]) -> Self: ...


AnyPanel = TypeVar("AnyPanel", bound=_Panel)


def house(panel: AnyPanel, panel_id: int, title: str, description: str, *, unit: str = "none", colour: str = BLUE) -> AnyPanel:
    """Gives any panel what all have: id, title, one sentence, unit, a text for nothing, colours without alarm."""
    return (
        panel.id(panel_id)
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .no_value(NOT_SHOWN)
        .thresholds(steps(colour))
        .color_scheme(build.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    )


def steps(base: str, *above: tuple[float, str]) -> build.ThresholdsConfig:
    """`base` colour, then other colours from each value on; the SDK's own default turns red at 80."""
    first = models.Threshold(color=base, value=None)
    return (
        build.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([first, *(models.Threshold(color=colour, value=value) for value, colour in above)])
    )


def over_time(expr: str, legend: str = "", ref: str = "A") -> prometheus.Dataquery:
    """A query over the dashboard's time range."""
    return prometheus.Dataquery().expr(expr).range().legend_format(legend).ref_id(ref).datasource(DATASOURCE)


def over_days(expr: str, legend: str = "", ref: str = "A") -> prometheus.Dataquery:
    """As `over_time`, of daily history: it is asked for four times a day at the most, as more would show nothing more."""
    return over_time(expr, legend, ref).interval("6h")


def now(expr: str, legend: str = "", ref: str = "A") -> prometheus.Dataquery:
    """A query at the end of the dashboard's time range, as one value per series."""
    return prometheus.Dataquery().expr(expr).instant().legend_format(legend).ref_id(ref).datasource(DATASOURCE)


def rows(expr: str, ref: str = "A") -> prometheus.Dataquery:
    """A query at the end of the dashboard's time range, as one table row per series."""
    return now(expr, ref=ref).format(PromQueryFormat.TABLE)


def number(panel_id: int, title: str, description: str, unit: str = "none", colour: str = BLUE) -> stat.Panel:
    """One big number, or a few side by side."""
    panel = house(stat.Panel(), panel_id, title, description, unit=unit, colour=colour)
    return (
        panel.no_value("not shown")
        .graph_mode(choices.BigValueGraphMode.NONE)
        .color_mode(choices.BigValueColorMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .text(common.VizTextDisplayOptions().title_size(14).value_size(34))
        .height(4)
    )


def words(panel_id: int, title: str, description: str) -> stat.Panel:
    """A text that stands in a label: the legend is what is shown."""
    panel = number(panel_id, title, description).text_mode(choices.BigValueTextMode.NAME)
    return panel.text(common.VizTextDisplayOptions().title_size(24).value_size(24))


def lines(panel_id: int, title: str, description: str, unit: str = "none") -> timeseries.Panel:
    """Values over time. Published numbers move in steps, so lines are steps."""
    panel = house(timeseries.Panel(), panel_id, title, description, unit=unit)
    return (
        panel.color_scheme(build.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
        .line_width(2)
        .fill_opacity(0)
        .line_interpolation(choices.LineInterpolation.STEP_AFTER)
        .show_points(choices.VisibilityMode.NEVER)
        .span_nulls(False)
        .axis_soft_min(0)
        .legend(
            common.VizLegendOptions()
            .display_mode(choices.LegendDisplayMode.LIST)
            .placement(choices.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(choices.TooltipDisplayMode.MULTI).sort(choices.SortOrder.DESCENDING))
        .height(9)
    )


def curves(panel_id: int, title: str, description: str, unit: str = "none") -> trend.Panel:
    """Lines over a number that is no time: the first column is the axis below."""
    panel = house(trend.Panel(), panel_id, title, description, unit=unit)
    return (
        panel.color_scheme(build.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color(BLUE))
        .line_width(2)
        .fill_opacity(0)
        .span_nulls(True)
        .show_points(choices.VisibilityMode.ALWAYS)
        .point_size(4)
        .axis_soft_min(0)
        .legend(
            common.VizLegendOptions()
            .display_mode(choices.LegendDisplayMode.LIST)
            .placement(choices.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(choices.TooltipDisplayMode.MULTI).sort(choices.SortOrder.DESCENDING))
        .height(10)
    )


def bars(panel_id: int, title: str, description: str, unit: str = "none") -> bargauge.Panel:
    """One horizontal bar per series, longest bars comparable at a glance."""
    panel = house(bargauge.Panel(), panel_id, title, description, unit=unit)
    return (
        panel.orientation(choices.VizOrientation.HORIZONTAL)
        .display_mode(choices.BarGaugeDisplayMode.BASIC)
        .value_mode(choices.BarGaugeValueMode.TEXT)
        .name_placement(choices.BarGaugeNamePlacement.LEFT)
        .show_unfilled(True)
        .sizing(choices.BarGaugeSizing.MANUAL)
        .min_viz_height(14)
        .max_viz_height(34)
        .text(common.VizTextDisplayOptions().title_size(13).value_size(15))
        .min(0)
        # Said aloud, because Grafana leaves the name of a bar away that stands alone; with room behind it, because Grafana draws
        # names wider than it measures them and would cut the longest. A browser leaves spaces at the end away.
        .display_name("${__series.name}" + 8 * " ")
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .height(8)
    )


def site_bars(panel_id: int, title: str, description: str, unit: str = "none") -> barchart.Panel:
    """One bar or group of bars per site."""
    panel = house(barchart.Panel(), panel_id, title, description, unit=unit)
    return (
        panel.color_scheme(build.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
        .orientation(choices.VizOrientation.HORIZONTAL)
        .show_value(choices.VisibilityMode.NEVER)
        .fill_opacity(85)
        .bar_width(0.8)
        .group_width(0.8)
        .line_width(0)
        .min(0)
        .legend(
            common.VizLegendOptions()
            .display_mode(choices.LegendDisplayMode.LIST)
            .placement(choices.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(choices.TooltipDisplayMode.MULTI).sort(choices.SortOrder.NONE))
        .height(9)
    )


def shares(panel_id: int, title: str, description: str) -> barchart.Panel:
    """One bar per site, cut into shares of 1: distributions of small and large sites can be compared."""
    panel = site_bars(panel_id, title, description, "percentunit")
    return panel.stacking(choices.StackingMode.NORMAL).max(1)


def grid(panel_id: int, title: str, description: str) -> table.Panel:
    """A table."""
    panel = house(table.Panel(), panel_id, title, description)
    panel = panel.cell_height(choices.TableCellHeight.SM).filterable(False).min_width(70).height(10)
    # Codes such as abdomen and abdomen_pelvis look alike when they are cut; the SDK does not know this setting yet.
    return panel.override_by_regexp("/.*/", [models.DynamicConfigValue(id_val="custom.wrapHeaderText", value=True)])


def states_over_time(panel_id: int, title: str, description: str) -> statetimeline.Panel:
    """One line per site, coloured by state."""
    panel = house(statetimeline.Panel(), panel_id, title, description)
    # With thresholds as colours, Grafana would draw the threshold's colour and not the state's.
    panel = panel.color_scheme(build.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color(GREY))
    return panel.show_value(choices.VisibilityMode.NEVER).row_height(0.8).line_width(0).fill_opacity(90).height(9)


def warmth(panel_id: int, title: str, description: str, unit: str) -> heatmap.Panel:
    """A heat map; viridis is readable in grey and by colour-blind people."""
    panel = house(heatmap.Panel(), panel_id, title, description, unit="none")
    colours = heat.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Viridis").steps(32).reverse(True)
    axis = heat.YAxisConfig().unit(unit).axis_placement(choices.AxisPlacement.LEFT)
    return panel.color(colours).y_axis(axis).cell_gap(1).height(9)


def note(panel_id: int, title: str, description: str, markdown: str) -> text.Panel:
    """A few sentences."""
    panel = house(text.Panel(), panel_id, title, description)
    return panel.mode(TextMode.MARKDOWN).content(markdown).height(4)


def at(x: int, y: int, width: int, height: int) -> models.GridPos:
    """A place on Grafana's grid of 24 columns, for pages that do not flow from left to right."""
    return models.GridPos(x=x, y=y, w=width, h=height)
