"""The examples of the pages of sources and families, and the files that they read."""

import contextlib
import gzip
import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet

from docs import tiny_tfds

MODULE = "my_tokens"  # what the iterator's example names

SOURCES = {
    "cipher": """\
  stream: {kind: cipher}                                     # ChaCha20, bytes
  bits:   {kind: cipher, algorithm: threefry, vocab_size: 2}
""",
    "elementary_ca": """\
  rule54: {kind: elementary_ca, rule: 54}
  short:  {kind: elementary_ca, rule: 54, cells: 32, steps: 8}
""",
    "flip_labels": """\
  wrong:
    kind: flip_labels
    rate: 0.1
    source: {kind: elementary_ca, rule: 15, cells: 32, steps: 8}
""",
    "grain": f"""\
  rows: {{kind: grain, factory: "{MODULE}:rows", vocab_size: 47, options: {{length: 24}}}}
""",
    "images": """\
  digits: {kind: images, path: images.npz, patch: 4, levels: 16}
  colour: {kind: images, path: colour.npy, channels: planar, downsample: 2}
""",
    "induction": """\
  four: {kind: induction}
  none: {kind: induction, hidden: 0}
""",
    "documents": """\
  stories: {kind: documents, path: stories.jsonl, column: story}
  tables:  {kind: documents, path: "tables/*.parquet", alphabet: characters, length: 64}
  ids:     {kind: documents, path: ids.jsonl, column: input_ids, pad: 0, vocab_size: 50}
""",
    "fasta": """\
  genome: {kind: fasta, path: genome.fa.gz}
  bases:  {kind: fasta, path: genome.fa.gz, alphabet: ACGT, unknown: drop}
""",
    "iterator": f"""\
  mine: {{kind: iterator, factory: "{MODULE}:stream", vocab_size: 10, options: {{step: 3}}}}
""",
    "labelled": """\
  digits: {kind: labelled, path: digits.npz, standardise: true}
""",
    "lcg": """\
  low:       {kind: lcg}                                              # period 256
  short:     {kind: lcg, bits: 4, length: 64}                         # period 16
  truncated: {kind: lcg, modulus_bits: 16, output: high, bits: 1}
""",
    "lfsr": """\
  eight:   {kind: lfsr, degree: 8}                # the XOR of the bits 2, 3, 4 and 8 before
  symbols: {kind: lfsr, degree: 32, bits: 8}
  own:     {kind: lfsr, taps: [3, 10]}
""",
    "markov": """\
  weather: {kind: markov, matrix: [[0.9, 0.1], [0.3, 0.7]]}
  random:  {kind: markov, vocab_size: 16, concentration: 0.1, table_seed: 3}
""",
    "markov_rows": """\
  all:  {kind: markov_rows}
  half: {kind: markov_rows, hidden: 4, length: 128}
  read: {kind: markov_rows, vocab_size: 4, length: 64, hidden: 1, rows: tokens}   # for any family
""",
    "mix": """\
  both:
    kind: mix
    sources:
      - {weight: 0.9, source: {kind: markov, vocab_size: 16}}
      - {weight: 0.1, source: {kind: noise, vocab_size: 16}}
""",
    "noise": """\
  noise: {kind: noise}
  dice:  {kind: noise, vocab_size: 6, length: 64}
""",
    "python_stdlib": """\
  text: {kind: python_stdlib, max_tokens: 1000000, length: 64}
""",
    "reorder": """\
  backwards: {kind: reorder, order: reverse, source: {kind: text, path: book.txt}}
  scrambled: {kind: reorder, order: permute, map_seed: 1, source: {kind: markov}}
  each_part: {kind: reorder, order: reverse, source: {kind: elementary_ca, rule: 30, cells: 16}}
  y_alone:   {kind: reorder, order: label_first, source: {kind: elementary_ca, rule: 30, cells: 16}}
  halves:    {kind: reorder, order: reverse, of: segments, segments: 2, source: {kind: lfsr}}
""",
    "repeat": """\
  again: {kind: repeat}
""",
    "replay": """\
  thrice: {kind: replay, times: 3, source: {kind: text, path: book.txt}}
""",
    "shuffle": """\
  within: {kind: shuffle, source: {kind: text, path: book.txt}}
  across: {kind: shuffle, scope: corpus, source: {kind: text, path: book.txt}}
""",
    "subsample": """\
  half:   {kind: subsample, share: 0.5, source: {kind: text, path: book.txt}}
  finite: {kind: subsample, sequences: 5000, source: {kind: markov}}
""",
    "text": """\
  book:   {kind: text, path: book.txt}
  code:   {kind: text, path: "lib/**/*.py", alphabet: characters}   # every file a document
  binary: {kind: text, path: photo.png, alphabet: bytes}
  dna:    {kind: text, path: genome.txt, alphabet: ACGT, unknown: drop}
""",
    "tfds": """\
  words:  {kind: tfds, name: tiny_numbers, data_dir: prepared, feature: text, length: 16}
  pixels: {kind: tfds, name: tiny_numbers, data_dir: prepared, feature: image, levels: 8}
  rows:   {kind: tfds, name: tiny_numbers, data_dir: prepared, feature: row, vocab_size: 47}
  both:   {kind: tfds, name: tiny_numbers, data_dir: prepared, feature: label, split: train+test}
""",
    "tokens": """\
  matrix: {kind: tokens, path: tokens.npy}                            # [N], or [n, L]
  plain:  {kind: tokens, path: train.bin, dtype: uint16, vocab_size: 50257, bytes_per_token: 4.2}
  folder: {kind: tokens, path: char/train.bin, heldout: char/val.bin, dtype: uint16}   # nanoGPT's
  padded: {kind: tokens, path: padded.npy, pad: 0, vocab_size: 50}
""",
}
FAMILIES = {
    "mlp": "{kind: mlp, widths: [16, 32, 64], depths: [1, 2], window: 16}",
    "ngram": "{kind: ngram, orders: [0, 1, 2], alpha: 0.5}",
    "recurrent": "{kind: recurrent, widths: [16, 32, 64], depths: [1, 2]}",
    "transformer": "{kind: transformer, widths: [16, 32, 64], depths: [1, 2]}",
}


def make_files(folder: Path) -> None:
    """Write the files that the examples read."""
    prose = "It was the best of times, it was the worst of times. " * 400
    (folder / "book.txt").write_text(prose, encoding="ascii")
    (folder / "genome.txt").write_text("ACGTTGCAACGGTACT\n" * 400, encoding="ascii")
    (folder / "lib").mkdir()
    (folder / "lib" / "code.py").write_text("def one():\n    return 1\n" * 99, encoding="ascii")
    _make_documents(folder)
    (folder / "photo.png").write_bytes(bytes(range(256)) * 100)
    np.save(folder / "tokens.npy", np.arange(20_000) % 50)
    (np.arange(20_000) % 50_257).astype("<u2").tofile(folder / "train.bin")
    (folder / "char").mkdir()
    (np.arange(20_000) % 65).astype("<u2").tofile(folder / "char" / "train.bin")
    (np.arange(2_000) % 64).astype("<u2").tofile(folder / "char" / "val.bin")
    ends = 5 + np.arange(600)[:, None] % 15
    np.save(folder / "padded.npy", np.where(np.arange(20) < ends, 1 + np.arange(20), 0))
    labels = np.arange(500) % 10
    np.savez(folder / "digits.npz", inputs=np.eye(10)[labels], labels=labels)
    pixels = np.arange(200 * 8 * 8 * 3) % 256
    np.savez(folder / "images.npz", images=pixels[: 200 * 64].reshape(200, 8, 8).astype("u1"))
    np.save(folder / "colour.npy", pixels.reshape(200, 8, 8, 3).astype("u1"))
    tiny_tfds.prepare(folder / "prepared")
    module = (
        "import numpy as np\n"
        "def stream(step):\n    return (i * step % 10 for i in range(20_000))\n"
        "def rows(length):\n"
        "    import grain\n"
        "    make = lambda i: (i + np.arange(length)) ** 2 % 47\n"
        "    return grain.MapDataset.range(2000).map(make)\n"
    )
    (folder / f"{MODULE}.py").write_text(module, encoding="ascii")


def _make_documents(folder: Path) -> None:
    """Write files with a document a row."""
    rows = [{"id": k, "story": f"Once upon a time there were {k} of them."} for k in range(300)]
    ids = [{"input_ids": [*range(1, 6 + k % 15), *[0] * (14 - k % 15)]} for k in range(600)]
    for name, lines in {"stories": rows, "ids": ids}.items():
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text, encoding="ascii")
    (folder / "tables").mkdir()
    texts = pyarrow.table({"text": [row["story"] for row in rows]})
    pyarrow.parquet.write_table(texts, folder / "tables" / "0.parquet")
    genome = b">chr1\n" + b"ACGTTGCAACGGTACN\n" * 400
    (folder / "genome.fa.gz").write_bytes(gzip.compress(genome, mtime=0))


@contextlib.contextmanager
def in_folder(folder: Path) -> Iterator[None]:
    """Run in a folder, and forget the module that the iterator's example imports from there."""
    importlib.invalidate_caches()
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        sys.modules.pop(MODULE, None)


def example(kind: str, examples: Mapping[str, str]) -> str:
    """The example of a kind.

    Raises:
        KeyError: saying where to write it.
    """
    if kind not in examples:
        raise KeyError(f"kind {kind!r} has no example: write one in docs/examples.py")
    return examples[kind]
