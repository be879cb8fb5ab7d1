"""Pictures of correlations show what they are given."""

import numpy as np

from archbo.comparison import plot_correlations

NAMES = ["accuracy", "snip", "zen"]
MATRIX = np.array([[1.0, 0.756, -0.31], [0.756, 1.0, -0.001], [-0.31, -0.001, 1.0]])


def test_a_heat_map_has_names_on_both_sides_and_a_number_in_each_cell():
    figure = plot_correlations({"nb201, n=7": MATRIX}, NAMES)
    axes, bar = figure.axes
    assert axes.get_title() == "nb201, n=7"
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == NAMES
    shown = {text.get_position(): text.get_text() for text in axes.texts}
    assert shown[1, 0] == shown[0, 1] == ".76"
    assert (shown[0, 2], shown[1, 2], shown[2, 2]) == ("-.31", ".00", "1.00")
    (image,) = axes.get_images()
    np.testing.assert_array_equal(image.get_array(), MATRIX)
    assert image.get_clim() == (-1, 1)
    assert "Spearman" in bar.get_ylabel()


def test_spaces_are_side_by_side():
    figure = plot_correlations({"a": MATRIX, "b": -MATRIX, "c": MATRIX}, NAMES)
    assert [axes.get_title() for axes in figure.axes[:3]] == ["a", "b", "c"]
    assert len(figure.axes) == 4
