"""A use case: one diagnostic question on one kind of image, as one YAML file.

The classes hold values only; each layer builds its objects from its own section. They are frozen and
strict: an unknown key is refused with the nearest valid name, a wrong type with its line.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from radloop.errors import ConfigError

Split = Literal["train", "tune", "calibrate", "test"]
SPLITS: tuple[Split, ...] = ("train", "tune", "calibrate", "test")
Sex = Literal["F", "M", "O"]
Attribute = Literal["sex", "age_band", "site", "view"]


class Section(BaseModel):
    """The base of every section: frozen, strict, no unknown keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class IntendedUse(Section):
    """What the model is for, and for whom it was never tested."""

    statement: str
    not_for: tuple[str, ...] = ()
    age: tuple[float, float] | None = None
    """Years, both ends included; patients known to lie outside are refused."""


class BinaryLabels(Section):
    """The finding that is looked for, and the word for its absence."""

    kind: Literal["binary"] = "binary"
    positive: str
    negative: str

    @property
    def words(self) -> tuple[str, ...]:
        """Return (negative, positive): the index of a word is its class."""
        return (self.negative, self.positive)


class ClassLabels(Section):
    """Classes of which every image has exactly one."""

    kind: Literal["multiclass"]
    classes: tuple[str, ...] = Field(min_length=2)

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

    @property
    def words(self) -> tuple[str, ...]:
        """Return the findings, and last the word for none of them."""
        return (*self.findings, self.none)


def _label_kind(value: Any) -> str:
    kind = value.get("kind", "binary") if isinstance(value, dict) else getattr(value, "kind", "binary")
    return str(kind)


Labels = Annotated[
    Annotated[BinaryLabels, Tag("binary")]
    | Annotated[ClassLabels, Tag("multiclass")]
    | Annotated[FindingLabels, Tag("multilabel")],
    Discriminator(_label_kind),
]


class Window(Section):
    """A window on the values of the pixel domain: what lies outside is black or white."""

    center: float
    width: float = Field(gt=0)


class ImageSpec(Section):
    """What the pixels mean and how they reach the network; training and serving share it."""

    modalities: tuple[str, ...]
    """DICOM (0008,0060) values that are admitted."""
    body_parts: tuple[str, ...]
    """DICOM (0018,0015) values that are admitted; an absent value is admitted with a warning."""
    pixel_domain: Literal["display", "hounsfield", "raw"] = "display"
    """What a grey value means before the window is applied.

    `display`: as a reader sees it, after the file's own VOI window or the one given here, bright meaning dense.
    `hounsfield`: CT numbers. `raw`: values as they are stored. Both need a window.
    """
    window: Window | None = None
    """The preset that is applied to every image, in the values of the domain."""
    frames_per_second: float | None = Field(default=None, gt=0)
    """How many frames of a video are taken a second; null where the use case takes still images only."""
    size: int = Field(ge=32, le=1024)
    """Side of the square network input, pixels."""
    min_side: int = Field(default=64, ge=16)
    """A smaller image is refused."""

    @model_validator(mode="after")
    def _domain_has_its_window(self) -> ImageSpec:
        if self.pixel_domain != "display" and self.window is None:
            raise ValueError(f"pixel_domain {self.pixel_domain} needs a window: center and width")
        return self


class Columns(Section):
    """The source's name of each column; null where the source has none."""

    path: str = "path"
    label: str = "label"
    patient: str | None = None
    group: str | None = None
    """Images of one group never cross a split, even where the patient is unknown."""
    split: str | None = None
    sex: str | None = None
    age: str | None = None
    site: str | None = None
    view: str | None = None
    device: str | None = None
    extent: str | None = None


class Blocks(Section):
    """Groups made of neighbouring slices, where a source names neither patients nor groups."""

    pattern: str
    """A regular expression over the file's path: its last group is the slice's number, those before name the series."""
    size: int = Field(ge=2)
    """How many consecutive numbers belong together."""


class Clinical(Section):
    """One clinical value that goes with an image."""

    column: str
    """The source's column."""
    unit: str | None = None
    """UCUM code, such as `Cel` or `%`; null for a category."""
    low: float | None = None
    high: float | None = None
    """A number outside is unknown, with a note."""
    words: dict[str, str] = {}
    """For a category: the source's words to ours; other words are unknown, with a note."""


class Source(Section):
    """How a source's columns, words and folders map to the manifest's."""

    columns: Columns = Columns()
    labels: dict[str, str] = {}
    """The source's label words to ours; ours need no entry."""
    splits: dict[str, Split] = {}
    """The source's split words to ours; empty means that its split is not used."""
    sexes: dict[str, Sex] = {"F": "F", "M": "M", "female": "F", "male": "M", "f": "F", "m": "M"}
    dicom_label: str | None = None
    """The DICOM keyword that holds the label in a bare folder of DICOM files."""
    label_separator: str | None = None
    """What stands between the findings of a multi-label column, such as `|`."""
    patient_pattern: str | None = None
    """A regular expression whose first group finds the patient in a file name (class folders)."""
    patient_per_split: bool = False
    """The source numbers its patients anew in every split: equal numbers are different people."""
    blocks: Blocks | None = None
    max_unreadable: int = Field(default=10, ge=0)
    """How many unreadable images ingest leaves out before it refuses the source."""


class Leakage(Section):
    """What happens to images that stand on both sides of a split."""

    policy: Literal["refuse", "drop"] = "refuse"
    """`refuse`: `validate` says no. `drop`: the copy farther from judging (train first, test never) is not used."""
    hash_distance: int = Field(default=20, ge=0, le=128)
    """Candidates for near-duplicates differ in at most this many of 256 bits of their difference hashes."""
    correlation: float = Field(default=0.97, gt=0, le=1)
    """Candidates are near-duplicates from this correlation of their thumbnails on; see `radloop.images.fingerprint`."""


class Quarantine(Section):
    """Images that are kept out of every split, by their quality; null switches a rule off."""

    max_black: float | None = Field(default=0.95, ge=0, le=1)
    max_saturated: float | None = Field(default=0.95, ge=0, le=1)
    min_contrast: float | None = Field(default=0.02, ge=0, le=1)
    min_sharpness: float | None = Field(default=None, ge=0)
    max_border: float | None = Field(default=None, ge=0, le=1)
    burned_in_text: bool = True
    """Images with lines of text in their pixels, or whose header says so."""


class SplitSpec(Section):
    """How the splits are cut where the source does not say."""

    seed: int = 20260101
    proportions: tuple[float, float, float, float] = (0.60, 0.15, 0.10, 0.15)
    """Shares of train, tune, calibrate, test, by patient."""


class Validation(Section):
    """What Great Expectations asks of the manifest."""

    min_images: int = Field(default=50, ge=1)
    min_per_label_and_split: int = Field(default=5, ge=1)
    age: tuple[float, float] = (0.0, 120.0)
    sites: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    devices: tuple[str, ...] = (
        "SIEMENS",
        "GE MEDICAL SYSTEMS",
        "PHILIPS",
        "PHILIPS MEDICAL SYSTEMS",
        "TOSHIBA",
        "CANON",
        "FUJIFILM",
        "AGFA",
        "CARESTREAM",
        "HOLOGIC",
        "SAMSUNG",
        "HITACHI",
        "KONICA MINOLTA",
        "SHIMADZU",
    )
    """Words of the site, view and device that are kept as they are; any other becomes a keyed stand-in, for it may be a name."""
    min_per_subgroup: int = Field(default=0, ge=0)
    """Images of every gated subgroup in `test`; fewer warn, for the gate judges on patients."""
    max_split_imbalance: float = Field(default=0.25, gt=0, le=1)
    """The largest difference of a label's share between a split and the whole before it warns."""
    max_drift: float = Field(default=0.25, gt=0)
    """The largest population stability index against the previous data version before it warns."""
    levels: dict[str, Literal["warn", "stop"]] = {}
    """Overrides by the check's code: `warn` is shown, `stop` refuses the data."""


class FloatRange(Section):
    """A real hyper-parameter."""

    kind: Literal["float"] = "float"
    low: float
    high: float
    log: bool = False


class IntRange(Section):
    """A whole-numbered hyper-parameter."""

    kind: Literal["int"] = "int"
    low: int
    high: int


class Choice(Section):
    """A hyper-parameter out of a list."""

    kind: Literal["choice"] = "choice"
    values: tuple[str | int | float, ...] = Field(min_length=1)


Range = Annotated[FloatRange | IntRange | Choice, Field(discriminator="kind")]


class Space(Section):
    """The search space: every member is one hyper-parameter of `Recipe` with the same name."""

    backbone: Choice | None = None
    learning_rate: Range | None = None
    weight_decay: Range | None = None
    dropout: Range | None = None
    augmentation: Range | None = None
    label_smoothing: Range | None = None


class Recipe(Section):
    """How one trial trains; what the space names is drawn, the rest is fixed."""

    backbone: str = "efficientnet-lite0"
    pretrained: bool = True
    batch_size: int = Field(default=32, ge=2)
    head_epochs: int = Field(default=0, ge=0)
    """Epochs with the backbone frozen, before all weights train."""
    learning_rate: float = Field(default=1e-3, gt=0)
    backbone_rate: float = Field(default=0.2, ge=0)
    """The backbone's learning rate as a share of the head's."""
    weight_decay: float = Field(default=1e-2, ge=0)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    augmentation: float = Field(default=1.0, ge=0)
    """Strength of rotation, shift, scale, exposure and erasing; 0 is none. Never a mirror image."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5)
    average_decay: float = Field(default=0.0, ge=0, lt=1)
    """Decay a step of the exponential moving average of the weights; 0 switches it off."""
    freeze_batch_norm: bool = False
    patience: int = Field(default=0, ge=0)
    """Epochs without a better value before a trial stops early; 0 never stops."""


class Search(Section):
    """The Optuna search: what is drawn, how, and the budget."""

    sampler: Literal["tpe", "random"] = "tpe"
    pruner: Literal["median", "none"] = "none"
    seed: int = 7
    trials: int = Field(ge=1)
    max_epochs: int = Field(ge=1)
    minutes: float | None = Field(default=None, gt=0)
    objective: Literal["auroc", "loss"] = "auroc"
    """Judged on `tune` only."""
    space: Space = Space()
    recipe: Recipe = Recipe()


class TargetSensitivity(Section):
    """The highest threshold that keeps this sensitivity on `calibrate`."""

    kind: Literal["target_sensitivity"] = "target_sensitivity"
    value: float = Field(gt=0, le=1)


class Youden(Section):
    """The threshold with the largest sensitivity + specificity on `calibrate`."""

    kind: Literal["youden"] = "youden"


OperatingPoint = Annotated[TargetSensitivity | Youden, Field(discriminator="kind")]


class GatedSubgroup(Section):
    """Patients on whom the gate judges by themselves."""

    attribute: Attribute
    value: str


class Subgroups(Section):
    """Which groups are reported, and which of them gate."""

    age_bands: tuple[tuple[int, int], ...] = ((0, 17), (18, 39), (40, 59), (60, 120))
    """Whole years, both ends included."""
    gated: tuple[GatedSubgroup, ...] = ()

    def age_band(self, age: float | None) -> str | None:
        """Return the word of an age's band, such as `18-39`; unknown stays unknown."""
        if age is None or age != age:
            return None
        return next((f"{low}-{high}" for low, high in self.age_bands if low <= int(age) <= high), None)


Metric = Literal[
    "auroc",
    "average_precision",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "f1",
    "accuracy",
    "balanced_accuracy",
    "brier",
    "ece",
]


class BoundRule(Section):
    """A bound of a metric's 95% interval, over the intended population."""

    kind: Literal["lower_bound", "upper_bound"]
    name: str
    metric: Metric
    limit: float


class SubgroupRule(Section):
    """The lower bound of a metric in each gated subgroup, each of a minimum size."""

    kind: Literal["subgroup_lower_bound"]
    name: str
    metric: Metric
    limit: float
    min_positives: int = Field(default=10, ge=1)
    min_negatives: int = Field(default=10, ge=1)


class CasesRule(Section):
    """How many test cases there must be at the least."""

    kind: Literal["minimum_cases"]
    name: str
    positives: int
    negatives: int


class ParityRule(Section):
    """How far the bundle may be from the trained network."""

    kind: Literal["parity"]
    name: str
    max_difference: float
    max_flips: int = 0


class DataRule(Section):
    """The verdict of Great Expectations on the data version must be a yes."""

    kind: Literal["data_verdict"]
    name: str


Rule = Annotated[BoundRule | SubgroupRule | CasesRule | ParityRule | DataRule, Field(discriminator="kind")]


class Policy(Section):
    """What the gate asks, written before a result is seen."""

    written: str
    """The date on which the policy was written, ISO 8601."""
    draws: int = Field(default=2000, ge=200)
    seed: int = 11
    rules: tuple[Rule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Policy:
        names = [rule.name for rule in self.rules]
        if len(set(names)) != len(names):
            raise ValueError("two rules share a name")
        return self


class UseCase(Section):
    """One diagnostic question, from its source's columns to its gate."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str
    synthetic: bool = False
    intended_use: IntendedUse
    labels: Labels
    image: ImageSpec
    clinical: dict[str, Clinical] = {}
    source: Source = Source()
    split: SplitSpec = SplitSpec()
    leakage: Leakage = Leakage()
    quarantine: Quarantine = Quarantine()
    validation: Validation = Validation()
    search: Search
    operating_point: OperatingPoint
    subgroups: Subgroups = Subgroups()
    policy: Policy

    @model_validator(mode="after")
    def _labels_are_known(self) -> UseCase:
        unknown = set(self.source.labels.values()) - set(self.labels.words)
        if unknown:
            raise ValueError(f"source.labels maps to {sorted(unknown)}, which labels does not name")
        return self

    @property
    def binary(self) -> BinaryLabels:
        """Return the labels of a use case that asks a yes-or-no question.

        Raises:
            ConfigError: it has several classes or findings.
        """
        if not isinstance(self.labels, BinaryLabels):
            raise ConfigError(
                "labels_not_binary",
                f"{self.name} has {self.labels.kind} labels; models are trained for binary ones so far",
                "its data can be ingested, explored and validated; train a use case with a positive and a negative label",
            )
        return self.labels
