"""The config of a sweep, composed of the configs of the layers below."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny, field_validator, model_validator

from epiplexity_jax.base.config import Config, did_you_mean, parse, shorten
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.keys import Seed
from epiplexity_jax.checkpoints.options import CheckpointOptions
from epiplexity_jax.estimators import registry as estimators
from epiplexity_jax.estimators.config import MOST_STEPS, EstimatorConfig, Prequential
from epiplexity_jax.families import registry as families
from epiplexity_jax.sources import opening as sources
from epiplexity_jax.trackers import registry as trackers

PUBLISHED_BATCH = 64  # sequences a step, of which `training.steps` counts where the batch is tuned


class Training(Config):
    """Training of members."""

    steps: int = Field(default=1000, ge=1, le=MOST_STEPS)
    """Steps of every run; of the teacher where there is one. Where the batch is tuned, these are
    steps of 64 sequences: another batch takes fewer or more of them and reads the same tokens."""
    batch_size: int | None = Field(default=None, ge=1, le=1 << 24)
    """Sequences a step. Default: tuned, or 64 with `recipe: fixed`."""
    learning_rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Base learning rate; muP scales it to every width and depth. Default: tuned, or 0.03 with
    `recipe: fixed`."""
    warmup_steps: int | None = Field(default=None, ge=0, le=MOST_STEPS)
    """Steps of linear warm-up; constant afterwards. Default: tuned, or 100 with `recipe: fixed`."""
    compute_dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Type of activations; auto is float32 on CPU and bfloat16 on accelerators. Parameters, losses
    and the optimiser are float32."""
    microbatch: int | None = Field(default=None, ge=1)
    """Sequences whose gradient is taken at once, a divisor of batch_size; default: about 512 tokens
    on a CPU, where activations then fit a core's cache, and the batch whole on accelerators; fewer
    where memory asks for it."""
    rematerialise: bool | None = None
    """True: accelerators hold only the inputs of blocks and rematerialise the rest for the backward
    pass; default: where a microbatch of one sequence does not fit otherwise."""
    members_per_device: int | None = Field(default=None, ge=1)
    """Members that a device trains in one go; default: 1 on CPU, up to 64 on accelerators."""
    data_devices: int | None = Field(default=None, ge=1)
    """Devices that share a member's batch; default: 1, or more where there are fewer members of a
    shape than accelerators."""
    shard_state: bool | None = None
    """True: devices that share a batch share parameters and optimiser state as well; default: where
    a model does not fit one of them."""
    flops: Literal["declared", "compiled"] = "declared"
    """Count of FLOPs per token: the family's (6 N and 2 N if dense) or the compiled program's."""
    keep_final_state: bool = True
    """Keep each run's last state in the store, so that more steps train only what is new."""

    @property
    def shares(self) -> bool:
        """True if the config has devices share batches."""
        return bool(self.data_devices or self.shard_state)

    @model_validator(mode="after")
    def _microbatch_divides(self) -> "Training":
        batch = self.batch_size or PUBLISHED_BATCH
        if self.microbatch is not None and batch % self.microbatch:
            raise ValueError(f"microbatch: {self.microbatch} does not divide {batch}")
        return self


class Recipe(Config):
    """Values by which every member of a source trains, as tuning found them."""

    learning_rate: float = Field(gt=0, allow_inf_nan=False)
    """Base learning rate, unless the family has its own."""
    warmup_steps: int = Field(ge=0, le=MOST_STEPS)
    """Steps of linear warm-up."""
    batch_size: int = Field(ge=1, le=1 << 24)
    """Sequences a step."""
    steps: int = Field(ge=1, le=MOST_STEPS)
    """Steps of every run."""
    ema_growth: float = Field(gt=0, le=1)
    """Window of the averaged weights, its share of the steps so far."""
    max_kl: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Cap of a requential code; default: none."""
    tried: int = Field(default=1, ge=1)
    """Number of recipes it was chosen from, which the model length pays log2 of."""


class Heldout(Config):
    """Held-out data, the same for every member of a source."""

    tokens: int = Field(default=250_000, ge=1)
    """Label tokens at the last record point; at most a tenth of a finite source."""
    record_tokens: int | None = Field(default=None, ge=1)
    """Label tokens at the other record points, the same ones at all; default: a training batch's,
    at least 64 sequences, and 0.6 % of what training has read where that is more, at most a
    sixteenth of the set, in turns (of a set of 16 batches or more)."""
    split: Literal["windows", "documents"] | None = None
    """Unit that is held out of a finite source. `windows`: sequences at random, so that training
    reads other parts of the same text. `documents`: whole files where there are several, a region
    of a single text, rows or images; training reads no part of them. Default: documents where each
    sequence is one, else windows."""
    duplicates: Literal["keep", "drop"] = "keep"
    """`drop`: what occurs verbatim in the training part of a finite source is not held out."""


RecipeChoice = Literal["tuned", "fixed"]
_NO_SOURCES = "sources: expected one or more `name: {kind: ...}` entries"
_ADDRESS = re.compile(r"auto|local|(ray://)?[^/\s]+:\d+")


class ExecutorOptions(Config):
    """Executor of a sweep's waves. No part of a run's identity."""

    kind: Literal["local", "ray"] = "local"
    """`local`: the devices of this process, and of those it has joined. `ray`: a cluster; needs
    `pip install epiplexity-jax[ray]`."""
    address: str | None = None
    """Address of the Ray cluster: `HOST:PORT`, or `auto` for one that this machine belongs to;
    default: the environment's RAY_ADDRESS, else a cluster of this machine alone that ends with the
    sweep."""
    devices: int | None = Field(default=None, ge=1)
    """GPUs, or CPU cores on nodes without GPUs, of a wave on Ray; default: as many as the smallest
    node has."""
    retries: int | None = Field(default=None, ge=0)
    """Times that Ray trains a wave again whose worker or node was lost; default: 3."""

    @property
    def most_retries(self) -> int:
        """The same, with the default."""
        return 3 if self.retries is None else self.retries

    @field_validator("address")
    @classmethod
    def _is_an_address(cls, address: str | None) -> str | None:
        if address is not None and not _ADDRESS.fullmatch(address):
            raise ValueError(f"expected HOST:PORT, ray://HOST:PORT or auto, got {shorten(address)}")
        return address

    @model_validator(mode="after")
    def _local_has_no_cluster(self) -> "ExecutorOptions":
        for name in ("address", "devices", "retries"):
            if self.kind == "local" and getattr(self, name) is not None:
                raise ValueError(f"{name}: belongs to kind ray; leave it out, or set kind to ray")
        return self


class FrontierOptions(Config):
    """Frontier that `run` prints at the end, and defaults of `frontier`."""

    test_tokens: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Label tokens of the dataset whose information is measured."""
    compute: tuple[float, ...] | None = None
    """Budgets in FLOPs; default: log-spaced over the sweep."""

    @model_validator(mode="after")
    def _positive(self) -> "FrontierOptions":
        for budget in self.compute or ():
            if not 0 < budget < float("inf"):
                raise ValueError(f"compute: must be positive FLOPs, got {budget:g}")
        return self


class Sweep(Config):
    """A sweep: every member of a family on every source."""

    sources: dict[str, SerializeAsAny[Config]]
    """Name: source."""
    family: SerializeAsAny[Config]
    """The models an observer may use."""
    estimator: SerializeAsAny[EstimatorConfig] = Prequential()
    """Code of a trained model."""
    training: Training = Training()
    """Training of members."""
    recipe: RecipeChoice = "tuned"
    """tuned: recipe values that the config leaves out minimise the two-part code of each source, on
    the family's smallest size. fixed: they are the published ones."""
    recipes: dict[str, Recipe] = {}
    """Recipes by source, which take the place of tuning; a store's sweep.yaml has those found."""
    budgets: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...] | None = None
    """Budgets in FLOPs, in place of a grid: sizes and training tokens are chosen for them, and grow
    until every budget's optimum lies inside. Axes of sizes that the family names stay as they are,
    and `training.steps` is not used. Needs `frontier.test_tokens`."""
    grid: dict[str, dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]]] = {}
    """Training tokens of the runs of a source by size, such as `text: {width 8 depth 1: 1.0e6}`, in
    place of every size at `training.steps`; sources that are left out have these."""
    heldout: Heldout = Heldout()
    """Held-out data."""
    checkpoints: CheckpointOptions = CheckpointOptions()
    """Checkpoints of runs in training."""
    executor: ExecutorOptions = ExecutorOptions()
    """Executor of the waves."""
    seed: Seed = 0
    """Root of every random choice."""
    frontier: FrontierOptions = FrontierOptions()
    """Budgets to print."""
    trackers: tuple[SerializeAsAny[Config], ...] = ()
    """Sinks of the numbers of runs in training; default: none but the store."""

    @model_validator(mode="after")
    def _agrees(self) -> "Sweep":
        for i, tracker in enumerate(self.trackers):
            if tracker in self.trackers[:i]:
                raise ValueError(f"trackers: {tracker.model_dump()['kind']} is given twice")
        bound = self.estimator.iteration_limit
        if bound is not None and bound < self.training.steps:
            raise ValueError(
                "estimator.max_iterations: must be at least training.steps, "
                f"{self.training.steps}, got {bound}"
            )
        if self.budgets is not None and not self.budgets:
            raise ValueError("budgets: expected one or more numbers of FLOPs, such as [1e12, 1e13]")
        if self.budgets and self.frontier.test_tokens is None:
            raise ValueError(
                "frontier.test_tokens: this key is required with budgets; they pay for these too"
            )
        if not self.sources:
            raise ValueError(_NO_SOURCES)
        for key in ("recipes", "grid"):
            for name in getattr(self, key):
                if name not in self.sources:
                    raise ValueError(f"{key}: {did_you_mean('source', name, self.sources)}")
        for name in self.sources:
            if not name or "/" in name or name != name.strip() or not name.isprintable():
                raise ValueError(
                    f"sources: {name!r} is no name for a source; use letters, digits, - and _"
                )
        return self

    def to_plain(self) -> dict[str, Any]:
        """Plain values; `parse_sweep` gives the same sweep back."""
        return self.model_dump(mode="json")


def parse_sweep(data: Any) -> Sweep:
    """Check plain data (a YAML file's) and build the sweep it describes.

    Raises:
        ConfigError: naming the key's path, what was wrong and what is allowed.
    """
    if not isinstance(data, Mapping):
        what = "is empty" if data is None else f"must hold keys and values, got {shorten(data)}"
        raise ConfigError(f"config: {what}; needed: sources and family")
    for key in data:
        if key not in Sweep.model_fields:
            raise ConfigError(did_you_mean("key", key, Sweep.model_fields))
    for key in ("sources", "family"):
        if key not in data:
            raise ConfigError(f"{key}: this key is required")
    named = data["sources"]
    if not isinstance(named, Mapping):
        raise ConfigError(_NO_SOURCES)
    if len({str(name) for name in named}) < len(named):
        raise ConfigError(f"sources: two have one name: {', '.join(map(str, named))}")
    parsed = {key: value for key, value in data.items() if value is not None}
    parsed["sources"] = {
        str(name): sources.parse(value, f"sources.{name}") for name, value in named.items()
    }
    parsed["family"] = families.parse(data["family"], "family")
    if isinstance(estimator := parsed.get("estimator"), Mapping):
        parsed["estimator"] = {"kind": "prequential", **estimator}
    if "estimator" in parsed:
        parsed["estimator"] = estimators.parse(parsed["estimator"], "estimator")
    if "trackers" in parsed:
        named = parsed["trackers"]
        if not isinstance(named, list | tuple):
            raise ConfigError(
                f"trackers: expected a list such as [jsonl, tensorboard], got {shorten(named)}"
            )
        entries = [{"kind": entry} if isinstance(entry, str) else entry for entry in named]
        parsed["trackers"] = tuple(
            trackers.parse(entry, f"trackers.{i}") for i, entry in enumerate(entries)
        )
    return parse(Sweep, parsed)
