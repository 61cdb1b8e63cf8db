"""Records of FASTA files: letters alone, in upper case, each a document."""

import gzip

import numpy as np
import pytest

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources import Fasta, open_source

GENOME = (
    ">chr1 a chromosome\nACGTN\nacgtn\n\n; a comment\nGG\n>chr2\r\nTTTT\r\nAA\r\n>empty\n>\nC\n"
)
LETTERS = "ACGTNACGTNGG" + "TTTTAA" + "C"


@pytest.fixture
def written(tmp_path):
    def write(content, name="genome.fa", **config):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Fasta(path=str(path), **{"length": 1, **config})

    return write


def letters(config, alphabet="ACGNT"):
    source = open_source(config)
    return "".join(alphabet[t] for t in source.read(np.arange(source.sequences)).ravel())


def complaint(config):
    with pytest.raises(DataError) as caught:
        open_source(config)
    return str(caught.value).removeprefix(f"{config.path}: ")


def test_records_are_documents_of_letters(written):
    config = written(GENOME)
    assert letters(config) == LETTERS
    info = open_source(config).info
    assert info.vocab_size == 5
    assert info.documents.spans[:, 0].tolist() == [0] * 12 + [1] * 6 + [3]
    assert info.bytes_per_token is None
    assert info.notes == (
        f"{config.path}: lower-case letters were read as upper-case ones; case: keep tells them "
        "apart",
    )
    kept = written(GENOME, case="keep")
    assert letters(kept, "ACGNTacgnt") == LETTERS.replace("ACGTNACGTN", "ACGTNacgtn")
    assert open_source(kept).info.bytes_per_token == 1.0
    assert open_source(kept).info.notes == ()


def test_compressed_files_of_a_folder(written, tmp_path):
    written(gzip.compress(b">b\nGGTT\n"), "b.fa.gz")
    written(">a\nAACC\n", "a.fna")
    written("not read", "notes.txt")
    config = written(">a\nAACC\n", "a.fna").model_copy(update={"path": str(tmp_path)})
    assert letters(config, "ACGT") == "AACCGGTT"
    assert open_source(config).info.notes == (f"{tmp_path}: one file was decompressed",)


def test_letters_outside_a_given_alphabet(written):
    config = written(GENOME, alphabet="ACGT")
    assert complaint(config).startswith("chr1: 'N' in line 1, column 5 is not in the alphabet")
    dropped = written(GENOME, alphabet="ACGT", unknown="drop")
    assert letters(dropped, "ACGT") == LETTERS.replace("N", "")
    assert "2 of 19 characters (10.53%) are not in the" in open_source(dropped).info.notes[1]


def test_held_out_records_share_the_alphabet(written, tmp_path):
    val = written(">v\nRYRY\n", "val.fa")
    config = written(GENOME, heldout=val.path)
    assert letters(config, "ACGNRTY") == LETTERS + "RYRY"
    assert open_source(config).info.documents.heldout_from == len(LETTERS)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("ACGT\n", "begins with no '>' of a record"),
        ("@read\nACGT\n+\n!!!!\n", "is FASTQ; convert it to FASTA"),
        ("\n\n", "holds no record; there is nothing to measure"),
        (">a\n>b\n", "holds 0 different characters; an alphabet needs 2"),
    ],
)
def test_other_files_are_refused(written, content, sentence):
    assert complaint(written(content)) == sentence
