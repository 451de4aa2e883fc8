"""Plots as SVG, drawn on the server from values.

The same values give the same bytes: no dates, no random ids. Texts are drawn as outlines, so that a
plot looks the same everywhere, and stand in it as its title and description; none of them is
markup or a formula. A plot is shown by ``<img>`` or alone: as a part of a page it would bring
styles that the page forbids.
"""

import io
import warnings
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import replace

from marketplace.kernel.limits import PLOT_POINTS_MAX, PLOT_SECONDS_MAX, PLOT_SERIES_MAX
from marketplace.platform.apart import run_apart
from marketplace.platform.fonts import OURS, Fonts, fonts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

SVG: Final = "image/svg+xml"
SVG_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
# Of Okabe and Ito: told apart by the colour-blind, too.
_COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#555555")
_LABEL_CHARACTERS: Final = 28
_LINE_CHARACTERS: Final = 56
"""Of names in two lines, each."""
_INCHES: Final = (8.0, 4.5)
_ROW_INCHES: Final = 0.3
_MANY_CATEGORIES: Final = 8
_FEW_CATEGORIES: Final = 4
"""Of fewer, bars are no wider than of so many."""


class Series(msgspec.Struct, frozen=True):
    """Values in the order of the categories; None is a gap."""

    label: str
    values: tuple[float | None, ...]


class BarChart(msgspec.Struct, frozen=True, tag=True):
    """A bar for each category and series, side by side or stacked, lying or standing.

    `ends` are texts after stacked bars that lie, one for each.
    """

    title: str
    description: str
    value_label: str
    categories: tuple[str, ...]
    series: tuple[Series, ...]
    stacked: bool = False
    lying: bool = False
    ends: tuple[str, ...] = ()


class LineChart(msgspec.Struct, frozen=True, tag=True):
    """A line for each series over categories that have an order, such as months."""

    title: str
    description: str
    value_label: str
    categories: tuple[str, ...]
    series: tuple[Series, ...]


class Point(msgspec.Struct, frozen=True):
    """One point with its name."""

    label: str
    x: float
    y: float


class PointChart(msgspec.Struct, frozen=True, tag=True):
    """Points of two values, each named."""

    title: str
    description: str
    x_label: str
    y_label: str
    points: tuple[Point, ...]


Plot = BarChart | LineChart | PointChart


async def plotted(plot: Plot) -> bytes:
    """Draw a plot in another process; raises Unavailable, ValueError for one that is too large."""
    _check(plot)
    return await run_apart(draw, plot, seconds_max=PLOT_SECONDS_MAX)


def _check(plot: Plot) -> None:
    if isinstance(plot, PointChart):
        count, series = len(plot.points), 1
    else:
        count, series = len(plot.categories), len(plot.series)
        if any(len(each.values) != count for each in plot.series):
            raise ValueError("a series has as many values as there are categories")
    if count > PLOT_POINTS_MAX or series > PLOT_SERIES_MAX:
        raise ValueError(
            f"a plot has at most {PLOT_POINTS_MAX} places and {PLOT_SERIES_MAX} series"
        )


def draw(plot: Plot) -> bytes:
    """Draw a plot in this process; not for the API's own."""
    import matplotlib as mpl  # noqa: PLC0415 - 60 MB, for the process apart alone
    from cycler import cycler  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    known = _known_fonts()
    plot = _legible(plot, known)
    settings: Any = {
        "svg.hashsalt": "marketplace",
        "svg.fonttype": "path",
        "text.parse_math": False,
        "text.usetex": False,
        "axes.formatter.use_mathtext": False,
        "font.family": [OURS, *known.families],
        "font.size": 9,
        "axes.prop_cycle": cycler(color=list(_COLOURS)),
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with mpl.rc_context(settings):
        figure = Figure(figsize=_size(plot), layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(known.legible(plot.title), loc="left", fontweight="bold")
        _DRAWN_BY[type(plot)](axes, plot)
        return _svg(figure, plot)


def _known_fonts() -> Fonts:
    from matplotlib.font_manager import fontManager  # noqa: PLC0415

    known = fonts()
    drawn = {each.fname for each in fontManager.ttflist}
    for path in known.files:
        if str(path) not in drawn:
            fontManager.addfont(path)
    return known


def _legible(plot: Plot, known: Fonts) -> Plot:
    """Give a plot whose names can all be drawn; what it says of itself in the file stays."""
    match plot:
        case PointChart():
            points = (replace(each, label=known.legible(each.label)) for each in plot.points)
            return replace(plot, points=tuple(points))
        case _:
            series = (replace(each, label=known.legible(each.label)) for each in plot.series)
            names = tuple(known.legible(each) for each in plot.categories)
            return replace(plot, series=tuple(series), categories=names)


def _size(plot: Plot) -> tuple[float, float]:
    width, height = _INCHES
    if isinstance(plot, BarChart) and plot.lying:
        bars = len(plot.categories) * (1 if plot.stacked else max(1, len(plot.series)))
        lines = max((each.count("\n") + 1 for each in plot.categories), default=1)
        height = max(height, 1.5 + _ROW_INCHES * bars * lines)
    return width, height


def _svg(figure: "Figure", plot: Plot) -> bytes:
    out = io.BytesIO()
    metadata = {"Date": None, "Creator": None, "Title": plot.title, "Description": plot.description}
    with warnings.catch_warnings():
        # What no font has was replaced; marks without a letter of their own may be left.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(out, format="svg", metadata=metadata)
    return out.getvalue()


def _bars(axes: "Axes", plot: BarChart) -> None:
    count = len(plot.categories)
    many = 1 if plot.stacked else max(1, len(plot.series))
    thick = 0.8 / many
    below = [0.0] * count
    for number, series in enumerate(plot.series):
        values = [value or 0.0 for value in series.values]
        shift = 0.0 if plot.stacked else (number - (many - 1) / 2) * thick
        places = [place + shift for place in range(count)]
        base = below if plot.stacked else [0.0] * count
        if plot.lying:
            axes.barh(places, values, thick, left=base, label=_short(series.label))
        else:
            axes.bar(places, values, thick, bottom=base, label=_short(series.label))
        below = [under + value for under, value in zip(below, values, strict=True)]
    names = [_short(each) for each in plot.categories]
    for place, (end, text) in enumerate(zip(below, plot.ends, strict=False)):
        axes.annotate(
            text, (end, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8
        )
    if plot.lying:
        axes.set_yticks(range(count), names)
        axes.invert_yaxis()
        axes.set_xlabel(plot.value_label)
        axes.axvline(0, color="#333333", linewidth=0.8)
    else:
        _name_below(axes, names)
        aside = max(0, _FEW_CATEGORIES - count) / 2
        axes.set_xlim(-0.6 - aside, count - 0.4 + aside)
        axes.set_ylabel(plot.value_label)
        axes.axhline(0, color="#333333", linewidth=0.8)
    axes.grid(axis="x" if plot.lying else "y", alpha=0.3)
    axes.set_axisbelow(True)
    _count_from_zero(axes.xaxis if plot.lying else axes.yaxis, plot)
    _plain_numbers(axes, "x" if plot.lying else "y")
    _legend(axes, plot)


def _lines(axes: "Axes", plot: LineChart) -> None:
    for series in plot.series:
        values = [float("nan") if value is None else value for value in series.values]
        axes.plot(range(len(values)), values, marker="o", markersize=4, label=_short(series.label))
    _name_below(axes, [_short(each) for each in plot.categories])
    axes.set_ylabel(plot.value_label)
    _count_from_zero(axes.yaxis, plot)
    axes.grid(axis="y", alpha=0.3)
    _plain_numbers(axes, "y")
    _legend(axes, plot)


def _points(axes: "Axes", plot: PointChart) -> None:
    axes.scatter([each.x for each in plot.points], [each.y for each in plot.points], s=36)
    for each in plot.points:
        axes.annotate(
            _short(each.label), (each.x, each.y), xytext=(5, 5), textcoords="offset points"
        )
    axes.set_xlabel(plot.x_label)
    axes.set_ylabel(plot.y_label)
    axes.margins(0.12)
    axes.grid(alpha=0.3)
    _plain_numbers(axes, "both")


_DRAWN_BY: Final[dict[type, Any]] = {BarChart: _bars, LineChart: _lines, PointChart: _points}


def _name_below(axes: "Axes", names: list[str]) -> None:
    turned = len(names) > _MANY_CATEGORIES
    axes.set_xticks(
        range(len(names)), names, rotation=45 if turned else 0, ha="right" if turned else "center"
    )


def _count_from_zero(axis: "Axis", plot: BarChart | LineChart) -> None:
    """Have zero on the axis, and no halves between values that are all whole."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    values = [value for series in plot.series for value in series.values if value is not None]
    low, high = axis.get_view_interval()
    low, high = (min(0.0, low), max(0.0, high)) if any(values) else (0.0, 1.0)
    axis.set_view_interval(low, high, ignore=True)
    if all(value == int(value) for value in values):
        axis.set_major_locator(MaxNLocator(integer=True))


def _plain_numbers(axes: "Axes", axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter  # noqa: PLC0415

    # A narrow space parts the thousands: a comma or point is read differently by country.
    grouped = FuncFormatter(lambda value, _: f"{value:,.10g}".replace(",", "\u202f"))
    for name in ("x", "y") if axis == "both" else (axis,):
        getattr(axes, f"{name}axis").set_major_formatter(grouped)


def _legend(axes: "Axes", plot: BarChart | LineChart) -> None:
    if len(plot.series) > 1:
        # Below the axes: inside it would lie upon what is drawn.
        handles, labels = axes.get_legend_handles_labels()
        place = "outside lower left"
        figure: Any = axes.get_figure()
        figure.legend(handles, labels, frameon=False, ncols=3, fontsize=8, loc=place)


def grouped(amount: str) -> str:
    """Part the thousands of a decimal number by a narrow space, as on the axes."""
    return f"{Decimal(amount):,}".replace(",", "\u202f")


def _short(text: str) -> str:
    lines = text.split("\n")
    most = _LABEL_CHARACTERS if len(lines) == 1 else _LINE_CHARACTERS
    return "\n".join(each if len(each) <= most else f"{each[: most - 1]}…" for each in lines)
