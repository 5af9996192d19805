"""How what was deployed is watched."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from radloop.use_case.section import Section

Signal = Literal["quality", "embedding", "scores", "sex", "age_band", "site", "refusals"]
SIGNALS: tuple[Signal, ...] = ("quality", "embedding", "scores", "sex", "age_band", "site", "refusals")


class Retraining(Section):
    """When a flow may retrain without a person; the candidate waits for one all the same."""

    reasons: tuple[Literal["alarm", "new_data"], ...] = ()
    """`alarm`: a look that alarms asks for it; `new_data`: data that no bundle was made of are reason enough."""
    cooldown_days: float = Field(default=7, ge=0)
    """Days between the beginnings of two."""
    a_month: int = Field(default=4, ge=1)
    """How many may begin in 30 days."""


class Monitoring(Section):
    """One look is taken at each so many requests; all signals together share its budget of false alarms."""

    window: int = Field(default=50, ge=20, le=5000)
    """Requests of a look. A change of population lies whole in a window after twice as many requests at the latest."""
    false_alarms: float = Field(default=0.01, gt=0, le=0.2)
    """How many false alarms a look may give on average, over all signals: 0.01 is one in 100 looks."""
    signals: tuple[Signal, ...] = Field(default=SIGNALS, min_length=1)
    """What is compared with the bundle's reference; each has the same share of the budget, whether it can be judged or not."""
    retrain: Retraining = Retraining()

    @property
    def limit(self) -> float:
        """Return the p-value at or below which one signal alarms (Bonferroni)."""
        return self.false_alarms / len(set(self.signals))
