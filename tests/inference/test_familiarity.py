"""An image unlike all that the model learnt from is refused by a code of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radloop.errors import InadmissibleImage, IntegrityError
from radloop.inference.bundle import CONTENT
from radloop.inference.familiarity import FAMILIAR, FamiliarityFacts, check_familiar, read_familiar, write_familiar
from radloop.statistics.familiarity import fit_familiar

FACTS = FamiliarityFacts(share=0.99, limit=4.0, components=2, n=50, held=120)


def test_what_is_written_is_read_and_a_damaged_file_is_named(tmp_path: Path) -> None:
    familiar = fit_familiar(np.random.default_rng(1).normal(size=(50, 8)), 2)
    (tmp_path / CONTENT).mkdir()
    write_familiar(tmp_path / CONTENT, familiar)
    read = read_familiar((tmp_path / CONTENT / FAMILIAR).read_bytes())
    vectors = np.random.default_rng(2).normal(size=(5, 8))
    np.testing.assert_allclose(read.distance(vectors), familiar.distance(vectors), rtol=1e-5)
    (tmp_path / CONTENT / FAMILIAR).write_bytes(b"PK")
    with pytest.raises(IntegrityError, match=FAMILIAR):
        read_familiar((tmp_path / CONTENT / FAMILIAR).read_bytes())


def test_a_stranger_is_refused_and_so_is_what_cannot_be_measured() -> None:
    familiar = fit_familiar(np.random.default_rng(1).normal(size=(50, 8)), 2)
    check_familiar(np.zeros(8, np.float32), familiar, FACTS)
    for stranger in (np.full(8, 9.0, np.float32), np.full(8, np.nan, np.float32)):
        with pytest.raises(InadmissibleImage, match="unlike those") as refused:
            check_familiar(stranger, familiar, FACTS)
        assert refused.value.code == "unfamiliar_image"
