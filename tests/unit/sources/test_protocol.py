"""Every kind of source keeps to the protocols: shapes, tokens, determinism, fingerprints."""

import functools
import json
from typing import Any

import jax
import numpy as np
import pytest

from epiplexity_jax import sources
from epiplexity_jax.base.errors import ConfigError
from epiplexity_jax.sources import opening as kinds
from epiplexity_jax.sources.spec import DeviceSource, HostSource, MaskedTokens, Sampler, WithReals
from epiplexity_jax.sources.split import Split
from epiplexity_jax.sources.verbatim import stands_in
from tests.unit.sources.examples import CHESS, EXAMPLES, FROM_BYTES, HOST
from tests.unit.sources.maps import vocabularies
from tests.unit.sources.prepared import tiny_numbers

CHANGES = [(kind, change) for kind, (_, changes) in EXAMPLES.items() for change in changes]


@pytest.fixture(autouse=True)
def _books(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.txt").write_text("the quick brown fox\n" * 200)
    (tmp_path / "other.txt").write_text("the quick brown dog\n" * 200)
    (tmp_path / "bits.txt").write_text("0110100110010110" * 100 + "01" * 100)
    np.save(tmp_path / "tokens.npy", np.arange(4000) ** 2 % 47)
    np.save(tmp_path / "other.npy", np.arange(4000) ** 2 % 53)
    numbers = np.arange(900)
    arrays = {"inputs": numbers.reshape(300, 3) ** 2 % 4, "real": np.sqrt(numbers.reshape(300, 3))}
    pixels = np.arange(300 * 4 * 6 * 3).reshape(300, 4, 6, 3) ** 2 % 251
    np.save("images.npy", pixels.astype("u1"))
    np.save("other_images.npy", (pixels % 200).astype("u1"))
    np.savez("labelled.npz", **arrays, labels=numbers[:300] % 7, others=numbers[:300] % 6)
    rows = [{"text": f"story {k}", "ids": [k % 7 + 1, k % 3, 0]} for k in range(300)]
    (tmp_path / "stories.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "other.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:99]))
    (tmp_path / "genome.fa").write_text(">chr1\n" + "ACGTTGCAacggTACNG\n" * 50)
    _write_games(tmp_path)
    _write_photographs(tmp_path / "photographs")
    for name, count in {"tiny": 9, "less": 4}.items():
        vocabularies.write(
            tmp_path / name, *vocabularies.learnt("the quick brown fox\n" * 2, count)
        )
    (tmp_path / "number_rows.py").write_text(
        "from itertools import count\n"
        "def squares(first=0): return (i * i % 47 for i in count(first))\n"
        "def cubes(): return (i * i * i % 47 for i in count())\n"
        "def rows(length=16, given=0):\n"
        "    import grain, numpy as np\n"
        "    row = lambda i: (np.arange(i, i + length) ** 2 % 47, np.arange(length) >= given)\n"
        "    return grain.MapDataset.range(300).seed(0).shuffle().map(row)\n"
    )


def _write_games(folder):
    headers = '[WhiteElo "{0}"]\n[BlackElo "{0}"]\n\n'
    moves = ("1. f3 e5 2. g4 Qh4# 0-1\n\n", "1. e4 e5 1-0\n\n")
    games = [headers.format(1500 + k) + moves[k % 2] for k in range(100)]
    (folder / "games.pgn").write_text("".join(games))
    (folder / "other.pgn").write_text("".join(games[5:70]))
    start, rows = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0", range(1, 101)
    moves = ("e2e4 e7e5", "g1f3 d7d5 d2d4")
    puzzles = "".join(f"{start} {k},{moves[k % 2]},{1950 + k}\n" for k in rows)
    (folder / "puzzles.csv").write_text("FEN,Moves,Rating\n" + puzzles)
    values = "".join(f"{start} {k},{k * 20 - 1000}\n" for k in rows)
    (folder / "values.csv").write_text("fen,cp\n" + values)


def _write_photographs(folder):
    image = pytest.importorskip("PIL.Image")
    folder.mkdir()
    for k in range(2):
        pixels = (np.arange(48 * 64 * 3).reshape(48, 64, 3) ** 2 + k) % 251
        image.fromarray(pixels.astype("u1")).save(folder / f"{k}.png")


def _open(kind, **changes) -> Any:
    if kind in CHESS:
        pytest.importorskip("chess")
    where = {"data_dir": str(tiny_numbers())} if kind == "tfds" else {}
    data = {"kind": kind, **EXAMPLES[kind][0], **where, **changes}
    data = {key: value for key, value in data.items() if value is not None}
    return sources.open_source(kinds.parse(data, "sources.example"))


@functools.partial(jax.jit, static_argnames=("sampler", "count"))
def _sample(sampler, parameters, key, count):
    return sampler(parameters, key, count)


def _draw(source, count=12, seed=0):
    """Sequences of either protocol, as NumPy integers [count, L]."""
    if isinstance(source, DeviceSource):
        key = jax.random.key(seed)
        return _tokens(_sample(source.sampler, source.parameters, key, count))
    return _tokens(source.read(np.arange(count, dtype=np.int64)))


def _paid(source, count=12):
    """Which of the drawn tokens are labels."""
    if source.info.labels_vary and isinstance(source, HostSource):
        return source.read(np.arange(count, dtype=np.int64)).mask
    return np.broadcast_to(source.info.label_mask, (count, source.info.length))


def _tokens(batch):
    return np.asarray(batch.tokens if isinstance(batch, MaskedTokens | WithReals) else batch)


def test_every_kind_has_an_example():
    assert {kind["kind"] for kind in kinds.kinds()} == set(EXAMPLES)


def test_kinds_are_described():
    for kind in kinds.kinds():
        assert kind["summary"].endswith(".")
        for parameter in kind["parameters"]:
            assert parameter["description"], (kind["kind"], parameter["name"])


@pytest.mark.parametrize("kind", EXAMPLES)
def test_facts(kind):
    source = _open(kind)
    info = source.info
    assert isinstance(source, DeviceSource) != isinstance(source, HostSource)
    assert info.label_mask.shape == (info.length,)
    assert info.label_mask.dtype == bool
    assert info.label_mask.any()
    assert info.vocab_size >= 2
    assert info.entropy_rate_nats is None or 0 <= info.entropy_rate_nats <= np.log(info.vocab_size)
    assert (info.bytes_per_token is not None) == (kind in FROM_BYTES)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_tokens(kind):
    """Integers in [0, V), or of the inputs' alphabet, of the declared shape, not all the same."""
    source = _open(kind)
    symbols = max(source.info.vocab_size, source.info.input_vocab_size or 0)
    tokens = _draw(source)
    assert tokens.shape == (12, source.info.length)
    assert np.issubdtype(tokens.dtype, np.integer)
    info = source.info
    assert 0 <= tokens.min() < tokens.max() < max(info.vocab_size, info.input_vocab_size or 0)
    assert 0 <= tokens.min() < tokens.max() < symbols
    assert tokens[_paid(source)].max() < info.vocab_size


@pytest.mark.parametrize("kind", EXAMPLES)
def test_equal_configs_draw_equal_sequences(kind):
    one, other = _open(kind), _open(kind)
    assert one.info.fingerprint == other.info.fingerprint
    assert np.array_equal(_draw(one), _draw(other))


@pytest.mark.parametrize(("kind", "change"), CHANGES)
def test_a_fingerprint_holds_all_that_decides_the_data(kind, change):
    assert _open(kind).info.fingerprint != _open(kind, **change).info.fingerprint


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("markov", "table_seed"),
        ("markov_rows", "order_seed"),
        ("cipher", "key_seed"),
        ("random_chess", "game_seed"),
        ("pairs", "key_seed"),
        ("encrypt", "key_seed"),
        ("grammar", "table_seed"),
        ("in_context", "table_seed"),
        ("zipf_facts", "table_seed"),
        ("boolean", "table_seed"),
        ("mixture", "table_seed"),
        ("shuffle", "map_seed"),
        ("reorder", "map_seed"),
        ("flip_labels", "map_seed"),
        ("mix", "map_seed"),
        ("subsample", "map_seed"),
    ],
)
def test_all_64_bits_of_a_seed_count(kind, name):
    drawn = [_draw(_open(kind, **{name: seed})).tobytes() for seed in (5, 2**32 + 5, 2**63 + 5)]
    assert len(set(drawn)) == 3
    with pytest.raises(ConfigError, match=rf"^sources.example.{name}: expected an integer from 0"):
        _open(kind, **{name: 2**64})


def test_kinds_never_share_a_fingerprint():
    prints = [_open(kind).info.fingerprint for kind in EXAMPLES]
    assert len(set(prints)) == len(prints)


def _of(protocol):
    return [kind for kind in EXAMPLES if (kind in HOST) == (protocol is HostSource)]


@pytest.mark.parametrize("kind", _of(DeviceSource))
def test_device_draws(kind):
    """Int32, other keys give other sequences; samplers of equal shape are one static argument."""
    source = _open(kind)
    assert isinstance(source.sampler, Sampler)
    assert source.sampler == _open(kind).sampler
    assert hash(source.sampler) == hash(_open(kind).sampler)
    assert _draw(source).dtype == np.int32
    assert not np.array_equal(_draw(source, seed=0), _draw(source, seed=1))


@pytest.mark.parametrize("kind", _of(DeviceSource))
def test_drawn_labels_vary_as_the_facts_say(kind):
    """Masks are drawn where the facts have shares, which are those of the masks."""
    source, n = _open(kind), 4000
    drawn = _sample(source.sampler, source.parameters, jax.random.key(2), n)
    assert isinstance(drawn, MaskedTokens) == source.info.labels_vary
    if not source.info.labels_vary:
        return
    mask, shares = np.asarray(drawn.mask), source.info.label_shares
    assert mask.dtype == bool
    assert np.array_equal(source.info.label_mask, shares > 0)
    error = np.sqrt(shares * (1 - shares) / n)
    assert (abs(mask.mean(axis=0) - shares) <= 5 * error).all()
    behind = ~np.logical_or.accumulate(mask[:, ::-1], axis=1)[:, ::-1]
    assert (np.asarray(drawn.tokens)[behind] == 0).all()


@pytest.mark.parametrize("count", [1, 33])
@pytest.mark.parametrize("kind", _of(DeviceSource))
def test_a_compiled_chunk_equals_single_draws(kind, count):
    """As the engine calls it: over T keys at once, inside one program."""
    source = _open(kind)
    keys = jax.random.split(jax.random.key(3), 5)

    @jax.jit
    def chunk(parameters, keys):
        return jax.vmap(lambda key: source.sampler(parameters, key, count))(keys)

    drawn = chunk(source.parameters, keys)
    assert _tokens(drawn).shape == (5, count, source.info.length)
    for i, key in enumerate(keys):
        one = _sample(source.sampler, source.parameters, key, count)
        for leaf, own in zip(jax.tree.leaves(drawn), jax.tree.leaves(one), strict=True):
            assert np.array_equal(leaf[i], own)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("elementary_ca", {"rule": 30}),
        ("life", {"rule": "B36/S23"}),
        ("apply_rule", {"rule": 30}),
        ("markov", {"table_seed": 7}),
        ("markov_rows", {"order_seed": 1}),
        ("lcg", {"multiplier": 5}),
        ("lfsr", {"degree": 12}),
        ("lorenz", {"bits": (4, 2, 2)}),
        ("pairs", {"key_seed": 7}),
        ("tic_tac_toe", {"order": "board_first"}),
        ("connect_four", {"order": "board_first"}),
        ("mixture", {"table_seed": 7}),
        ("boolean", {"table_seed": 7}),
        ("zipf_facts", {"table_seed": 7}),
        ("in_context", {"labels": "fresh"}),
        ("grammar", {"split": "new_combinations"}),
        ("two_features", {"spurious": 0.0}),
        ("reorder", {"order": "reverse"}),
    ],
)
def test_a_table_is_a_value(kind, change):
    """Sources that differ in a table share a compiled program."""
    one, other = _open(kind), _open(kind, **change)
    assert one.sampler == other.sampler
    traces = []

    @jax.jit
    def draw(parameters, key):
        traces.append(1)
        return one.sampler(parameters, key, 4)

    key = jax.random.key(0)
    first, second = (_tokens(draw(each.parameters, key)) for each in (one, other))
    drawn = [draw(source.parameters, key) for source in (one, other)]
    first, second = (np.asarray(jax.tree.leaves(batch)[0]) for batch in drawn)
    assert not np.array_equal(first, second)
    assert len(traces) == 1


@pytest.mark.parametrize("kind", _of(HostSource))
def test_host_reads(kind):
    """Sequences come in the order asked for, each index always the same one."""
    source = _open(kind)
    whole = _tokens(source.read(np.arange(source.sequences)))
    order = np.array([5, 0, source.sequences - 1, 5])
    assert np.array_equal(_tokens(source.read(order)), whole[order])
    assert _tokens(source.read(np.zeros(0, np.int64))).shape == (0, source.info.length)


@pytest.mark.parametrize("kind", _of(HostSource))
def test_an_epoch_and_the_heldout_set_are_the_whole_source(kind):
    source = _open(kind)
    split = Split(source, source.sequences // 10, 0)
    batches = split.chunks(seed=1, first=0, count=split.max_steps(1), batch_size=1)
    held = _tokens(split.heldout(split.heldout_count))
    everything = np.concatenate([held, _tokens(batches)[:, 0]])
    whole = _tokens(source.read(np.arange(source.sequences)))
    assert np.array_equal(_sorted(everything), _sorted(whole))


@pytest.mark.parametrize("kind", _of(HostSource))
def test_every_sequence_has_its_documents(kind):
    source = _open(kind)
    documents, whole = source.info.documents, np.arange(source.sequences)
    assert documents.kind in ("rows", "text", "files", "mixed")
    assert (documents.spans is None) == (documents.kind != "files")
    if documents.spans is not None:
        assert documents.spans.shape == (source.sequences, 2)
    assert documents.places is None or len(np.unique(documents.places)) == source.sequences
    assert stands_in(source, whole, whole).all()


def _sorted(rows):
    return rows[np.lexsort(rows.T)]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (None, "sources.a: expected keys and values with a kind, got None"),
        (
            {"vocab_size": 3},
            "sources.a.kind: this key is required; known: " + ", ".join(sorted(EXAMPLES)),
        ),
        (
            {"kind": "elementary_cca"},
            "sources.a.kind: unknown source 'elementary_cca'; did you mean 'elementary_ca'? ",
        ),
        (
            {"kind": "noise", "vocab": 3},
            "sources.a: unknown key 'vocab'; did you mean 'vocab_size'? ",
        ),
        ({"kind": "noise", "vocab_size": 1}, "sources.a.vocab_size: input should be greater than"),
        ({"kind": "noise", "length": 0}, "sources.a.length: input should be greater than"),
        ({"kind": "elementary_ca"}, "sources.a.rule: this key is required"),
        (
            {"kind": "elementary_ca", "rule": 256},
            "sources.a.rule: input should be less than or equal to 255, got 256",
        ),
        ({"kind": "elementary_ca", "rule": -1}, "sources.a.rule: input should be greater than"),
        ({"kind": "elementary_ca", "rule": 30, "cells": 2}, "sources.a.cells: input should be gr"),
        ({"kind": "elementary_ca", "rule": 30, "steps": 0}, "sources.a.steps: input should be gr"),
        ({"kind": "elementary_ca", "rule": 30, "burn_in": -1}, "sources.a.burn_in: input should"),
        ({"kind": "text"}, "sources.a.path: this key is required"),
        ({"kind": "text", "path": ""}, "sources.a.path: "),
        ({"kind": "text", "path": "b", "unknown": "skip"}, "sources.a.unknown: input should be "),
        ({"kind": "text", "path": "b", "alphabet": "a"}, "sources.a.alphabet: needs 2 characters"),
        (
            {"kind": "text", "path": "b", "alphabet": "aba"},
            "sources.a.alphabet: 'a' is given twice",
        ),
        ({"kind": "python_stdlib", "max_tokens": 0}, "sources.a.max_tokens: input should be great"),
    ],
)
def test_complaints_name_the_key(data, sentence):
    with pytest.raises(ConfigError) as caught:
        kinds.parse(data, "sources.a")
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
