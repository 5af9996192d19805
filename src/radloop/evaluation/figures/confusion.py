"""Answers against the truth, counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.patches import Rectangle

from radloop.evaluation.figures import canvas
from radloop.evaluation.figures.canvas import BLUE, INK, VERMILLION
from radloop.statistics.discrimination import Confusion


def confusion_figure(confusion: Confusion, *, positive: str, negative: str, synthetic: bool = False) -> bytes:
    """Draw the four counts at the threshold: the truth in rows, the answer in columns.

    Args:
        confusion: the counts.
        positive: the word for the finding, such as `tuberculosis`.
        negative: the word for its absence.
        synthetic: marks the figure as made from phantoms.
    """
    figure, axes = canvas.opened(
        "Right and wrong answers", "Cases at the threshold, and their share of the row", synthetic=synthetic
    )
    rows = (
        ((confusion.true_positives, BLUE, "found"), (confusion.false_negatives, VERMILLION, "missed")),
        ((confusion.false_positives, VERMILLION, "false alarm"), (confusion.true_negatives, BLUE, "cleared")),
    )
    for y, row in enumerate(rows):
        total = sum(count for count, _, _ in row)
        for x, (count, colour, word) in enumerate(row):
            share = count / total if total else 0.0
            axes.add_patch(Rectangle((x, y), 0.97, 0.97, facecolor=(colour, 0.1 + share / 2), edgecolor="none"))
            axes.text(x + 0.485, y + 0.40, f"{count:,}", ha="center", va="center", fontsize=24, fontweight="bold", color=INK)
            words = f"{word}, {share:.0%}" if total else "no case"
            axes.text(x + 0.485, y + 0.68, words, ha="center", va="center", fontsize=11, color=INK)
    axes.set(xlim=(0, 1.97), ylim=(1.97, 0), xticks=(0.485, 1.485), yticks=(0.485, 1.485))
    axes.set_xticklabels((positive, negative), fontsize=10, color=INK)
    axes.set_yticklabels((positive, negative), fontsize=10, color=INK, rotation=90, va="center")
    canvas.dressed(axes, "The model's answer", "The truth")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return canvas.png(figure)


def matrix_figure(
    counts: npt.NDArray[np.int64], *, labels: Sequence[str], title: str, note: str, synthetic: bool = False
) -> bytes:
    """Draw how often each class or level got each answer: the truth in rows, the answer in columns.

    Args:
        counts: shape [K, K].
        labels: K words.
        title: of the figure.
        note: below it.
        synthetic: marks the figure as made from phantoms.
    """
    k = len(labels)
    figure, axes = canvas.opened(title, note, height=1.9 + max(2.4, 0.62 * k), synthetic=synthetic)
    for y, row in enumerate(counts):
        total = int(row.sum())
        for x, count in enumerate(row.tolist()):
            share = count / total if total else 0.0
            colour = BLUE if x == y else VERMILLION
            depth = 0.1 + share / 2 if count else 0.04
            axes.add_patch(Rectangle((x, y), 0.97, 0.97, facecolor=(colour, depth), edgecolor="none"))
            axes.text(
                x + 0.485, y + 0.38, f"{count:,}", ha="center", va="center", fontsize=max(9, 17 - k), fontweight="bold", color=INK
            )
            axes.text(
                x + 0.485,
                y + 0.72,
                f"{share:.0%}" if total else "",
                ha="center",
                va="center",
                fontsize=max(8, 11 - k // 2),
                color=INK,
            )
    middles = [number + 0.485 for number in range(k)]
    axes.set(xlim=(0, k - 0.03), ylim=(k - 0.03, 0), xticks=middles, yticks=middles)
    axes.set_xticklabels([canvas.short(word, 16) for word in labels], fontsize=9, color=INK)
    axes.set_yticklabels([canvas.short(word, 16) for word in labels], fontsize=9, color=INK)
    canvas.dressed(axes, "The model's answer", "The truth")
    if sum(len(canvas.short(word, 16)) for word in labels) > 36:
        axes.set_xticklabels(axes.get_xticklabels(), rotation=25, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    canvas.say_if_missing(axes, 0.0 if int(counts.sum()) else float("nan"))
    return canvas.png(figure)
