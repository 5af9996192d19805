"""Intervals, discrimination, calibration, thresholds, DeLong, net benefit, fairness, regions, levels: all pure functions.

Import the modules, so that a call reads as what it is::

    from radloop.statistics import discrimination, intervals

    discrimination.auroc(scores, labels)
    intervals.bootstrap(scores, labels, patients, threshold=0.42)["auroc"].low

Two rules hold everywhere. What cannot be computed is NaN, never a number that looks like an answer.
What cannot be meant (a NaN score, a label that is neither 0 nor 1) raises ValueError.
"""
