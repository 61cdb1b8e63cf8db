"""Configs: frozen, strict, and every complaint one line that names the key."""

from typing import Literal

import pytest
from pydantic import Field, ValidationError, field_validator, model_validator

from epiplexity_jax.base.config import Config, did_you_mean, parse
from epiplexity_jax.base.errors import ConfigError


class Inner(Config):
    rate: float = Field(default=1.0, gt=0)
    """FLOPs per token."""


class Outer(Config):
    kind: Literal["outer"] = "outer"
    steps: int = Field(ge=1)
    inner: Inner = Inner()
    maybe: Inner | None = None
    named: dict[str, Inner] = {}
    widths: tuple[int, ...] = (8,)
    loud: bool = False
    either: int | bool = 0

    @field_validator("widths")
    @classmethod
    def _even(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if any(width % 2 for width in widths):
            raise ValueError("ECA widths are even")
        return widths

    @model_validator(mode="after")
    def _fits(self) -> "Outer":
        if self.steps < len(self.widths):
            raise ValueError(f"steps: at least one per width, got {self.steps}")
        if self.steps == 13:
            raise ValueError("Unlucky")
        return self


def test_values_are_checked_and_kept():
    config = parse(Outer, {"steps": 3e2, "inner": {"rate": 2}, "widths": [8, 16]})
    assert config == Outer(steps=300, inner=Inner(rate=2.0), widths=(8, 16))


def test_configs_cannot_be_changed():
    config = Inner()
    with pytest.raises(ValidationError, match="frozen"):
        config.rate = 2.0  # type: ignore[misc]
    assert config.rate == 1.0


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "steps: this key is required"),
        ({"stesp": 3}, "unknown key 'stesp'; did you mean 'steps'? Known: either, inner, kind,"),
        ({"steps": "many"}, "steps: input should be a valid integer, unable to parse string as"),
        ({"steps": 1.5}, "steps: input should be a valid integer, got a number with a fraction"),
        ({"steps": 0}, "steps: input should be greater than or equal to 1, got 0"),
        ({"steps": True}, "steps: expected a number, got True"),
        ({"steps": 3, "widths": [8, False]}, "widths: expected a number, got [8, False]"),
        ({"steps": 3, "inner": {"rat": 1}}, "inner: unknown key 'rat'; did you mean 'rate'?"),
        ({"steps": 3, "inner": {"rate": -1}}, "inner.rate: input should be greater than 0, got"),
        ({"steps": 3, "inner": {"rate": False}}, "inner.rate: expected a number, got False"),
        ({"steps": 3, "maybe": {"rat": 1}}, "maybe: unknown key 'rat'; did you mean 'rate'?"),
        ({"steps": 3, "named": {"a": {"rat": 1}}}, "named.a: unknown key 'rat'; did you mean"),
        ({"steps": 3, "inner": 4}, "inner: expected keys and values, got 4"),
        ({"steps": 1, "widths": [8, 16]}, "steps: at least one per width, got 1"),
        ({"steps": 3, "widths": [9]}, "widths: ECA widths are even"),
        ({"steps": 3, 1: 2}, "1: keys should be strings"),
        ({"steps": 3, "kind": "inner"}, "kind: input should be 'outer', got 'inner'"),
    ],
)
def test_a_complaint_names_the_key_and_its_path(data, sentence):
    for path in ("", "sweep.family"):
        with pytest.raises(ConfigError) as caught:
            parse(Outer, data, path)
        message = str(caught.value)
        assert "\n" not in message
        joint = ": " if sentence.startswith("unknown") else "."
        assert message.startswith(f"{path}{joint}{sentence}" if path else sentence)


def test_a_complaint_about_no_single_key_names_the_whole():
    with pytest.raises(ConfigError, match="^family: unlucky$"):
        parse(Outer, {"steps": 13}, "family")
    with pytest.raises(ConfigError, match="^unlucky$"):
        Outer(steps=13)


def test_a_constructor_complains_as_a_file_does():
    with pytest.raises(ConfigError, match="^unknown key 'stesp'; did you mean 'steps'"):
        Outer(stesp=3)
    with pytest.raises(ConfigError, match=r"^steps: input should be greater"):
        Outer(steps=-1)


@pytest.mark.parametrize("data", [None, 3, "steps", ["steps"]])
def test_what_is_no_mapping_is_refused(data):
    with pytest.raises(ConfigError, match="^family: expected keys and values, got"):
        parse(Outer, data, "family")
    with pytest.raises(ConfigError, match="^config: expected keys and values, got"):
        parse(Outer, data)


def test_a_long_wrong_value_is_cut():
    with pytest.raises(ConfigError) as caught:
        Outer(steps=list(range(1000)))
    assert len(str(caught.value)) < 160


def test_truth_is_allowed_where_it_is_meant():
    assert Outer(steps=1, loud=True).loud
    assert Outer(steps=1, either=True).either is True


def test_the_nearest_name_is_offered_only_when_near():
    assert "did you mean" not in did_you_mean("source", "zebra", ["text", "noise"])
    assert did_you_mean("source", "nois", ["text", "noise"]).startswith(
        "unknown source 'nois'; did you mean 'noise'? Known: noise, text"
    )
    assert did_you_mean("kind", None, ["a"]) == "unknown kind None; Known: a"
