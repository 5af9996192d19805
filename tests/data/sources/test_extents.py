"""The extent: a number, or the worst of several answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from radloop.data.sources import read_source
from radloop.errors import InputError
from radloop.use_case import UseCase

SEVERITY = {"levels": ["none", "icu", "died"], "cuts": [1, 2]}
SOURCE = {"extent_from": {"icu": 1, "died": 2}}


@pytest.mark.parametrize(
    ("icu", "died", "extent"),
    [
        ("0", "0", 0.0),
        ("no", "FALSE", 0.0),
        ("0.0", "N", 0.0),
        ("1", "0", 1.0),
        ("Yes", "", 1.0),
        ("0", "1.0", 2.0),
        ("y", "TRUE", 2.0),
        ("", "True", 2.0),
        ("", "", None),
        ("perhaps", "?", None),
        ("0", "", None),  # nobody says that the patient lives
    ],
)
def test_the_worst_yes_counts(
    tmp_path: Path,
    make_use_case: Callable[..., UseCase],
    write_table: Callable[..., Path],
    icu: str,
    died: str,
    extent: float | None,
) -> None:
    use_case = make_use_case(source=SOURCE, severity=SEVERITY)
    write_table(tmp_path / "manifest.csv", [{"path": "a.png", "label": "normal", "icu": icu, "died": died}])
    assert read_source(tmp_path, use_case)[0].extent == extent


def test_the_column_of_numbers_goes_first(
    tmp_path: Path, make_use_case: Callable[..., UseCase], write_table: Callable[..., Path]
) -> None:
    use_case = make_use_case(source=SOURCE | {"columns": {"extent": "grade"}}, severity=SEVERITY)
    row = {"path": "a.png", "label": "normal", "icu": "1", "died": "0"}
    write_table(tmp_path / "manifest.csv", [row | {"grade": "0,5"}, row | {"path": "b.png", "grade": ""}])
    assert [found.extent for found in read_source(tmp_path, use_case)] == [0.5, 1.0]


def test_a_missing_column_is_refused(
    tmp_path: Path, make_use_case: Callable[..., UseCase], write_table: Callable[..., Path]
) -> None:
    write_table(tmp_path / "manifest.csv", [{"path": "a.png", "label": "normal", "icu": "1"}])
    with pytest.raises(InputError) as caught:
        read_source(tmp_path, make_use_case(source=SOURCE, severity=SEVERITY))
    assert (caught.value.code, "extent_from" in caught.value.hint) == ("column_missing", True)
