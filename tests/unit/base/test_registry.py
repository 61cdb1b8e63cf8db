"""Registries: kinds by name."""

from dataclasses import dataclass
from typing import Literal

import pytest
from pydantic import Field

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.registry import Registry


class Dice(Config):
    """Throws of a die.

    More about it.
    """

    kind: Literal["dice"] = "dice"
    sides: int = 6
    """Faces of
    the die."""
    bias: float | None = None
    """None is fair."""
    names: tuple[str, ...] = Field(default_factory=tuple)


class Cards(Config):
    """Draws from a pack."""

    kind: Literal["cards"] = "cards"
    pack: str


@dataclass(frozen=True)
class Opened:
    config: Config


@pytest.fixture
def games():
    registry = Registry("game")
    registry.register(Dice, Opened)
    registry.register(Cards, Opened)
    return registry


def test_a_kind_chooses_the_class(games):
    config = games.parse({"kind": "dice", "sides": 8}, "games.a")
    assert config == Dice(sides=8)
    assert games.open(config) == Opened(config)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (None, "games.a: expected keys and values with a kind, got None"),
        ([1], "games.a: expected keys and values with a kind, got [1]"),
        ({"sides": 6}, "games.a.kind: this key is required; known: cards, dice"),
        ({"kind": "dise"}, "games.a.kind: unknown game 'dise'; did you mean 'dice'? Known:"),
        ({"kind": None}, "games.a.kind: unknown game None; Known: cards, dice"),
        ({"kind": ["dice"]}, "games.a.kind: unknown game ['dice']"),
        ({"kind": {"dice": 6}}, "games.a.kind: unknown game {'dice': 6}"),
        ({"kind": "dice", "sids": 6}, "games.a: unknown key 'sids'; did you mean 'sides'?"),
        ({"kind": "cards"}, "games.a.pack: this key is required"),
    ],
)
def test_complaints_name_the_path(games, data, sentence):
    with pytest.raises(ConfigError) as caught:
        games.parse(data, "games.a")
    assert str(caught.value).startswith(sentence)


def test_kinds_describe_their_parameters(games):
    cards, dice = games.kinds()
    assert (cards["kind"], dice["kind"]) == ("cards", "dice")
    assert dice["summary"] == "Throws of a die."
    assert [p["name"] for p in dice["parameters"]] == ["sides", "bias", "names"]
    sides, bias, names = dice["parameters"]
    assert sides == {
        "name": "sides",
        "type": "integer",
        "default": 6,
        "required": False,
        "description": "Faces of the die.",
    }
    assert bias["type"] == "number or null"
    assert names["default"] == ()
    assert cards["parameters"][0]["required"]
    assert cards["parameters"][0]["default"] is None


def test_a_kind_has_one_class(games):
    class Loaded(Config):
        kind: Literal["dice"] = "dice"

    games.register(Dice, Opened)
    with pytest.raises(ConfigError, match="game kind 'dice' is taken"):
        games.register(Loaded, Opened)


def test_a_class_without_a_kind_is_refused(games):
    class Nameless(Config):
        sides: int = 6

    with pytest.raises(ConfigError, match="Nameless: needs a field `kind`"):
        games.register(Nameless, Opened)


def test_a_subclass_is_not_its_parent(games):
    class Weighted(Dice):
        weight: float = 1.0

    with pytest.raises(ConfigError, match="Weighted is no registered game"):
        games.open(Weighted())
