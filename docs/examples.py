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
from PIL import Image

from docs import tiny_tfds
from epiplexity_jax.sources.maps.vocabulary_files import LETTERS

MODULE = "my_tokens"  # what the iterator's example names

SOURCES = {
    "apply_rule": """\
  y_of_x: {kind: apply_rule, rule: 54, steps: 4, keep: xy, source: {kind: noise, vocab_size: 2}}
  y_only: {kind: apply_rule, rule: 54, steps: 4, source: {kind: noise, vocab_size: 2}}
  turned: {kind: apply_rule, rule: 170, source: {kind: markov, vocab_size: 2}}    # a rotation
""",
    "chess": """\
  forward: {kind: chess, path: games.pgn, length: 128}
  reverse: {kind: chess, path: games.pgn, length: 128, order: board_first}
  masters: {kind: chess, path: games.pgn, length: 128, min_elo: 2000, max_plies: 200}
""",
    "chess_questions": """\
  puzzles: {kind: chess_questions, path: puzzles.csv, question: puzzle, least_rating: 2000}
  values:  {kind: chess_questions, path: evaluations.jsonl, question: value}
  three:   {kind: chess_questions, path: evaluations.jsonl, question: value, bounds: [-100, 100]}
""",
    "cipher": """\
  stream: {kind: cipher}                                     # ChaCha20, bytes
  bits:   {kind: cipher, algorithm: threefry, vocab_size: 2}
  weak:   {kind: cipher, rounds: 2}                          # of 20
""",
    "connect_four": """\
  forward: {kind: connect_four}
  reverse: {kind: connect_four, order: board_first}
  small:   {kind: connect_four, columns: 4, rows: 3, connect: 3}
""",
    "elementary_ca": """\
  rule54: {kind: elementary_ca, rule: 54}
  short:  {kind: elementary_ca, rule: 54, cells: 32, steps: 8}
  looped: {kind: elementary_ca, rule: 54, cells: 32, steps: 8, states: 8}     # every state of 8
  x_y:    {kind: elementary_ca, rule: 30, cells: 16, steps: 2, burn_in: 0, pay: all}
""",
    "compile_python": """\
  library: {kind: compile_python, source: {kind: python_stdlib, max_tokens: 100000}}
  folder:  {kind: compile_python, source: {kind: text, path: "lib/**/*.py"}}
""",
    "dedupe": """\
  once: {kind: dedupe, source: {kind: text, path: book.txt, length: 64}}
""",
    "encrypt": """\
  secret: {kind: encrypt, source: {kind: text, path: book.txt, alphabet: bytes}}
  chain:  {kind: encrypt, algorithm: threefry, source: {kind: markov}}
  misuse: {kind: encrypt, nonce: reused, source: {kind: text, path: book.txt}}
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
  grey:   {kind: images, path: "cifar5m/part*.npz", array: X, channels: grey, length: 512}
""",
    "induction": """\
  four: {kind: induction}
  none: {kind: induction, hidden: 0}
""",
    "documents": """\
  stories: {kind: documents, path: stories.jsonl, column: story}
  tables:  {kind: documents, path: "tables/*.parquet", alphabet: characters, length: 64}
  plain:   {kind: documents, path: "tables/*.parquet", alphabet: ascii96, unknown: skip_document}
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
    "life": """\
  grid:   {kind: life}
  small:  {kind: life, rows: 8, columns: 8, steps: 1}
  looped: {kind: life, rows: 8, columns: 8, steps: 4, states: 4}      # every grid of 4
  others: {kind: life, rule: B36/S23, density: 0.375}
""",
    "lorenz": """\
  soon:    {kind: lorenz, time: 0.5}
  alone:   {kind: lorenz, time: 0.5, start: false}        # the same states, without the start
  late:    {kind: lorenz, time: 30}
  uniform: {kind: lorenz, time: 30, measure: uniform, bits: [10, 10, 10]}
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
    "mixture": """\
  chains: {kind: mixture, models: 1024, vocab_size: 4}                  # 10 bits to find the chain
  short:  {kind: mixture, models: 8, vocab_size: 2, length: 16}
  words:  {kind: mixture, of: periodic, models: 1024, vocab_size: 16}   # 10 bits a sequence
""",
    "boolean": """\
  table:  {kind: boolean}                                             # 256 bits to learn
  parity: {kind: boolean, function: parity, bits: 16, relevant: 3}
  xor:    {kind: boolean, function: parity, bits: 16, relevant: 2}
  most:   {kind: boolean, function: majority, bits: 7}
""",
    "modular_addition": """\
  drawn: {kind: modular_addition}
  table: {kind: modular_addition, modulus: 53, pairs: all, equals_sign: true}
""",
    "zipf_facts": """\
  tail: {kind: zipf_facts}
  keys: {kind: zipf_facts, facts: 100, exponent: 1.5, pay: all}
""",
    "in_context": """\
  context: {kind: in_context}                                         # 10 % of queries are new
  weights: {kind: in_context, labels: fixed, exponent: 1.0, bursty: 0.0}
""",
    "grammar": """\
  train: {kind: grammar, primitives: 16}
  new:   {kind: grammar, primitives: 16, split: new_combinations}
""",
    "length_generalisation": """\
  short: {kind: length_generalisation, task: reverse, lengths: [1, 8], max_length: 16}
  long:  {kind: length_generalisation, task: reverse, lengths: [9, 16]}
  alike: {kind: length_generalisation, task: sort, lengths: [10, 10]}
""",
    "two_features": """\
  train: {kind: two_features, spurious: 0.95, core: 0.99}
  test:  {kind: two_features, spurious: 0.5, core: 0.99}
""",
    "noise": """\
  noise: {kind: noise}
  dice:  {kind: noise, vocab_size: 6, length: 64}
""",
    "package_files": """\
  machine_code: {kind: package_files, package: numpy, files: "**/*.so"}
  headers:      {kind: package_files, package: pyarrow, files: "include/**/*.h"}
  text:         {kind: package_files, package: rich, files: "*.py", alphabet: characters}
""",
    "pairs": """\
  chance:  {kind: pairs, answers: coin}
  hidden:  {kind: pairs, answers: prg}
  once:    {kind: pairs, answers: prg, second: false}
  teacher: {kind: pairs, answers: teacher}
""",
    "photographs": """\
  pictures: {kind: photographs, path: holiday}                 # .jpg and .png files
  coarse:   {kind: photographs, path: "holiday/*.png", side: 16, levels: 16}
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
  y_x:                                                            # X behind Y, both paid for
    kind: reorder
    order: reverse
    of: segments
    segments: 2
    source: {kind: elementary_ca, rule: 30, cells: 16, steps: 2, burn_in: 0, pay: all}
""",
    "random_chess": """\
  forward: {kind: random_chess, games: 200}
  reverse: {kind: random_chess, games: 200, order: board_first}
  others:  {kind: random_chess, games: 200, max_plies: 20, game_seed: 1}
""",
    "repeat": """\
  again: {kind: repeat}
""",
    "replay": """\
  thrice: {kind: replay, times: 3, source: {kind: text, path: book.txt}}
""",
    "retokenise": """\
  pairs: {kind: retokenise, into: chunk, group: 2, source: {kind: markov}}
  bytes: {kind: retokenise, into: bytes, alphabet: ascii96, source: {kind: text, path: book.txt}}
  mail:                                                           # 72 characters, 96 symbols
    kind: retokenise
    into: base64
    source: {kind: text, path: book.txt, alphabet: bytes, length: 72}
  words: {kind: retokenise, into: bpe, vocab_size: 110, source: {kind: text, path: book.txt}}
  gpt2:
    kind: retokenise
    into: tokeniser
    vocabulary: gpt2                              # its folder: vocab.json and merges.txt
    source: {kind: text, path: book.txt, alphabet: bytes}
""",
    "shuffle": """\
  within: {kind: shuffle, source: {kind: text, path: book.txt}}
  across: {kind: shuffle, scope: corpus, source: {kind: text, path: book.txt}}
""",
    "sort": """\
  sorted: {kind: sort, source: {kind: noise, vocab_size: 16}}
  eights: {kind: sort, segments: 16, source: {kind: text, path: book.txt}}
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
    "tic_tac_toe": """\
  forward: {kind: tic_tac_toe}
  reverse: {kind: tic_tac_toe, order: board_first}
""",
    "tic_tac_toe_questions": """\
  winner: {kind: tic_tac_toe_questions}
  seen:   {kind: tic_tac_toe_questions, inputs: board_first}
  value:  {kind: tic_tac_toe_questions, question: value, plies: 4}
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
    players = '[WhiteElo "2{:03}"]\n[BlackElo "2000"]\n\n'
    moves = "1. e4 e5 2. Bc4 Nc6 3. Qh5 Nf6 4. Qxf7# 1-0\n\n"
    games = "".join(players.format(k) + moves for k in range(200))
    (folder / "games.pgn").write_text(games, encoding="ascii")
    _make_questions(folder)
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
    (folder / "cifar5m").mkdir()
    for k in range(2):
        parts = pixels[: 8 * 1024 * 3].reshape(8, 32, 32, 3).astype("u1") + k
        np.savez(folder / "cifar5m" / f"part{k}.npz", X=parts, Y=np.arange(8))
    (folder / "holiday").mkdir()
    for k in range(2):
        pixels = np.random.default_rng(k).integers(0, 256, (320, 480, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "holiday" / f"{k}.png")
    _make_vocabulary(folder / "gpt2")
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


def _make_questions(folder: Path) -> None:
    """Write puzzles and evaluations of chess as Lichess has them."""
    fens = [f"q3k1nr/1pp1nQpp/3p4/1P2p3/4P3/B1PP1b2/B5PP/5K2 b k - 0 {17 + k}" for k in range(99)]
    puzzles = "".join(
        f"00sHx{k},{fen},e8d7 a2e6 d7d8 f7f8,{1960 + k}\n" for k, fen in enumerate(fens)
    )
    (folder / "puzzles.csv").write_text("PuzzleId,FEN,Moves,Rating\n" + puzzles, encoding="ascii")
    evaluations = "".join(
        f'{{"fen": "{fen}", "evals": [{{"depth": 30, "pvs": [{{"cp": {k * 20 - 990}}}]}}]}}\n'
        for k, fen in enumerate(fens)
    )
    (folder / "evaluations.jsonl").write_text(evaluations, encoding="ascii")


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


def _make_vocabulary(folder: Path) -> None:
    """Write a small vocabulary in the files of GPT-2."""
    merges = ["t i", "ti m", "tim e", "time s", "Ġ times", "Ġ t", "Ġt h", "Ġth e", "Ġ o", "Ġo f"]
    texts = [*LETTERS, *(merge.replace(" ", "") for merge in merges), "<|endoftext|>"]
    folder.mkdir()
    ids = {text: k for k, text in enumerate(texts)}
    (folder / "vocab.json").write_text(json.dumps(ids), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]), encoding="utf-8")


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
