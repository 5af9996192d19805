"""Synthetic chest phantoms: DICOM images with known labels and, on request, planted defects."""

from __future__ import annotations

from radloop.data.phantoms.defects import Defect
from radloop.data.phantoms.writing import DEFAULT_N, DEFAULT_SEED, write_phantoms

__all__ = ["DEFAULT_N", "DEFAULT_SEED", "Defect", "write_phantoms"]
