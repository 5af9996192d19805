"""A clip over its time, against numbers worked by hand."""

from __future__ import annotations

import pytest

from radloop.serving.reading.timeline import Second, by_second, reasons, refused, runs, spans, tracks
from tests.serving.reading.clips import make_clip_answer

CLIP, ANSWER = make_clip_answer()


def test_the_most_probable_label_is_first_and_has_its_own_threshold_and_peak() -> None:
    nodule, mass = tracks(CLIP, ANSWER)
    assert (nodule.label, nodule.threshold, nodule.peak) == ("nodule", 0.8, (2.0, 0.9))
    assert (mass.label, mass.threshold, mass.peak) == ("mass", 0.5, (1.0, 0.75))
    assert mass.probabilities == (0.2, 0.6, 0.75, None, 0.65, 0.3, 0.5)
    assert mass.positive == (False, True, True, None, True, False, True)


def test_a_line_ends_at_a_refused_frame() -> None:
    assert runs(tracks(CLIP, ANSWER)[1]) == [[(0.0, 0.2), (0.5, 0.6), (1.0, 0.75)], [(2.0, 0.65), (2.5, 0.3), (3.0, 0.5)]]
    assert refused(CLIP) == [(1.5, 1.5)] and reasons(CLIP) == [("blank_image", 1)]


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ([], []),
        ([False, None, False], []),
        ([True, True, True], [(0.0, 1.0)]),
        ([True, None, True], [(0.0, 0.0), (1.0, 1.0)]),
        ([False, True, True], [(0.5, 1.0)]),
    ],
)
def test_stretches(marked: list[bool | None], expected: list[tuple[float, float]]) -> None:
    assert spans([0.0, 0.5, 1.0][: len(marked)], marked) == expected


def test_by_the_second() -> None:
    """Frames at 0.0 and 0.5; 1.0 and the refused 1.5; 2.0 and 2.5; 3.0 alone."""
    assert by_second(CLIP) == [
        Second(0, 2, 0, (0.6, 0.6), (True, False)),
        Second(1, 2, 1, (0.75, 0.7), (True, False)),
        Second(2, 2, 0, (0.65, 0.9), (True, True)),
        Second(3, 1, 0, (0.5, 0.5), (True, False)),
    ]
    black = {**CLIP, "timeline": [CLIP["timeline"][3]]}
    assert by_second(black) == [Second(1, 1, 1, (None, None), (False, False))]
