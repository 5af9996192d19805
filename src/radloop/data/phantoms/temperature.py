"""The planted clinical value: a temperature that is higher with an opacity, by a stated amount."""

from __future__ import annotations

from radloop.data.phantoms.randomness import Draws, Stream

NORMAL = 368
"""The mean without an opacity, tenths of a degree Celsius."""
SHIFT = 6
"""How much higher the mean is with an opacity, tenths."""
DEVIATION = 4
"""The standard deviation of either, tenths."""
MISSING_PERCENT = 20
"""How many of a hundred temperatures are unknown, whatever the image shows."""

_TERMS = 12
_HALF = 1 << 15


def temperature(seed: int, index: int, *, opaque: bool) -> str:
    """Return the temperature of an image's patient as the table writes it, such as `37.4`; empty where it is unknown.

    Two normal distributions of equal spread, d = SHIFT / DEVIATION = 1.5 deviations apart. Alone, a known temperature
    tells an opacity with an AUROC of Phi(d / sqrt 2) = 0.856. Where the unknown ones, a fifth, are put half way between the
    means, it is 0.8^2 x 0.856 + 2 x 0.8 x 0.2 x Phi(d / 2) + 0.2^2 / 2 = 0.815. Beside an image whose score is
    normal and d' deviations apart, the best AUROC is Phi(sqrt((d'^2 + d^2) / 2)) where the temperature is known.

    Twelve uniform draws are summed (Irwin and Hall): their variance is 1, and sums of integers are the same everywhere.
    It follows what the picture holds: a label that is wrong by design does not change a fever.
    """
    draws = Draws(seed, Stream.TEMPERATURE, index)
    if draws.chance(MISSING_PERCENT):
        return ""
    total = sum(draws.below(2 * _HALF) for _ in range(_TERMS)) - _TERMS * _HALF
    mean = NORMAL + (SHIFT if opaque else 0)
    # A deviation of `total` is 2 * _HALF; half of it more rounds to the nearest tenth.
    tenths = mean + (DEVIATION * total + _HALF) // (2 * _HALF)
    return f"{tenths // 10}.{tenths % 10}"
