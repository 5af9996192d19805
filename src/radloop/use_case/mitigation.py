"""What is done where a model serves a group worse."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from radloop.use_case.section import Attribute, Section


class Mitigation(Section):
    """Against a worse answer for the groups of one attribute; the report shows the groups before and after."""

    attribute: Attribute
    training: Literal["reweighting", "balanced_sampling"] | None = None
    """`reweighting`: every group weighs in the loss as if its labels were spread as everybody's (Kamiran and Calders, Knowl
    Inf Syst 33:1, 2012). `balanced_sampling`: every label of every group is drawn as often."""
    thresholds: Literal["per_group"] | None = None
    """Each group is cut where the operating point's policy puts it among the group's own cases of `calibrate`; an unknown group,
    or one with too few, takes the most sensitive threshold of all."""
    labels: Literal["set_aside"] | None = None
    """Labels of `train` that a network contradicts though it was taught them are not learnt, where one group's are contradicted
    more often than the same label of all others."""
    most: float = Field(default=0.3, gt=0, lt=1)
    """The largest share of a group's labels that may be set aside; more is no noise, and nothing is trained."""
