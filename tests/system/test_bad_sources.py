"""What people get wrong with sources, families and options, through the real command: one line."""

import numpy as np
import pytest
import yaml

from tests.system.test_bad_input import call, refused  # noqa: F401 - `call` is a fixture

NOISE = "{kind: noise, vocab_size: 4, length: 16}"
BITS = "{kind: noise, vocab_size: 2, length: 16}"
SOME = f"{{kind: subsample, sequences: 200, source: {NOISE}}}"


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    """A folder with a config that is right and files of many kinds, most of them wrong."""
    config = {
        "sources": {"x": {"kind": "noise", "vocab_size": 4, "length": 16}},
        "family": {"kind": "mlp", "widths": [8], "depths": [1], "seeds": 1},
        "recipe": "fixed",
        "training": {"steps": 4, "batch_size": 4, "warmup_steps": 2},
        "heldout": {"tokens": 1024},
        "frontier": {"test_tokens": 1e6},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    tokens = np.arange(4000, dtype=np.int16) % 7
    np.save(tmp_path / "tokens.npy", tokens)
    np.save(tmp_path / "rows.npy", tokens.reshape(-1, 8))
    np.save(tmp_path / "cube.npy", tokens.reshape(10, 20, 20))
    np.save(tmp_path / "cube_1.npy", tokens.reshape(10, 20, 20) - 1)
    np.save(tmp_path / "floats.npy", tokens.astype(float))
    np.save(tmp_path / "negative.npy", tokens - 1)
    np.save(tmp_path / "objects.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    (tmp_path / "odd.bin").write_bytes(b"\x01" * 4001)
    (tmp_path / "none.bin").touch()
    (tmp_path / "cut.npy").write_bytes((tmp_path / "tokens.npy").read_bytes()[:300])
    good, labels = np.ones((500, 3)), np.arange(500) % 2
    np.savez(tmp_path / "good.npz", inputs=good, labels=labels)
    np.savez(tmp_path / "nan.npz", inputs=np.where(np.eye(500, 3), np.nan, good), labels=labels)
    np.savez(tmp_path / "float_labels.npz", inputs=good, labels=labels + 0.5)
    np.savez(tmp_path / "uneven.npz", inputs=good, labels=labels[:-1])
    (tmp_path / "streams.py").write_text(
        "def floats():\n    yield 0.5\n"
        "def breaks():\n    yield from [1, 2]\n    raise OSError('disk\\nfell off')\n"
        "def large():\n    yield from range(1000)\n"
        "number = 7\n"
        "def endless():\n    import grain\n    return grain.MapDataset.range(99).repeat()\n"
        "def stream():\n    import grain\n    return grain.MapDataset.range(99).to_iter_dataset()\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def source(kind, **options):
    return f"sources.x={yaml.safe_dump({'kind': kind, **options}, default_flow_style=True).strip()}"


def mapped(kind, inner, **options):
    rest = "".join(f", {key}: {value}" for key, value in options.items())
    return f"sources.x={{kind: {kind}, source: {inner}{rest}}}"


def grain(name):
    return source("grain", factory=name, vocab_size=9)


def iterator(name, **options):
    return source("iterator", factory=name, vocab_size=9, length=16, **options)


WRONG = {
    "no such array": (source("tokens", path="no.npy"), ["sources.x: ", "no.npy", "no such file"]),
    "floats": (source("tokens", path="floats.npy"), ["sources.x: ", "floats.npy", "float64"]),
    "negative": (source("tokens", path="negative.npy"), ["sources.x: ", "negative.npy", "-1"]),
    "objects": (source("tokens", path="objects.npy"), ["sources.x: ", "objects.npy"]),
    "cube": (source("tokens", path="cube.npy"), ["sources.x: ", "cube.npy"]),
    "half an item": (source("tokens", path="odd.bin"), ["sources.x: ", "odd.bin"]),
    "nothing": (source("tokens", path="none.bin"), ["sources.x: ", "none.bin", "empty"]),
    "cut short": (source("tokens", path="cut.npy"), ["sources.x: ", "cut.npy"]),
    "other length": (source("tokens", path="rows.npy", length=9), ["sources.x: ", "length"]),
    "vocabulary": (source("tokens", path="tokens.npy", vocab_size=5), ["sources.x: ", "5"]),
    "item type": (source("tokens", path="odd.bin", dtype="float32"), ["sources.x.dtype"]),
    "no module": (iterator("nowhere:stream"), ["sources.x: ", "nowhere"]),
    "no function": (iterator("streams:nothing"), ["sources.x: ", "nothing"]),
    "no callable": (iterator("streams:number"), ["sources.x: ", "streams:number"]),
    "no path": (iterator("streams"), ["sources.x.factory", "streams"]),
    "stream of floats": (iterator("streams:floats"), ["sources.x: ", "streams:floats"]),
    "stream breaks": (iterator("streams:breaks"), ["sources.x: ", "OSError", "disk"]),
    "stream too large": (iterator("streams:large"), ["sources.x: ", "9"]),
    "stream ends it all": (iterator("sys:exit"), ["sources.x: ", "sys:exit", "SystemExit"]),
    "stream cut short": (
        iterator("streams:floats", max_tokens=10),
        ["sources.x.max_tokens", "one sequence of 16", "got 10"],
    ),
    "endless rows": (grain("streams:endless"), ["sources.x: streams:endless: never ends"]),
    "rows in a stream": (grain("streams:stream"), ["sources.x: ", "must be a grain.MapDataset"]),
    "rows of no grain": (grain("streams:large"), ["sources.x: ", "must be a grain.MapDataset"]),
    "no data set": (
        source("tfds", name="mnist", data_dir="nowhere"),
        ["sources.x: name: no data set 'mnist' in nowhere", "tfds build"],
    ),
    "separator": (
        source("tfds", name="mnist", alphabet="ACGT"),
        ["sources.x.separator", "alphabet"],
    ),
    "no image": (source("images", path="no.npy"), ["sources.x: ", "no.npy", "no such file"]),
    "images of floats": (source("images", path="floats.npy"), ["sources.x: ", "float64"]),
    "negative images": (source("images", path="cube_1.npy"), ["sources.x: ", "-1 in image 0"]),
    "patches": (source("images", path="cube.npy", patch=3), ["sources.x: ", "20 x 20", "3 x 3"]),
    "levels": (source("images", path="cube.npy", values=9, levels=10), ["sources.x: ", "levels"]),
    "no name": (source("tokens", path=""), ["sources.x.path", "must not be empty, got ''"]),
    "one symbol": (source("repeat", vocab_size=1), ["sources.x.vocab_size"]),
    "cipher": (source("cipher", algorithm="rot13"), ["sources.x.algorithm", "rot13"]),
    "cipher length": (source("cipher", length=1e12), ["sources.x.length", "256 GiB"]),
    "cipher symbols": (source("cipher", vocab_size=3), ["sources.x.vocab_size", "3"]),
    "no npz": (source("labelled", path="tokens.npy"), ["sources.x: ", "tokens.npy"]),
    "no labels": (source("labelled", path="good.npz", labels="y"), ["sources.x: ", "y"]),
    "NaN": (source("labelled", path="nan.npz"), ["sources.x: ", "nan.npz"]),
    "half labels": (source("labelled", path="float_labels.npz"), ["sources.x: ", "labels"]),
    "uneven": (source("labelled", path="uneven.npz"), ["sources.x: ", "500", "499"]),
    "classes": (source("labelled", path="good.npz", classes=1), ["sources.x.classes"]),
    "all hidden": (source("induction", cells=8, hidden=8), ["sources.x"]),
    "negative hidden": (source("induction", hidden=-1), ["sources.x.hidden"]),
    "inner key": (mapped("shuffle", "{kind: noise, lenght: 4}"), ["sources.x.source", "length"]),
    "inner kind": (mapped("shuffle", "{kind: nois}"), ["sources.x.source.kind", "'noise'"]),
    "inner file": (
        mapped("shuffle", "{kind: tokens, path: no.npy}"),
        ["sources.x: source: ", "no.npy"],
    ),
    "drawn corpus": (mapped("shuffle", NOISE, scope="corpus"), ["sources.x: ", "subsample"]),
    "no inputs": (mapped("reorder", NOISE, order="label_first"), ["sources.x: ", "label_first"]),
    "uneven segments": (
        mapped("reorder", NOISE, order="reverse", segments=3),
        ["sources.x: ", "segments", "16"],
    ),
    "drawn aes": (mapped("encrypt", NOISE, algorithm="aes"), ["sources.x: ", "aes", "subsample"]),
    "sorted places": (mapped("sort", NOISE, segments=16), ["sources.x: ", "segments", "order"]),
    "chunks": (
        mapped("retokenise", NOISE, into="chunk", group=3),
        ["sources.x: ", "group", "16"],
    ),
    "drawn duplicates": (mapped("dedupe", NOISE), ["sources.x: ", "subsample"]),
    "no Python": (mapped("compile_python", NOISE), ["sources.x: ", "noise", "documents"]),
    "even multiplier": (source("lcg", multiplier=2), ["sources.x.multiplier", "odd"]),
    "no line": (source("connect_four", connect=6), ["sources.x.connect", "5", "6"]),
    "order of a game": (source("tic_tac_toe", order="random"), ["sources.x.order", "random"]),
    "no plies": (source("tic_tac_toe_questions", question="value"), ["sources.x.plies", "1 to 8"]),
    "no games": (source("chess", path="no.pgn"), ["sources.x: ", "no.pgn", "no such file"]),
    "no chess": (source("chess", path="odd.bin"), ["sources.x: ", "odd.bin", "line 1"]),
    "more rows hidden": (
        source("markov_rows", vocab_size=4, hidden=5),
        ["sources.x", "4", "5"],
    ),
    "degree": (source("lfsr", degree=33), ["sources.x.degree", "32"]),
    "uneven states": (
        source("elementary_ca", rule=54, steps=8, states=3),
        ["sources.x.states: expected a divisor of steps", "8", "3"],
    ),
    "rule of life": (source("life", rule="23/3"), ["sources.x.rule", "B3/S23", "'23/3'"]),
    "no bits": (
        mapped("apply_rule", NOISE, rule=30),
        ["sources.x: source: expected 2 symbols", "got 4", "vocab_size: 2"],
    ),
    "rounds": (source("cipher", rounds=21), ["sources.x.rounds", "20"]),
    "rounds of AES": (source("cipher", algorithm="aes", rounds=4), ["sources.x.rounds", "aes"]),
    "time": (source("lorenz", time=-1), ["sources.x.time", "-1"]),
    "two coordinates": (source("lorenz", bits=[4, 4]), ["sources.x.bits"]),
    "no burn-in": (
        source("lorenz", measure="uniform", burn_in=3),
        ["sources.x.burn_in", "uniform"],
    ),
    "dice": (source("pairs", answers="dice"), ["sources.x.answers", "'coin'"]),
    "key of a coin": (source("pairs", answers="coin", key_seed=1), ["sources.x.key_seed"]),
    "period": (source("mixture", period=4), ["sources.x.period", "markov"]),
    "even majority": (
        source("boolean", function="majority", bits=4),
        ["sources.x.relevant", "odd", "4"],
    ),
    "modulus": (source("modular_addition", modulus=1), ["sources.x.modulus", "2"]),
    "no values": (source("zipf_facts", values=1), ["sources.x.values", "2"]),
    "copies": (source("in_context", context=2, copies=3), ["sources.x.copies", "context", "3"]),
    "all held out": (
        source("grammar", heldout_combinations=0.99),
        ["sources.x: heldout_combinations", "lower it"],
    ),
    "backward lengths": (
        source("length_generalisation", lengths=[4, 2]),
        ["sources.x.lengths", "[4, 2]"],
    ),
    "feature": (source("two_features", core=1.2), ["sources.x.core", "1"]),
    "rate": (mapped("flip_labels", NOISE, rate=1.5), ["sources.x.rate"]),
    "both sizes": (mapped("subsample", SOME, sequences=9, share=0.5), ["sources.x"]),
    "no size": (mapped("subsample", NOISE), ["sources.x"]),
    "too many": (mapped("subsample", SOME, sequences=201), ["sources.x: ", "200"]),
    "drawn replay": (mapped("replay", NOISE, times=2), ["sources.x: ", "subsample"]),
    "no replay": (mapped("replay", SOME, times=0), ["sources.x.times"]),
    "inner replay": (
        mapped("shuffle", f"{{kind: replay, times: 2, source: {SOME}}}"),
        ["sources.x.source", "outermost"],
    ),
    "paired replay": (
        [mapped("replay", SOME, times=2), "estimator.variant=paired"],
        ["estimator.variant", "'x'", "2 times", "exact"],
    ),
    "one data twice": (
        f"sources.x={{kind: mix, sources: [{{weight: 1, source: {SOME}}}, "
        f"{{weight: 1, source: {SOME}}}]}}",
        ["sources.x: ", "same data"],
    ),
    "nothing mixed": (
        "sources.x={kind: mix, sources: []}",
        ["sources.x.sources", "needs at least one entry, got []"],
    ),
    "one stream twice": (
        "sources.x={kind: mix, sources: [{source: {kind: cipher, algorithm: threefry, length: 32, "
        "sequences: 1000}}, {source: {kind: cipher, algorithm: threefry, length: 32, sequences: "
        "2000}}]}",
        ["sources.x: ", "sources.1.source", "same data", "seeds"],
    ),
    "weight": (
        f"sources.x={{kind: mix, sources: [{{weight: -1, source: {NOISE}}}]}}",
        ["sources.x.sources", "weight"],
    ),
    "mixed lengths": (
        f"sources.x={{kind: mix, sources: [{{weight: 1, source: {NOISE}}}, "
        "{weight: 1, source: {kind: noise, vocab_size: 4, length: 8}}]}",
        ["sources.x: ", "length"],
    ),
    "counted vectors": (
        [source("labelled", path="good.npz"), "family={kind: ngram}"],
        ["sources.x: ", "vectors"],
    ),
    "no window": ("family.window=0", ["family.window"]),
    "recurrent width": ("family={kind: recurrent, widths: [0]}", ["family.widths"]),
    "rates": ("family.learning_rates=[0.1, -0.1]", ["family.learning_rates", "-0.1"]),
    "no rates": (
        "family.learning_rates=[]",
        ["family.learning_rates", "needs at least one entry, got []"],
    ),
    "one rate": ("family.learning_rates=0.1", ["family.learning_rates", "expected a list, got 0."]),
    "rate of a count": ("family={kind: ngram, learning_rates: [0.1]}", ["learning_rates"]),
    "variant": ("estimator.variant=exactly", ["estimator.variant", "exactly"]),
    "exact rate": (
        ["estimator.variant=exact", "estimator.floor=entropy_rate"],
        ["estimator.floor", "exact"],
    ),
    "counts do not sample": (
        ["family={kind: ngram}", "estimator.kind=requential"],
        ["estimator.kind", "ngram", "prequential"],
    ),
    "reference": (
        ["estimator.kind=requential", "estimator.reference=teacher"],
        ["estimator.reference", "teacher", "ema_student"],
    ),
    "requential rate": (
        ["estimator.kind=requential", "estimator.floor=entropy_rate"],
        ["estimator.floor", "entropy_rate"],
    ),
    "requential variant": (
        ["estimator.kind=requential", "estimator.variant=paired"],
        ["estimator", "'variant'", "reference"],
    ),
    "cap": (
        ["estimator.kind=requential", "estimator.max_kl=-0.1"],
        ["estimator.max_kl", "-0.1"],
    ),
    "growth": (
        ["estimator.kind=requential", "estimator.ema_growth=2"],
        ["estimator.ema_growth", "2"],
    ),
    "bound without a cap": (
        ["estimator.kind=requential", "estimator.max_iterations=10"],
        ["estimator", "max_iterations", "max_kl"],
    ),
    "bound below the steps": (
        ["estimator.kind=requential", "estimator.max_kl=0.1", "estimator.max_iterations=3"],
        ["estimator.max_iterations", "training.steps", "3"],
    ),
    "too long": (source("repeat", vocab_size=4, length=10**15), ["sources.x.length", "1048576"]),
    "too many steps": (
        source("life", rows=4, columns=4, steps=10**12),
        ["sources.x.steps: ", "131072"],
    ),
    "steps of a ring": (
        source("elementary_ca", rule=30, steps=1e10),
        ["sources.x.steps: ", "131072"],
    ),
    "endless burn-in": (
        source("elementary_ca", rule=30, burn_in=2e9),
        ["sources.x.burn_in: ", "131072"],
    ),
    "steps of hidden bits": (source("induction", steps=1e10), ["sources.x.steps: ", "131072"]),
    "steps of a rule": (
        mapped("apply_rule", BITS, rule=30, steps=1e10),
        ["sources.x.steps: ", "131072"],
    ),
    "lengths": (
        source("length_generalisation", lengths=[1, 10**12]),
        ["sources.x.lengths", "65536"],
    ),
    "endless games": (source("random_chess", games=10**12), ["sources.x.games", "10000000"]),
    "plies": (source("random_chess", max_plies=10**12), ["sources.x.max_plies", "32768"]),
    "held out": (
        [source("lcg"), "heldout.tokens=1e15"],
        ["heldout.tokens: sources.x needs ", " GiB", "128 tokens"],
    ),
    "flops": ("training.flops=counted", ["training.flops", "compiled"]),
    "given": (source("given", fingerprint="f"), ["sources.x", "Python"]),
    "own": ("family={kind: own, names: [a]}", ["family", "Python"]),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_value(what, workshop, call):  # noqa: F811 - the fixture
    overrides, parts = WRONG[what]
    overrides = [overrides] if isinstance(overrides, str) else overrides
    refused(call("run", "config.yaml", *overrides), *parts)
    assert not (workshop / "runs").exists()


def test_what_a_store_does_not_hold(workshop, call):  # noqa: F811 - the fixture
    status, _, err = call("run", "config.yaml", "--store", "store", "--no-figure")
    assert status == 0, err
    refused(call("frontier", "store", "--variant", "exact"), "variant", "exact", "paired, online")
    for option, value in (("--variant", "paired"), ("--floor", "raw"), ("--figure", "a.png")):
        refused(call("frontier", "store", "--floor-table", option, value), option, "--floor-table")
    status, out, _ = call("frontier", "store", "--floor-table", "--csv")
    assert status == 0
    assert out.count("\n") == 1 + 6  # two variants by three floors
