"""Documents that consist of the characters of an alphabet, the others left out whole."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Literal

from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.files.characters import BYTES, CHARACTERS, Document, decoded, letters_of

Unknown = Literal["error", "drop", "skip_document"]
"""A field's type: treatment of a character outside the alphabet."""


def check_skips(alphabet: str, unknown: str, separator: str = "") -> None:
    """Refuse to skip no document, or every one.

    Args:
        alphabet: as in `characters.Alphabet`.
        unknown: treatment of a character outside of it.
        separator: text put behind each document.

    Raises:
        ValueError: for pydantic, which makes it a ConfigError.
    """
    if unknown != "skip_document":
        return
    if alphabet in (BYTES, CHARACTERS):
        raise ValueError(
            f"unknown: no character is outside alphabet: {alphabet}; leave unknown out, or name "
            "another alphabet"
        )
    strange = set(separator) - set(letters_of(alphabet))
    if strange:
        raise ValueError(
            f"separator: {min(strange)!r} is not in the alphabet; name another, or '' for none"
        )


@dataclasses.dataclass
class WholeDocuments:
    """Documents of an alphabet's characters alone, counted while they are read.

    Attributes:
        letters: the alphabet's characters.
        where: name of all documents, for messages.
        kept: documents that were given; left_out: the others.
        characters: characters of all; lost: of those that were left out.
    """

    letters: str
    where: str
    kept: int = 0
    left_out: int = 0
    characters: int = 0
    lost: int = 0

    def select(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Give the documents to keep; each is held in memory while it is looked at.

        Raises:
            DataError: when a document is not UTF-8, or none is left.
        """
        self.kept = self.left_out = self.characters = self.lost = 0
        # Deleting the alphabet's characters is many times as fast as looking at each.
        deleted = dict.fromkeys(map(ord, self.letters))
        for where, parts in documents:
            raw = list(parts)
            texts = [text for text, _ in decoded(where, raw)]
            size = sum(map(len, texts))
            self.characters += size
            if any(text.translate(deleted) for text in texts):
                self.left_out += 1
                self.lost += size
                continue
            self.kept += 1
            yield where, raw
        if not self.kept:
            raise DataError(
                f"{self.where}: none of its documents ({self.left_out:,}) consists of the "
                "alphabet's characters; use alphabet: characters or bytes, or name your own "
                "alphabet"
            )

    def notes(self) -> tuple[str, ...]:
        """Say how many documents were left out, and their share of the characters."""
        if not self.left_out:
            return ()
        share = self.lost / self.characters
        return (
            f"{self.where}: {self.left_out:,} of {self.kept + self.left_out:,} documents, with "
            f"{share:.2%} of the characters, hold a character outside the alphabet and were left "
            "out",
        )
