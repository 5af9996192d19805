"""An answer as a file to keep: paper, JSON, or DICOM for the archive."""

from radloop.serving.reading.exports.kinds import KINDS, Export, Made
from radloop.serving.reading.exports.press import press

__all__ = ["KINDS", "Export", "Made", "press"]
