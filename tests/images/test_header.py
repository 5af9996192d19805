"""Ages and sizes."""

from __future__ import annotations

import pytest

from radloop.errors import Refusal
from radloop.images.header import check_size, parse_age


@pytest.mark.parametrize(
    ("text", "years"),
    [("040Y", 40.0), ("018M", 1.5), ("026W", 26 * 7 / 365.25), ("010D", 10 / 365.25), ("7Y ", 7.0), ("000Y", 0.0)],
)
def test_age_strings(text: str, years: float) -> None:
    assert parse_age(text) == pytest.approx(years, abs=1e-12)


@pytest.mark.parametrize("text", [None, "", "40", "Y", "4OY", "1040Y", "-40Y"])
def test_other_text_is_unknown(text: str | None) -> None:
    assert parse_age(text) is None


@pytest.mark.parametrize(("rows", "columns", "code"), [(0, 5, "unreadable_image"), (8001, 8001, "image_too_large")])
def test_sizes(rows: int, columns: int, code: str) -> None:
    check_size(8000, 8000)
    with pytest.raises(Refusal) as caught:
        check_size(rows, columns)
    assert caught.value.code == code
