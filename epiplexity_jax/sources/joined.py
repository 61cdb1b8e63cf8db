"""Several sources of tokens joined end to end: files in parts, and a held-out file of the user's.

Sequences are cut within each part, so none reaches over a border.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from epiplexity_jax.base.digest import fingerprint
from epiplexity_jax.base.errors import DataError
from epiplexity_jax.sources.batches import empty_batch, joint_labels, masked, put
from epiplexity_jax.sources.documents import ROWS, Documents, mixed_documents
from epiplexity_jax.sources.spec import Batch, FiniteSource, HostSource, SourceInfo


def join(parts: Sequence[HostSource], where: str) -> HostSource:
    """Join sources of tokens; each is a document, or several where it lists its own.

    Args:
        parts: the sources.
        where: name of them all, for the message.

    Raises:
        DataError: when their sequences differ in length.
    """
    if len(parts) == 1:
        return parts[0]
    first = parts[0].info
    for part in parts:
        if part.info.length != first.length:
            raise DataError(
                f"{where}: holds rows of {part.info.length} tokens and of {first.length}; bring "
                "files of one length"
            )
    counts = [part.sequences for part in parts]
    info = dataclasses.replace(
        first,
        vocab_size=max(part.info.vocab_size for part in parts),
        fingerprint=fingerprint("joined", *(part.info.fingerprint for part in parts)),
        origins=tuple(origin for part in parts for origin in part.info.origins),
        documents=_joined_documents(parts),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.info.notes)),
        **joint_labels([part.info for part in parts], [n / sum(counts) for n in counts]),
    )
    return FiniteSource(info, sum(counts), _JoinedReader(tuple(parts), info).rows)


def with_heldout(source: HostSource, heldout: HostSource) -> FiniteSource:
    """Put the sequences that alone are held out behind those that are trained on.

    Args:
        source: what is trained on.
        heldout: what is held out, of the same alphabet.

    Raises:
        DataError: when their sequences differ in length, or they are the same data.
    """
    one, two, first = source.info, heldout.info, source.sequences
    if one.length != two.length:
        raise DataError(
            f"heldout: has sequences of {two.length} tokens, and training has {one.length}; cut "
            "both alike"
        )
    if one.fingerprint == two.fingerprint:
        raise DataError("heldout: is the data that is trained on; give another file")
    counts = (first, heldout.sequences)
    component = np.repeat(np.arange(2), counts)
    place = np.concatenate([np.arange(count) for count in counts])
    own = list(zip((one.documents, two.documents), counts, strict=True))
    documents = mixed_documents(own, component, place)
    info = dataclasses.replace(
        one,
        vocab_size=max(one.vocab_size, two.vocab_size),
        fingerprint=fingerprint("heldout", one.fingerprint, two.fingerprint, first),
        origins=(*one.origins, *two.origins),
        documents=dataclasses.replace(documents, heldout_from=first),
        notes=tuple(dict.fromkeys((*one.notes, *two.notes))),
        **joint_labels([one, two], [n / sum(counts) for n in counts]),
    )
    return FiniteSource(info, sum(counts), _JoinedReader((source, heldout), info).rows)


@dataclasses.dataclass(frozen=True)
class _JoinedReader:
    """Reads sequences of several sources by their index in all."""

    parts: tuple[HostSource, ...]
    info: SourceInfo

    def rows(self, indices: Int64[np.ndarray, " n"]) -> Batch:
        """Read sequences: [n, L] in the smallest type that holds the vocabulary."""
        room = empty_batch(len(indices), self.info)
        ends = np.cumsum([part.sequences for part in self.parts])
        which = np.searchsorted(ends, indices, side="right")
        for k in np.unique(which).tolist():
            here, part = np.flatnonzero(which == k), self.parts[k]
            read = part.read(indices[here] - (ends[k] - part.sequences))
            put(room, here, masked(read, part.info) if self.info.labels_vary else read)
        return room


def _joined_documents(parts: Sequence[HostSource]) -> Documents:
    """Number the documents of all parts; no sequence continues one of another part."""
    if all(part.info.documents.kind == "rows" for part in parts):
        return ROWS
    spans, places, count, end = [], [], 0, 0
    for part in parts:
        known, sequences = part.info.documents, part.sequences
        if known.kind == "rows":
            own = np.arange(sequences)[:, None].repeat(2, axis=1)
        else:
            own = np.zeros((sequences, 2), np.int64) if known.spans is None else known.spans
        spans.append(own + count)
        count += int(own.max()) + 1
        at = 2 * np.arange(sequences) if known.places is None else np.asarray(known.places)
        places.append(at + end)
        end += int(at.max()) + 2
    return Documents("files", np.concatenate(spans), np.concatenate(places))
