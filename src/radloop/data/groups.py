"""The word that each image has of an attribute of its patient or its origin."""

from __future__ import annotations

import pandas as pd

from radloop.use_case import Attribute, Subgroups


def group_words(frame: pd.DataFrame, attribute: Attribute, subgroups: Subgroups) -> list[str | None]:
    """Return each row's word of an attribute, None where it is unknown.

    Args:
        frame: rows of a manifest.
        attribute: a column of it, or `age_band`.
        subgroups: says where age bands lie.
    """
    if attribute == "age_band":
        return [subgroups.age_band(float(age)) for age in frame["age"].astype("float64")]
    return [None if pd.isna(value) else str(value) for value in frame[attribute]]
