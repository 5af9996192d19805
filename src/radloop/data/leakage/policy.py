"""What is done about leaks: nothing, for `validate` to refuse; or the rows farthest from judging are not used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from radloop.data.leakage.findings import Leak
from radloop.data.manifest import usable
from radloop.use_case import SPLITS, Leakage

_RANK: Mapping[str, int] = {split: number for number, split in enumerate(SPLITS)}
"""How near to judging a split is: test is the nearest."""
LEAK = "leak"


def apply_policy(frame: pd.DataFrame, leaks: Sequence[Leak], spec: Leakage) -> tuple[pd.DataFrame, int]:
    """Return the manifest with `excluded` set to `leak` for what the policy drops, and how many rows that are.

    `refuse` drops nothing. `drop` keeps the rows of a leak that are nearest to judging (test, then calibrate,
    then tune) and drops the others, so that no two splits share it: never a test row. Of near-duplicates, a row
    goes only where one nearer to judging that it resembles stays.

    An image that an earlier data version trained on and that judges now stays, and with it the leak: `described` says so.
    """
    if spec.policy == "refuse":
        return frame, 0
    # Each leak by itself: the copy of a row that goes for its patient in test is that patient's picture too.
    dropped = {name for leak in leaks for name in _dropped(leak)}
    chosen = frame["id"].isin(dropped) & frame.index.isin(usable(frame).index)
    changed = frame.copy()
    changed.loc[chosen, "excluded"] = LEAK
    return changed, int(chosen.sum())


def described(frame: pd.DataFrame, leaks: Iterable[Leak]) -> list[dict[str, Any]]:
    """Return the leaks as ingest writes them down, each with `stands`: whether it is there still.

    Args:
        frame: the manifest that `apply_policy` returned. Under `refuse` every leak stands; under `drop` one stands
            that dropping could not mend.
    """
    used = set(usable(frame)["id"])
    return [leak.as_dict() | {"stands": _stands(leak, used)} for leak in leaks]


def _stands(leak: Leak, used: set[str]) -> bool:
    alive = [not present or name in used for name, present in zip(leak.rows, leak.present, strict=True)]
    if leak.pairs:
        return any(alive[first] and alive[second] for first, second in leak.pairs)
    if not any(ok and present for ok, present in zip(alive, leak.present, strict=True)):
        return False
    return len({place for place, ok in zip(leak.places, alive, strict=True) if ok}) > 1


def _dropped(leak: Leak) -> set[str]:
    """Return the ids of the present rows of a leak that go."""
    ranks, present = [_RANK[place] for place in leak.places], leak.present
    if not leak.pairs:
        top = max(ranks)
        return {leak.rows[number] for number, rank in enumerate(ranks) if rank < top and present[number]}
    lost: set[int] = set()
    pairs = (sorted(pair, key=lambda number: ranks[number]) for pair in leak.pairs)
    # From test downwards: when a split's turn comes, those nearer to judging are settled.
    for low, high in sorted(pairs, key=lambda pair: -ranks[pair[0]]):
        if present[low] and high not in lost:
            lost.add(low)
    return {leak.rows[number] for number in lost}
