"""Configs of sweeps: what is refused in one line, and how YAML's numbers are read."""

import pytest
import yaml

from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.base.yaml import read_yaml
from epiplexity_jax.families.networks.transformer import Transformer
from epiplexity_jax.sources.synthetic.noise_markov import Noise
from epiplexity_jax.sweep.config import Sweep, parse_sweep
from epiplexity_jax.sweep.config_file import read_config
from tests.unit.sweep.configs import parsed, sentence


@pytest.mark.parametrize(
    ("override", "key", "nearest"),
    [
        ("trainin={}", "trainin", "training"),
        ("sources.n.vocabsize=5", "sources.n", "vocab_size"),
        ("family.width=[16]", "family", "widths"),
        ("estimator.flor=raw", "estimator", "floor"),
        ("training.step=5", "training", "steps"),
        ("heldout.token=5", "heldout", "tokens"),
        ("frontier.testtokens=5", "frontier", "test_tokens"),
    ],
)
def test_an_unknown_key_is_refused_at_every_level(good, override, key, nearest):
    said = sentence(good, override)
    assert "unknown key" in said
    assert key in said.partition("did you mean")[0]
    assert f"did you mean '{nearest}'" in said


@pytest.mark.parametrize(
    ("override", "key", "parts"),
    [
        ("family.widths=[37]", "family.widths", ["37", "head size", "take 36 or 38"]),
        ("family.widths=[0]", "family.widths", ["positive"]),
        ("family.widths=[-16]", "family.widths", ["positive", "-16"]),
        ("family.widths=[]", "family.widths", []),
        ("family.widths=[16, 16]", "family.widths", ["once"]),
        ("family.widths=16", "family.widths", ["16"]),
        ("family.depths=[0]", "family.depths", ["positive"]),
        ("family.seeds=0", "family.seeds", ["0"]),
        ("family.kind=transfomer", "family.kind", ["did you mean 'transformer'"]),
        ("family={widths: [16]}", "family.kind", []),
        ("family=transformer", "family", ["transformer"]),
        ("sources.n.kind=noize", "sources.n.kind", ["did you mean 'noise'"]),
        ("sources={}", "sources", []),
        ("sources=noise", "sources", []),
        ("sources.n=noise", "sources.n", ["noise"]),
        ("sources={a/b: {kind: noise}}", "sources", ["a/b"]),
        ('sources={"a\\nb": {kind: noise}}', "sources", [r"a\nb"]),
        ("sources={30: {kind: noise}, '30': {kind: noise}}", "sources", ["two have one name"]),
        ("sources.n={kind: elementary_ca, rule: 256}", "sources.n.rule", ["255", "256"]),
        ("sources.n.vocab_size=1", "sources.n.vocab_size", ["2"]),
        ("estimator.kind=prequental", "estimator.kind", ["did you mean 'prequential'"]),
        ("estimator.variant=exakt", "estimator.variant", ["paired", "online"]),
        ("estimator.floor=rate", "estimator.floor", ["ema", "raw", "entropy_rate"]),
        ("estimator.ema_steps=0", "estimator.ema_steps", ["0"]),
        ("estimator=prequential", "estimator", ["prequential"]),
        ("training.steps=0", "training.steps", ["0"]),
        ("training.steps=-3", "training.steps", ["-3"]),
        ("training.steps=10.5", "training.steps", ["10.5"]),
        ("training.steps=many", "training.steps", ["many"]),
        ("training.steps=true", "training.steps", ["True"]),
        ("training.steps=", "training.steps", ["None"]),
        ("training.batch_size=0", "training.batch_size", ["0"]),
        ("training.batch_size=-4", "training.batch_size", ["-4"]),
        ("training.microbatch=3", "training.microbatch", ["3", "4"]),
        ("training.learning_rate=0", "training.learning_rate", ["0"]),
        ("training.learning_rate=.nan", "training.learning_rate", ["nan"]),
        ("training.learning_rate=.inf", "training.learning_rate", ["inf"]),
        ("training.warmup_steps=-1", "training.warmup_steps", ["-1"]),
        ("training.compute_dtype=float16", "training.compute_dtype", ["bfloat16"]),
        ("training=5", "training", ["5"]),
        ("heldout.tokens=0", "heldout.tokens", ["0"]),
        ("heldout.record_tokens=0", "heldout.record_tokens", ["0"]),
        ("frontier.test_tokens=0", "frontier.test_tokens", ["0"]),
        ("frontier.test_tokens=-5", "frontier.test_tokens", ["-5"]),
        ("frontier.test_tokens=.inf", "frontier.test_tokens", ["inf"]),
        ("frontier.compute=[1e12, 0]", "frontier.compute", ["positive", "0"]),
        ("frontier.compute=[-1e12]", "frontier.compute", ["positive", "-1e+12"]),
        ("frontier.compute=[.nan]", "frontier.compute", ["nan"]),
        ("trackers=jsonl", "trackers", ["a list such as [jsonl, tensorboard]", "'jsonl'"]),
        ("trackers=[jsonk]", "trackers.0.kind", ["did you mean 'jsonl'"]),
        ("trackers=[jsonl, 5]", "trackers.1", ["5"]),
        ("trackers=[{kind: wandb, projct: x}]", "trackers.0", ["did you mean 'project'"]),
        ("trackers=[{kind: wandb, project: ''}]", "trackers.0.project", ["empty"]),
        ("trackers=[jsonl, {kind: jsonl}]", "trackers", ["jsonl is given twice"]),
        ("seed=-1", "seed", ["-1"]),
        ("seed=x", "seed", ["x"]),
        ("seed=18446744073709551616", "seed", ["expected an integer from 0 to 2^64 - 1, got 18"]),
    ],
)
def test_a_bad_value_is_named_with_its_key(good, override, key, parts):
    said = sentence(good, override)
    assert said.startswith(key), said
    assert all(part in said.removeprefix(key) for part in parts), said


@pytest.mark.parametrize("key", ["sources", "family"])
def test_what_is_required(good, key):
    data = {k: v for k, v in read_config(good).items() if k != key}
    with pytest.raises(ConfigError, match=f"^{key}: .*required"):
        parse_sweep(data)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["empty", "sources and family"]),
        ("# nothing but a comment\n", ["empty"]),
        ("just words", ["just words"]),
        ("- a\n- b\n", ["keys and values"]),
        ("a: [1, 2", ["good.yaml", "line"]),
        ("a: b: c", ["good.yaml", "line 1, column 5"]),
        ("a: {b: 1}\na: {b: 2}\n", ["line 2, column 1", "'a' is given twice"]),
        ("a:\n  b: 1\n  b: 2\n", ["line 3, column 3", "'b' is given twice"]),
        ("a: !!python/object:os.system {}\n", ["good.yaml", "line 1"]),
        ("? [1, 2]\n: x\n", ["line 1", "plain"]),
        ("a: \x00\n", ["good.yaml", "not YAML"]),
    ],
)
def test_blank_and_broken_files_are_refused(good, text, parts):
    good.write_text(text, encoding="utf-8")
    said = sentence(good)
    assert all(part in said for part in parts), said


def test_whole_numbers_may_be_written_with_an_exponent(good):
    training = parsed(good, "training.steps=1e3", "training.batch_size=6.4e1").training
    assert (training.steps, training.batch_size) == (1000, 64)
    assert type(training.steps) is int
    assert sentence(good, "training.steps=1.5e0").startswith("training.steps")


def test_plain_values_give_the_same_sweep_back(good):
    sweep = parsed(good, "trackers=[jsonl, {kind: wandb, project: mine}]")
    assert [tracker.kind for tracker in sweep.trackers] == ["jsonl", "wandb"]  # type: ignore
    text = yaml.safe_dump(sweep.to_plain())
    assert parse_sweep(read_yaml(text, "here")) == sweep


def test_sections_may_be_left_blank(good):
    good.write_text(
        "sources: {n: {kind: noise}}\nfamily: {kind: ngram}\n"
        "training:\nheldout:\nfrontier:\nestimator:\nseed:\ntrackers:\n",
        encoding="utf-8",
    )
    sweep = parsed(good)
    assert sweep == Sweep(sources=sweep.sources, family=sweep.family)


def test_names_of_sources_may_be_numbers(good):
    good.write_text("sources: {30: {kind: noise}}\nfamily: {kind: ngram}\n", encoding="utf-8")
    assert list(parsed(good).sources) == ["30"]


def test_python_refuses_what_yaml_refuses():
    with pytest.raises(ConfigError, match=r"^sources: .*one or more"):
        Sweep(sources={}, family=Transformer())
    with pytest.raises(ConfigError, match="seed"):
        Sweep(sources={"n": Noise()}, family=Transformer(), seed=-1)
    with pytest.raises(ConfigError, match="a/b"):
        Sweep(sources={"a/b": Noise()}, family=Transformer())


def test_a_file_that_is_no_config_is_quoted_in_part_only():
    with pytest.raises(ConfigError) as caught:
        parse_sweep("word " * 3000)
    assert len(str(caught.value)) < 200
