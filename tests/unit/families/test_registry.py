"""Families by kind."""

import pytest

from epiplexity_jax import families
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.families import registry
from epiplexity_jax.families.spec import DeviceFamily, HostFamily


def test_kinds_are_described():
    kinds = {kind["kind"]: kind for kind in registry.kinds()}
    assert set(kinds) >= {"mlp", "ngram", "recurrent", "transformer"}
    for kind in kinds.values():
        assert kind["summary"].endswith(".")
        for parameter in kind["parameters"]:
            assert parameter["description"], (kind["kind"], parameter["name"])
    assert {p["name"] for p in kinds["ngram"]["parameters"]} == {"orders", "alpha", "seeds"}


@pytest.mark.parametrize("kind", [k["kind"] for k in registry.kinds()])
def test_every_kind_opens_with_its_defaults(kind):
    """Each default family is one of the two protocols, with seeds and distinct sizes."""
    config = registry.parse({"kind": kind}, "family")
    family = families.open_family(config)
    assert isinstance(family, DeviceFamily) != isinstance(family, HostFamily)
    assert family.kind == kind
    assert family.seeds == 3
    assert len({str(size) for size in family.sizes()}) == len(family.sizes()) > 1


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"kind": "transfomer"}, "family.kind: unknown family 'transfomer'; did you mean 'transf"),
        ({"orders": [1]}, "family.kind: this key is required; known: mlp, ngram, recurrent"),
        ({"kind": "ngram", "orders": [2, 2]}, "family.orders: each value once, got [2, 2]"),
        ({"kind": "ngram", "orders": [-1]}, "family.orders: must not be negative, got -1"),
        ({"kind": "ngram", "widths": [8]}, "family: unknown key 'widths'"),
        ({"kind": "transformer", "widths": [37]}, "family.widths: 37 is divisible by no head"),
        ({"kind": "transformer", "depths": [0]}, "family.depths: must be positive, got 0"),
    ],
)
def test_complaints_name_the_key(data, sentence):
    with pytest.raises(ConfigError) as caught:
        registry.parse(data, "family")
    assert str(caught.value).startswith(sentence)
