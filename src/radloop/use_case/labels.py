"""What an image is told apart by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from radloop.use_case.section import Section


def check_words(words: Sequence[str]) -> None:
    """Refuse two labels with one word.

    Raises:
        ValueError: names the word.
    """
    twice = [word for number, word in enumerate(words) if word in words[:number]]
    if twice:
        raise ValueError(f"'{twice[0]}' stands for two labels")


class BinaryLabels(Section):
    """The finding that is looked for, and the word for its absence."""

    kind: Literal["binary"] = "binary"
    positive: str
    negative: str

    @model_validator(mode="after")
    def _words_differ(self) -> BinaryLabels:
        check_words(self.words)
        return self

    @property
    def words(self) -> tuple[str, ...]:
        """Return (negative, positive): the index of a word is its class."""
        return (self.negative, self.positive)


class ClassLabels(Section):
    """Classes of which every image has exactly one."""

    kind: Literal["multiclass"]
    classes: tuple[str, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _words_differ(self) -> ClassLabels:
        check_words(self.words)
        return self

    @property
    def words(self) -> tuple[str, ...]:
        """Return the classes: the index of a word is its class."""
        return self.classes


class FindingLabels(Section):
    """Findings of which an image has any number; a finding may be unknown in an image."""

    kind: Literal["multilabel"]
    findings: tuple[str, ...] = Field(min_length=2)
    none: str
    """The word for an image with none of them."""

    @model_validator(mode="after")
    def _words_differ(self) -> FindingLabels:
        check_words(self.words)
        return self

    @property
    def words(self) -> tuple[str, ...]:
        """Return the findings, and last the word for none of them."""
        return (*self.findings, self.none)


class RegionLabels(Section):
    """A region that is outlined pixel by pixel; an image without it is possible."""

    kind: Literal["segmentation"]
    target: str
    """The word for what is outlined, and for an image that shows it."""
    none: str = "none"
    """The word for an image that does not."""

    @model_validator(mode="after")
    def _words_differ(self) -> RegionLabels:
        check_words(self.words)
        return self

    @property
    def words(self) -> tuple[str, ...]:
        """Return (none, target): the index of a word is its class."""
        return (self.none, self.target)


def _label_kind(value: Any) -> str:
    kind = value.get("kind", "binary") if isinstance(value, dict) else getattr(value, "kind", "binary")
    return str(kind)


Labels = Annotated[
    Annotated[BinaryLabels, Tag("binary")]
    | Annotated[ClassLabels, Tag("multiclass")]
    | Annotated[FindingLabels, Tag("multilabel")]
    | Annotated[RegionLabels, Tag("segmentation")],
    Discriminator(_label_kind),
]
