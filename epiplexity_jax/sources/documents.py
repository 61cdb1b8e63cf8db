"""Documents of a finite source: which of them each sequence is a part of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int64, Integer

from epiplexity_jax.base.digest import bytes_digest

Spans = Int64[np.ndarray, "n 2"]
Places = Integer[np.ndarray, " n"] | range


@dataclass(frozen=True, eq=False)
class Documents:
    """Documents of a source, whose sequences are windows of text or whole rows.

    Attributes:
        kind: `rows`: every sequence is a document. `text`: sequences are windows, in order, of one
            text whose documents are not known. `files`: windows of several documents joined end to
            end. `mixed`: tokens or windows of texts in an order that keeps no document together.
        spans: [n, 2] first and last document of each sequence, for `files`.
        places: [n] place of each window in the text: the sequence at the next place continues it.
            None where no sequence continues another, or that is not known.
        heldout_from: first of the sequences that the user holds out, those of a file of their own
            at the end of the source; None where the sweep chooses.
    """

    kind: Literal["rows", "text", "files", "mixed"]
    spans: Spans | None = None
    places: Places | None = None
    heldout_from: int | None = None

    @classmethod
    def of_text(cls, sequences: int) -> "Documents":
        """Make those of one text, cut into so many windows."""
        return cls("text", None, range(sequences))

    @classmethod
    def of_files(
        cls, ends: Sequence[int] | Integer[np.ndarray, " D"], sequences: int, length: int
    ) -> "Documents":
        """Make those of files that were joined end to end and cut into windows.

        Args:
            ends: number of tokens up to the end of each file.
            sequences: number of windows.
            length: L, tokens of a window.

        >>> Documents.of_files([5, 8], 2, 4).spans.tolist()
        [[0, 0], [0, 1]]
        """
        starts = np.arange(sequences) * length
        places = np.stack([starts, starts + length - 1], axis=1)
        spans = np.searchsorted(np.asarray(ends), places, side="right")
        if not spans.size or spans.min() == spans.max():
            return cls.of_text(sequences)
        return cls("files", spans.astype(np.int64), range(sequences))

    @property
    def fingerprint(self) -> str:
        """Hash of the borders of files."""
        return bytes_digest([self.kind, *(() if self.spans is None else (self.spans.data,))])

    def take(self, indices: Integer[np.ndarray, " m"]) -> "Documents":
        """Make those of some of the sequences, in increasing order."""
        spans, places, first = self.spans, self.places, self.heldout_from
        return Documents(
            self.kind,
            None if spans is None else np.ascontiguousarray(spans[indices]),
            None if places is None else np.asarray(places)[indices],
            None if first is None else int(np.searchsorted(indices, first)),
        )

    def unjoined(self) -> "Documents":
        """Make the same where sequences do not continue each other any more."""
        return Documents(self.kind, self.spans, None, self.heldout_from)

    def backwards(self) -> "Documents":
        """Make the same where every sequence is read backwards, which makes the text end first."""
        if self.places is None:
            return self
        places = np.asarray(self.places)
        return Documents(self.kind, self.spans, places.max() - places, self.heldout_from)


ROWS = Documents("rows")


def mixed_documents(
    parts: Sequence[tuple[Documents, int]],
    component: Integer[np.ndarray, " n"],
    place: Integer[np.ndarray, " n"],
) -> Documents:
    """Make the documents of a mix.

    Args:
        parts: documents of each component, and its number of sequences.
        component: [n] number of the component that each sequence of the mix is from.
        place: [n] index of each of these sequences in its component.
    """
    if all(each.kind == "rows" for each, _ in parts):
        return ROWS
    known = all(each.kind in ("rows", "files") for each, _ in parts)
    spans, places, file_count, end = [], [], 0, 0
    for each, sequences in parts:
        own = each.spans if each.spans is not None else np.arange(sequences)[:, None].repeat(2, 1)
        spans.append(own + file_count)
        file_count += int(own.max()) + 1
        # No row continues another, and no text one of another component.
        own = np.asarray(2 * np.arange(sequences) if each.places is None else each.places)
        places.append(own + end)
        end += int(own.max()) + 2
    starts = np.cumsum([0, *(sequences for _, sequences in parts)])
    rows = starts[component] + place
    return Documents(
        "files" if known else "mixed",
        np.concatenate(spans)[rows] if known else None,
        np.concatenate(places)[rows],
    )
