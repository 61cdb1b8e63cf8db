"""Lines of text logs that are known: which program writes them, and what their numbers are."""

import re
from dataclasses import dataclass

from epiplexity_jax.analysis.logs.table import Hints

NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|nan|inf)"
_SINGLE = "each loss is that of one batch"
_FROM_ZERO = "steps count from 0"


@dataclass(frozen=True)
class LineFormat:
    """Lines of a program.

    Attributes:
        name: the program's name.
        lines: expressions whose named groups are the columns of a row; the first that fits counts.
        hints: what the program's numbers are.
        needs: texts in lower case; without all of them no line fits.
        keep: text that a line must hold where some matching line does.
    """

    name: str
    lines: tuple[re.Pattern[str], ...]
    hints: Hints
    needs: tuple[str, ...]
    keep: str = ""


def _format(
    name: str, needs: str | tuple[str, ...], *lines: str, keep: str = "", **hints: object
) -> LineFormat:
    """Make a format; `#name` in a line stands for a number in a group of that name."""
    made = tuple(
        re.compile(re.sub(r"#(\w+)", lambda m: rf"(?P<{m[1]}>{NUMBER})", line), re.IGNORECASE)
        for line in lines
    )
    needs = (needs,) if isinstance(needs, str) else needs
    return LineFormat(name, made, Hints(**hints), needs, keep)  # type: ignore[arg-type]


FORMATS: list[LineFormat] = [
    _format(
        "nanoGPT",
        ("iter ", ": train loss "),
        r"(?:^|\s)iter #step: loss #loss\b",
        r"(?:^|\s)step #step: train loss [\d.naif]+, val loss #val_loss",
        kind="batches",
        first_step=0,
    ),
    _format(
        "build-nanogpt",
        " train ",
        r"^\s*#step train #loss\s*$",
        r"^\s*#step val #val_loss\s*$",
        kind="batches",
        first_step=0,
    ),
    _format(
        "llm.c",
        "trl:",
        r"^s:#step trl:#loss\b",
        r"^s:#step tel:#val_loss\b",
        kind="batches",
        first_step=0,
    ),
    _format(
        "llm.c (console)",
        "| ",
        r"^step\s+#step/\d+ \| (?:train )?loss #loss\b",
        kind="batches",
        first_step=1,
    ),
    _format(
        "modded-nanogpt",
        "step:",
        r"\bstep:#step/\d+ val_loss:#val_loss\b",
        r"\bstep:#step/\d+ (?:train_)?loss:#loss\b",
        kind="batches",
        first_step=1,
    ),
    _format(
        "Megatron-LM",
        "iteration",
        r"\biteration\s+#step/\s*\d+ \|.*?(?:consumed tokens:\s+#tokens \|.*?)?\blm[ _]loss:"
        r"\s+#loss",
        r"\bvalidation loss at iteration #step\b.*?lm loss value:\s+#val_loss",
        kind="means",
        first_step=1,
    ),
    _format(
        "NeMo",
        "reduced_train_loss",
        r"\bglobal_step[:=]\s*#step\b.*?reduced_train_loss[:=]\s*#loss",
        r"\breduced_train_loss[:=]\s*#loss\b.*?global_step[:=]\s*#step",
        kind="batches",
        first_step=0,
    ),
    _format(
        "fairseq",
        "num_updates",
        r"\bvalid on .*?\| loss #val_loss \|.*?num_updates #step",
        r"\bloss=#loss,.*?num_updates=#step",
        r'\|\s*valid\s*\|\s*\{.*"valid_loss": "?#val_loss"?.*?"valid_num_updates": "?#step"?',
        r'\|\s*train(?:_inner)?\s*\|\s*\{.*?"loss": "?#loss"?.*?"num_updates": "?#step"?',
        kind="means",
        first_step=1,
        unit="bits",
    ),
    _format(
        "MaxText",
        "completed step",
        r"\bcompleted step: #step,.*?(?:total_weights: #step_tokens, )?\bloss: #loss",
        r"\beval metrics after step: #step, loss=#val_loss",
        kind="batches",
        first_step=0,
    ),
    _format(
        "torchtune",
        "step ",
        r"^Step #step \| .*?\bval_loss:#val_loss",
        r"^Step #step \| .*?\bloss:#loss",
        kind="batches",
        first_step=1,
    ),
    _format(
        "litgpt",
        " step ",
        r"\biter \d+ step #step \| loss train: #loss, val: (?P<val_loss>[\w./]+)",
        r"\biter \d+ step #step: loss #loss",
        kind="batches",
        first_step=1,
        keep="(step)",
    ),
]
"""Formats in the order in which they are tried."""


def described(form: LineFormat) -> str:
    """The sentence on what a format takes for granted."""
    hints, facts = form.hints, []
    facts.append(_SINGLE if hints.kind == "batches" else "losses are means since the row before")
    if hints.first_step == 0:
        facts.append(_FROM_ZERO)
    if hints.unit == "bits":
        facts.append("losses are bits, as this program logs them (--unit nats otherwise)")
    return f"read as a log of {form.name}: {', '.join(facts)}"
