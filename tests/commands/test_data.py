"""What `radloop ingest` says to a person."""

from __future__ import annotations

from radloop.commands.data import told_of
from radloop.data.ingest import IngestResult
from radloop.data.leakage.findings import Leak


def test_leaks_are_counted_and_those_with_an_earlier_version_are_said_to_be() -> None:
    within = Leak("identical", ("train", "test"), ("a", "b"), ("train", "test"))
    across = Leak("identical", ("train", "test"), ("a", "c"), ("train", "test"), versions=(None, "0" * 32))
    leaks = [leak.as_dict() for leak in (within, across)]
    said = told_of(IngestResult("wrist", "1" * 32, True, 9, 8, {"train": 9}, leaks=leaks)).splitlines()
    assert said[0] == f"wrist is now data version {'1' * 32}: 9 images of 8 patients (train 9)"
    assert said[1] == "leaks across splits: 2 identical; policy refuse"
    assert said[2] == "1 of them with a version that validate accepted before: there these images stand in other splits"
    assert len(told_of(IngestResult("wrist", "1" * 32, True, 9, 8, {"train": 9}, leaks=leaks[:1])).splitlines()) == 2
