"""Plots: the same bytes each time, texts as they are, empty and one-sided values too."""

import pytest
from lxml import etree

from marketplace.platform.plots import (
    BarChart,
    LineChart,
    Plot,
    Point,
    PointChart,
    Series,
    draw,
    plotted,
)

TITLE = "Savings of <b>A & B</b> in $x_1$ (株式会社)"
BARS = BarChart(
    TITLE, "by lot", "EUR", ("one", "two"), (Series("A", (1, None)), Series("B", (-2, 3)))
)


@pytest.mark.parametrize(
    "plot",
    [
        BARS,
        BarChart("lying", "", "EUR", ("one",), (Series("A", (1,)),), stacked=True, lying=True),
        BarChart("nothing", "", "EUR", (), ()),
        LineChart("months", "", "days", ("a", "b", "c"), (Series("A", (1, None, 2)),)),
        PointChart("scenarios", "", "EUR", "suppliers", (Point("cheapest", 10.5, 3),)),
    ],
)
def test_every_plot_is_well_formed_and_has_no_script_or_address(plot: Plot) -> None:
    root = etree.fromstring(draw(plot))
    names = {etree.QName(each).localname for each in root.iter() if isinstance(each.tag, str)}
    assert names.isdisjoint({"script", "image", "a", "foreignObject"})
    assert root.findtext("{http://www.w3.org/2000/svg}title") == plot.title


def test_the_same_values_give_the_same_bytes() -> None:
    assert draw(BARS) == draw(BARS)


async def test_a_plot_with_more_than_anybody_reads_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        await plotted(LineChart("", "", "", tuple("x" * 201), (Series("", (1,) * 201),)))
    with pytest.raises(ValueError, match="as many values"):
        await plotted(LineChart("", "", "", ("a",), (Series("", (1, 2)),)))
