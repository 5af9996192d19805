"""The task is not trivial: a linear model of coarse pixels does not solve it."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from radloop.data.phantoms.cohort import draw_cohort
from radloop.data.phantoms.picture import draw_picture


def test_a_linear_model_of_32_by_32_pixels_fails() -> None:
    cohort = draw_cohort(540, 2026)
    pictures = [draw_picture(phantom, cohort, 2026) for phantom in cohort]
    shown = np.stack([np.clip((picture.values - picture.low) / (picture.high - picture.low), 0, 1) for picture in pictures])
    pixels = shown.reshape(len(cohort), 32, 8, 32, 8).mean(axis=(2, 4)).reshape(len(cohort), -1)
    opaque = np.array([phantom.opaque for phantom in cohort])
    train, test = (np.array([phantom.split == split for phantom in cohort]) for split in ("train", "test"))
    scaler = StandardScaler().fit(pixels[train])
    areas = []
    for strength in (1e-2, 1e-1):
        model = LogisticRegression(C=strength, max_iter=2000).fit(scaler.transform(pixels[train]), opaque[train])
        areas.append(roc_auc_score(opaque[test], model.decision_function(scaler.transform(pixels[test]))))
    assert max(areas) < 0.8
