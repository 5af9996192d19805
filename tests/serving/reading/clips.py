"""A clip's answer worked by hand: two labels, seven frames at two a second, one refused in the middle."""

from __future__ import annotations

from typing import Any

LABELS = ["mass", "nodule"]


def frame(seconds: float, mass: float | None, nodule: float = 0.0) -> dict[str, Any]:
    if mass is None:
        return {"seconds": seconds, "probabilities": None, "positive": None, "refused": "blank_image"}
    positive = [mass >= 0.5, nodule >= 0.8]
    return {"seconds": seconds, "probabilities": [mass, nodule], "positive": positive, "refused": None}


def make_clip_answer() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the frames, and the answer for all of them: mass 0.5 (of six frames 3.0), nodule 0.6."""
    frames = [
        frame(0.0, 0.2, 0.5), frame(0.5, 0.6, 0.6), frame(1.0, 0.75, 0.7), frame(1.5, None),
        frame(2.0, 0.65, 0.9), frame(2.5, 0.3, 0.4), frame(3.0, 0.5, 0.5),
    ]  # fmt: skip
    peaks = [{"label": "mass", "seconds": 1.0, "probability": 0.75}, {"label": "nodule", "seconds": 2.0, "probability": 0.9}]
    clip = {"frames_per_second": 2.0, "labels": LABELS, "timeline": frames, "peaks": peaks, "refused": 1}
    findings = [
        {"label": "mass", "probability": 0.5, "threshold": 0.5, "positive": True},
        {"label": "nodule", "probability": 0.6, "threshold": 0.8, "positive": False},
    ]
    return clip, {"findings": findings}
