"""The figures: what they say, that they mark phantoms, and that the same numbers give the same bytes."""

from __future__ import annotations

import io
import math
import subprocess
import sys
from collections.abc import Callable

import matplotlib.colors
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from radloop.evaluation import figures
from radloop.evaluation.decision import NetBenefit
from radloop.evaluation.figures import Labelled, Row, canvas
from radloop.evaluation.hardest import Hard
from radloop.evaluation.occlusion import REGIONS
from radloop.evaluation.outcomes import Outcome
from radloop.evaluation.perturbations import PERTURBATIONS
from radloop.evaluation.regions import Example
from radloop.evaluation.robustness import Robustness, Step
from radloop.evaluation.shortcuts import Occlusion, Shortcuts
from radloop.statistics.bands import GRID, Band
from radloop.statistics.discrimination import Confusion
from radloop.statistics.intervals import Interval
from radloop.statistics.net_benefit import decision_curve

NAN = math.nan
UNKNOWN = Interval(NAN, NAN, NAN)
SCORES = np.array([0.1, 0.4, 0.35, 0.8])
LABELS = np.array([0, 0, 1, 1])
SUBGROUPS = (
    Row("sex F", 51, Interval(0.941, 0.87, 0.99), filled=True),
    Row("age band 60-120", 3, Interval(1.0, NAN, NAN), filled=False),
    Row("site a hospital with a long name", 7, UNKNOWN, filled=False),
)
HALF = np.arange(64).reshape(8, 8) % 8 < 4
EXAMPLES = [Example("worst", np.full((8, 8), 90, np.uint8), HALF, ~HALF, 0.0, (1, 2))] * 3
STEPS = tuple(
    Step(number + 1, 2.0**number, "grey levels of 255", Outcome(value, Interval(0.9 - value.value, 0, 0.2), 0.1 * number))
    for number, value in enumerate([Interval(0.9 - 0.1 * number, 0.5, 0.95) for number in range(4)] + [UNKNOWN])
)
ROBUSTNESS = Robustness(64, "auroc", Interval(0.9, 0.8, 0.95), dict.fromkeys(PERTURBATIONS, STEPS))
SHORTCUTS = Shortcuts(
    "auroc",
    64,
    Interval(0.9, 0.8, 0.95),
    {},
    dict.fromkeys(REGIONS, Occlusion(Outcome(Interval(0.7, 0.6, 0.8), Interval(0.2, 0.1, 0.3), 0.25), UNKNOWN)),
)

CURVE = decision_curve([0.1, 0.3, 0.5, 0.9], [0, 1, 0, 1], [1, 2, 3, 4], thresholds=[0.2, 0.5, 0.6], draws=100)
HARD = [
    Hard(f"{number:016x}", np.full((8, 16), 90, np.uint8), np.eye(2, dtype=np.float32), "tb 0.91", "normal")
    for number in range(3)
]

DRAWINGS: dict[str, Callable[[bool], bytes]] = {
    "roc": lambda mark: figures.roc_figure(SCORES, LABELS, threshold=0.3, auroc=Interval(0.75, 0.5, 1), synthetic=mark),
    "precision_recall": lambda mark: figures.precision_recall_figure(
        SCORES, LABELS, threshold=0.3, average_precision=Interval(0.83, 0.5, 1), synthetic=mark
    ),
    "decision": lambda mark: figures.decision_figure(NetBenefit(0.5, CURVE), synthetic=mark),
    "hardest": lambda mark: figures.hardest_figure(HARD, synthetic=mark),
    "calibration": lambda mark: figures.calibration_figure(SCORES, LABELS, synthetic=mark),
    "confusion": lambda mark: figures.confusion_figure(
        Confusion(60, 8, 72, 3), positive="tuberculosis", negative="normal", synthetic=mark
    ),
    "scores": lambda mark: figures.scores_figure(
        SCORES, LABELS, threshold=0.3, positive="tuberculosis", negative="normal", synthetic=mark
    ),
    "subgroups": lambda mark: figures.subgroups_figure(SUBGROUPS, overall=Interval(0.95, 0.92, 0.98), synthetic=mark),
    "labels": lambda mark: figures.labels_figure(SUBGROUPS, overall=Interval(0.95, 0.92, 0.98), synthetic=mark),
    "roc_curves": lambda mark: figures.roc_curves_figure(
        [Labelled(f"finding {number}", SCORES, LABELS.astype(float), Interval(0.75, 0.5, 1)) for number in range(14)],
        overall=Interval(0.75, 0.6, 0.9),
        left_out=2,
        synthetic=mark,
    ),
    "matrix": lambda mark: figures.matrix_figure(
        np.array([[6, 2], [0, 0]]), labels=("glioma", "none"), title="Answers", note="by class", synthetic=mark
    ),
    "dice": lambda mark: figures.dice_figure(np.array([0.2, 0.9, NAN]), mean=Interval(0.55, 0.2, 0.9), synthetic=mark),
    "regions": lambda mark: figures.regions_figure(EXAMPLES, synthetic=mark),
    "robustness": lambda mark: figures.robustness_figure(ROBUSTNESS, synthetic=mark),
    "occlusion": lambda mark: figures.occlusion_figure(SHORTCUTS, synthetic=mark),
}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Collect the figures before they become bytes."""
    seen: list[Figure] = []
    encode = canvas.png
    monkeypatch.setattr(canvas, "png", lambda figure: seen.append(figure) or encode(figure))
    return seen


def words(figure: Figure) -> str:
    """Return every text of a figure, tick labels and legends too."""
    found = [text.get_text() for text in figure.findobj(Text)]
    return " | ".join(text for text in found if text)


def lines(figure: Figure, label: str) -> list[tuple[list[float], list[float]]]:
    """Return the points of every line with a label."""
    return [
        (np.asarray(line.get_xdata(), float).tolist(), np.asarray(line.get_ydata(), float).tolist())
        for axes in figure.axes
        for line in axes.get_lines()
        if line.get_label() == label
    ]


def band(content: bytes) -> tuple[int, int, int]:
    """Return the colour at the top left corner."""
    pixel = Image.open(io.BytesIO(content)).convert("RGB").getpixel((4, 4))
    assert isinstance(pixel, tuple)
    return pixel[0], pixel[1], pixel[2]


@pytest.mark.parametrize("name", DRAWINGS)
def test_phantoms_are_marked_and_patients_are_not(name: str, drawn: list[Figure]) -> None:
    amber = tuple(round(255 * part) for part in matplotlib.colors.to_rgb(canvas.AMBER))
    assert band(DRAWINGS[name](True)) == amber
    assert band(DRAWINGS[name](False)) == (255, 255, 255)
    marked, plain = drawn
    assert "SYNTHETIC PHANTOMS" in words(marked)
    assert "SYNTHETIC PHANTOMS" not in words(plain)


@pytest.mark.parametrize("name", DRAWINGS)
def test_same_numbers_give_the_same_bytes_without_a_program_or_a_date(name: str) -> None:
    first = DRAWINGS[name](False)
    assert DRAWINGS[name](False) == first
    with Image.open(io.BytesIO(first)) as image:
        assert image.format == "PNG"
        assert image.width == 960
        assert set(image.info) <= {"dpi"}


@pytest.mark.parametrize("name", DRAWINGS)
def test_text_is_legible_at_480_pixels(name: str, drawn: list[Figure]) -> None:
    DRAWINGS[name](False)
    texts = [text for text in drawn[0].findobj(Text) if text.get_text()]
    points = [text.get_fontsize() for text in texts if text.get_visible()]
    scale = 480 / (drawn[0].get_figwidth() * 72)
    assert min(points) * scale >= 11


def test_roc_shows_curve_number_and_operating_point(drawn: list[Figure]) -> None:
    DRAWINGS["roc"](False)
    assert "AUROC 0.750 (95% CI 0.500\N{EN DASH}1.000)" in words(drawn[0])
    assert lines(drawn[0], "this model") == [([0, 0, 0.5, 0.5, 1], [0, 0.5, 0.5, 1, 1])]
    assert lines(drawn[0], "threshold 0.300") == [([0.5], [1.0])]


def test_the_operating_point_lies_at_false_alarms_and_sensitivity(drawn: list[Figure]) -> None:
    # At 0.3 both positives are found, and one of three negatives is a false alarm.
    figures.roc_figure([0.1, 0.2, 0.4, 0.35, 0.8], [0, 0, 0, 1, 1], threshold=0.3, auroc=Interval(5 / 6, 0.5, 1))
    ((x, y),) = lines(drawn[0], "threshold 0.300")
    assert (x, y) == ([pytest.approx(1 / 3)], [1.0])


def test_bands_are_shaded_where_they_are_known(drawn: list[Figure]) -> None:
    shaded = Band(np.full(GRID.shape, 0.25), np.full(GRID.shape, 0.75))
    figures.roc_figure(SCORES, LABELS, threshold=None, auroc=Interval(0.75, 0.5, 1), band=shaded)
    figures.precision_recall_figure(SCORES, LABELS, threshold=None, average_precision=Interval(0.8, 0.5, 1), band=shaded)
    for figure in drawn:
        (area,) = figure.axes[0].collections
        extent = area.get_datalim(figure.axes[0].transData)
        assert (extent.y0, extent.y1) == (0.25, 0.75)
    DRAWINGS["roc"](False)
    assert not drawn[2].axes[0].collections


def test_the_decision_curve_shows_all_strategies_and_the_threshold(drawn: list[Figure]) -> None:
    DRAWINGS["decision"](False)
    ((x, y),) = lines(drawn[0], "act on this model")
    assert (x, y) == ([0.2, 0.5, 0.6], pytest.approx([0.4375, 0.0, 0.25]))
    assert lines(drawn[0], "act on everyone")[0][1] == pytest.approx([0.375, 0.0, -0.25])
    assert lines(drawn[0], "threshold 0.500") == [([0.5], [0.0])]
    assert lines(drawn[0], "act on no one")[0][1] == [0, 0]


def test_the_hardest_stand_beside_themselves_under_their_heat(drawn: list[Figure]) -> None:
    DRAWINGS["hardest"](False)
    assert words(drawn[0]).count("said tb 0.91\ntrue normal, 00000000") == 3
    shown = np.asarray(drawn[0].axes[0].get_images()[0].get_array())
    assert shown.shape == (8, 16 + 2 + 16, 3)
    assert np.allclose(shown[:, :16], 90 / 255)
    assert shown[0, 18, 0] > shown[0, 18, 2] + 0.3  # the hottest corner is red
    assert np.allclose(shown[0, -1], 90 / 255)  # and where there is no heat it is the image


def test_precision_recall_shows_the_prevalence(drawn: list[Figure]) -> None:
    DRAWINGS["precision_recall"](False)
    assert lines(drawn[0], "prevalence 0.50") == [([0, 1], [0.5, 0.5])]
    assert lines(drawn[0], "threshold 0.300") == [([1.0], [2 / 3])]


def test_calibration_shows_what_was_observed(drawn: list[Figure]) -> None:
    figures.calibration_figure([0.15] * 4 + [0.85] * 4, [0, 0, 0, 1, 1, 1, 1, 1])
    points = [line for axes in drawn[0].axes for line in axes.get_lines() if np.array_equal(line.get_ydata(), [0.25, 1.0])]
    assert len(points) == 1
    np.testing.assert_allclose(points[0].get_xdata(), [0.15, 0.85])
    # Squared errors: 3 of 0.15 and one of 0.85 twice, less one; the mean distance is 0.10 and 0.15.
    assert f"Brier score {(3 * 0.15**2 + 0.85**2 + 4 * 0.15**2) / 8:.3f}, calibration error 0.125" in words(drawn[0])


def test_confusion_shows_counts_and_row_shares(drawn: list[Figure]) -> None:
    DRAWINGS["confusion"](False)
    shown = words(drawn[0])
    for text in ("60", "found, 95%", "3", "missed, 5%", "8", "false alarm, 10%", "72", "cleared, 90%", "tuberculosis", "normal"):
        assert f"| {text} |" in f"| {shown} |", text


def test_confusion_of_one_class_does_not_speak_of_shares(drawn: list[Figure]) -> None:
    figures.confusion_figure(Confusion(0, 1, 9, 0), positive="a", negative="b")
    assert words(drawn[0]).count("no case") == 2
    assert "missed" not in words(drawn[0])


def test_scores_counts_both_classes_and_draws_the_threshold(drawn: list[Figure]) -> None:
    DRAWINGS["scores"](False)
    assert "normal (2)" in words(drawn[0])
    assert "tuberculosis (2)" in words(drawn[0])
    assert [0.3, 0.3] in [np.asarray(line.get_xdata(), float).tolist() for line in drawn[0].axes[0].get_lines()]
    heights = [patch.get_height() for patch in drawn[0].axes[0].patches]
    assert sum(heights) == 4


def test_forest_shows_each_row_and_what_is_missing(drawn: list[Figure]) -> None:
    DRAWINGS["subgroups"](False)
    shown = words(drawn[0])
    for text in (
        "sex F  n=51",
        "0.941 (0.870\N{EN DASH}0.990)",
        "age band 60-120  n=3",
        "1.000 (no interval)",
        "site a hospital with\N{HORIZONTAL ELLIPSIS}  n=7",
        "not evaluable",
        "gated",
        "reported only",
    ):
        assert f"| {text} |" in f"| {shown} |", text
    axes = drawn[0].axes[0]
    spans = [np.asarray(line.get_xdata(), float).tolist() for line in axes.get_lines() if len(np.asarray(line.get_xdata())) == 2]
    assert [0.87, 0.99] in spans
    markers = [line for line in axes.get_lines() if line.get_marker() == "s" and len(np.asarray(line.get_xdata())) == 1]
    assert [line.get_markerfacecolor() for line in markers] == [canvas.BLUE, "white"]
    assert axes.get_xlim()[0] == pytest.approx(0.8)


def test_fourteen_curves_are_told_apart_without_their_colour(drawn: list[Figure]) -> None:
    DRAWINGS["roc_curves"](False)
    curves = [line for line in drawn[0].axes[0].get_lines() if str(line.get_label()).startswith("finding")]
    looks = {(line.get_color(), str(line.get_linestyle())) for line in curves}
    assert (len(curves), len(looks)) == (14, 14)
    shown = words(drawn[0])
    assert "finding 13  0.750 (0.500\N{EN DASH}1.000)" in shown
    assert "not evaluable: 2 more" in shown


def test_a_matrix_shows_counts_and_shares_of_the_row(drawn: list[Figure]) -> None:
    DRAWINGS["matrix"](False)
    shown = f"| {words(drawn[0])} |"
    for text in ("6", "75%", "2", "25%", "glioma", "none"):
        assert f"| {text} |" in shown, text
    assert "nan" not in shown


def test_an_image_shows_both_regions_and_the_point(drawn: list[Figure]) -> None:
    DRAWINGS["regions"](False)
    first = drawn[0].axes[0]
    assert first.get_title() == "worst, Dice 0.00"
    assert [np.asarray(line.get_xdata()).tolist() + np.asarray(line.get_ydata()).tolist() for line in first.get_lines()] == [
        [1, 2]
    ]
    assert len(first.collections) == 2
    assert sum(axes.has_data() for axes in drawn[0].axes) == 3


def test_dice_of_the_unknown_is_not_drawn(drawn: list[Figure]) -> None:
    DRAWINGS["dice"](False)
    assert sum(patch.get_height() for patch in drawn[0].axes[0].patches) == 2


def test_a_bad_subgroup_is_not_cut_off(drawn: list[Figure]) -> None:
    figures.subgroups_figure([Row("site X", 9, Interval(0.4, 0.23, 0.6), filled=False)], overall=Interval(0.9, 0.8, 1))
    assert drawn[0].axes[0].get_xlim()[0] == pytest.approx(0.2)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.roc_figure([0.2, 0.3], [1, 1], threshold=0.25, auroc=UNKNOWN),
        lambda: figures.precision_recall_figure([], [], threshold=0.25, average_precision=UNKNOWN),
        lambda: figures.calibration_figure([], []),
        lambda: figures.scores_figure([], [], threshold=0.5, positive="a", negative="b"),
        lambda: figures.subgroups_figure([], overall=UNKNOWN),
        lambda: figures.labels_figure([], overall=UNKNOWN),
        lambda: figures.roc_curves_figure([], overall=UNKNOWN, left_out=14),
        lambda: figures.matrix_figure(np.zeros((2, 2), np.int64), labels="ab", title="Answers", note=""),
        lambda: figures.dice_figure(np.array([NAN]), mean=UNKNOWN),
        lambda: figures.regions_figure([]),
    ],
)
def test_what_cannot_be_computed_is_written_out(draw: Callable[[], bytes], drawn: list[Figure]) -> None:
    draw()
    assert "not evaluable" in words(drawn[0]).split(" | ")
    assert "nan" not in words(drawn[0]).lower()


@pytest.mark.parametrize("labels", [[0, 2], [0]])
def test_labels_that_cannot_be_meant_are_refused(labels: list[int]) -> None:
    with pytest.raises(ValueError, match="labels"):
        figures.scores_figure([0.1, 0.9], labels, threshold=0.5, positive="a", negative="b")


def test_without_a_threshold_there_is_no_operating_point(drawn: list[Figure]) -> None:
    figures.roc_figure(SCORES, LABELS, threshold=None, auroc=Interval(0.75, 0.5, 1))
    figures.precision_recall_figure(SCORES, LABELS, threshold=None, average_precision=Interval(0.75, 0.5, 1))
    figures.scores_figure(SCORES, LABELS, threshold=None, positive="a", negative="b")
    assert not any("threshold 0" in words(figure) for figure in drawn)
    assert "There is no one threshold" in words(drawn[2])


def test_nothing_of_pyplot_is_loaded() -> None:
    code = "import sys, radloop.evaluation.figures; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_each_perturbation_has_its_curve_by_amount(drawn: list[Figure]) -> None:
    DRAWINGS["robustness"](False)
    axes = drawn[0].axes
    assert [found.get_title() for found in axes] == list(PERTURBATIONS)
    curve = next(line for line in axes[0].get_lines() if line.get_marker() == "s")
    assert np.asarray(curve.get_ydata())[:4].tolist() == pytest.approx([0.9, 0.8, 0.7, 0.6])
    assert np.isnan(np.asarray(curve.get_ydata())[4])
    assert [text.get_text() for text in axes[0].get_xticklabels()] == ["1", "2", "4", "8", "16"]
    assert "64 images; dashed: as they are, 0.900" in words(drawn[0])


def test_each_part_of_the_image_has_two_bars(drawn: list[Figure]) -> None:
    DRAWINGS["occlusion"](False)
    shown = words(drawn[0])
    assert all(region.replace("_", " ") in shown for region in REGIONS)
    assert shown.count("0.700 (0.600\N{EN DASH}0.800)") == 6
    assert shown.count("not evaluable") == 6  # of each alone
    assert sum(patch.get_width() == pytest.approx(0.7) for patch in drawn[0].axes[0].patches) == 6


def test_what_was_not_examined_says_so(drawn: list[Figure]) -> None:
    nothing = dict.fromkeys(PERTURBATIONS, (Step(1, 1, "grey", Outcome(UNKNOWN, UNKNOWN, NAN)),))
    figures.robustness_figure(Robustness(0, "auroc", UNKNOWN, nothing))
    figures.occlusion_figure(Shortcuts("auroc", 0, UNKNOWN, {}, {}))
    assert all("not evaluable" in words(figure) for figure in drawn)
