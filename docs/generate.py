"""Write the reference pages of sources and families from their own docstrings.

Run: python docs/generate.py  (or `make docs`; a few seconds). For every registered kind, a page
docs/sources/<kind>.md or docs/families/<kind>.md: summary, example, parameters, what its opener or
its models say of themselves; and an index of each.
"""

import importlib
import inspect
import math
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from docs.examples import FAMILIES, SOURCES, example, in_folder, make_files
from epiplexity_jax.base.registry import Registry
from epiplexity_jax.families.spec import DeviceFamily, Family, Task
from epiplexity_jax.sources.spec import HostSource, Source

DOCS = Path(__file__).parent
COSTED = Task(vocab_size=96, length=64, label_mask=(True,) * 64)  # what families' costs are for
NOTE = "<!-- Written by docs/generate.py from docstrings: edit those, then `make docs`. -->\n"
ENTRY = re.compile(r"^(\w+(?:, \w+)*): (.*)$")


def pages() -> dict[str, str]:
    """Text of every page by its path below docs/."""
    sources, families = (
        importlib.import_module(name)._REGISTRY
        for name in ("epiplexity_jax.sources.opening", "epiplexity_jax.families.registry")
    )
    with tempfile.TemporaryDirectory() as name:
        make_files(Path(name))
        with in_folder(Path(name)):
            written = {
                f"sources/{entry['kind']}.md": _source_page(entry, sources)
                for entry in sources.kinds()
            }
    written |= {
        f"families/{entry['kind']}.md": _family_page(entry, families) for entry in families.kinds()
    }
    written["sources/index.md"] = _source_index(sources)
    written["families/index.md"] = _family_index(families)
    return written


def _source_page(entry: Mapping[str, Any], registry: Registry) -> str:
    cls, opener, _ = registry._entries[entry["kind"]]
    text = f"sources:\n{example(entry['kind'], SOURCES)}"
    named = yaml.safe_load(text)["sources"]
    opened = {name: registry.open(registry.parse(data, name)) for name, data in named.items()}
    facts = [(f"`{name}`", *_facts(source)) for name, source in opened.items()]
    heads = ("example", "is", "L", "V", "paid for", "entropy rate, nats per label token")
    return _page(
        entry,
        cls,
        text,
        f"which opens as\n\n{_table(heads, facts)}",
        _parameters(entry, cls),
        _section("Opening it", *_docstring(opener)),
    )


def _facts(source: Source) -> tuple[str, ...]:
    """Whether it ends, L, V, what is paid for and the entropy rate of an opened source."""
    info, finite = source.info, isinstance(source, HostSource)
    made = "finite, read on the host" if finite else "endless, drawn on the device"
    inputs, vocab = info.input_vocab_size, str(info.vocab_size)
    if info.features is not None:
        vocab += f", after {info.features} real numbers"
    elif inputs not in (None, info.vocab_size):
        vocab += f", inputs {inputs}"
    if info.real_positions:
        vocab += f", with {info.real_width} real numbers at {len(info.real_positions)} positions"
    places = np.flatnonzero(info.label_mask)
    paid = "every token"
    if len(places) < info.length:
        contiguous = places[-1] - places[0] + 1 == len(places) and places[-1] == info.length - 1
        last = "the last token" if len(places) == 1 else f"the last {len(places)} tokens"
        paid = last if contiguous else f"{len(places)} tokens"
    if info.labels_vary:
        mean = info.mean_labels
        paid = "one token of each" if mean == 1 else f"{mean:.4g} tokens on average"
    rate = info.entropy_rate_nats
    return made, str(info.length), vocab, paid, "not known" if rate is None else f"{rate:.4g}"


def _source_index(registry: Registry) -> str:
    rows = []
    for entry in registry.kinds():
        kind = entry["kind"]
        of_sources = any("source" in p["name"] for p in entry["parameters"])
        rows.append((f"[`{kind}`]({kind}.md)", "map" if of_sources else "source", entry["summary"]))
    return (
        f"{NOTE}# Kinds of source\n\n{_table(('kind', 'is a', 'what'), rows)}\n"
        "[Sources](../sources.md) says what a source is and how to choose one; "
        "[Your own data](../own-data.md) how to bring one.\n"
    )


def _family_page(entry: Mapping[str, Any], registry: Registry) -> str:
    cls, *_ = registry._entries[entry["kind"]]
    text = f"family: {example(entry['kind'], FAMILIES)}\n"
    family = registry.open(registry.parse(yaml.safe_load(text)["family"], "family"))
    models = _models(family)
    rows = []
    for size, model in models.items():
        cost = model.cost
        train, evaluate = cost.train_flops_per_token, cost.eval_flops_per_token
        rows.append((size, *(f"{number:,.0f}" for number in (cost.params, train, evaluate))))
    heads = ("size", "N", "training, FLOPs per token", "evaluation, FLOPs per token")
    costs = (
        f"On sequences of {COSTED.length} tokens over {COSTED.vocab_size} symbols, every token "
        f"paid for:\n\n{_table(heads, rows)}"
    )
    model = next(iter(models.values()))
    _, *said = _docstring(type(model), prose_only=True)
    said = _section("What it costs", *said, costs)
    return _page(entry, cls, text, _parameters(entry, cls), said)


def _models(family: Family) -> dict[str, Any]:
    """A model or coder of every size, by the size in words."""
    if isinstance(family, DeviceFamily):
        return {str(size): family.model(size, COSTED, "float32", "cpu") for size in family.sizes()}
    return {str(size): family.coder(size, COSTED) for size in family.sizes()}


def _family_index(registry: Registry) -> str:
    rows = [
        (f"[`{entry['kind']}`]({entry['kind']}.md)", entry["summary"]) for entry in registry.kinds()
    ]
    return (
        f"{NOTE}# Kinds of family\n\n{_table(('kind', 'what'), rows)}\n"
        "[Families](../families.md) says what a family is; [Your own models](../own-models.md) how "
        "to bring one.\n"
    )


def _page(entry: Mapping[str, Any], cls: type, text: str, *parts: str) -> str:
    """A page: title, the class's docstring, the example, further parts, and names in Python."""
    _, _, rest = inspect.cleandoc(cls.__doc__ or "").partition("\n\n")
    package = cls.__module__.split(".")[1]
    listing = "\n".join(
        f"- `epx.{package}.{name}`{': ' + what if what else ''}"
        for name, what in _python_names(cls).items()
    )
    whole = (
        f"# {entry['kind']}",
        entry["summary"],
        rest,
        f"```yaml\n{text}```",
        *parts,
        f"In Python:\n\n{listing}",
    )
    return NOTE + "\n\n".join(part.strip() for part in whole if part.strip()) + "\n"


def _python_names(cls: type) -> dict[str, str]:
    """What the class's package exports of its module: the class, and functions that do without it.

    Raises:
        KeyError: when the class is not exported.
    """
    package = importlib.import_module(".".join(cls.__module__.split(".")[:2]))
    exported = {name: getattr(package, name) for name in package.__all__}
    names = {name: "" for name, value in exported.items() if value is cls}
    if not names:
        raise KeyError(f"{cls.__name__} is not in {package.__name__}.__all__")
    for name, value in exported.items():
        if inspect.isfunction(value) and value.__module__ == cls.__module__:
            names[name] = inspect.cleandoc(value.__doc__ or "").splitlines()[0]
    return names


def _parameters(entry: Mapping[str, Any], cls: Any) -> str:
    schema = cls.model_json_schema()
    rows = [
        (
            f"`{p['name']}`",
            _type(schema["properties"][p["name"]], schema.get("$defs", {})),
            "required" if p["required"] else f"`{_plain(p['default'])}`",
            p["description"],
        )
        for p in entry["parameters"]
    ]
    return f"## Parameters\n\n{_table(('key', 'value', 'default', 'meaning'), rows)}"


def _type(schema: Mapping[str, Any], defined: Mapping[str, Any]) -> str:
    """A JSON schema in words: `integer (1 or more) or null`."""
    if "anyOf" in schema:
        return " or ".join(_type(choice, defined) for choice in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "$ref" in schema:
        fields = defined[schema["$ref"].rpartition("/")[2]]["properties"]
        return "{" + ", ".join(f"`{name}`" for name in fields) + "}"
    kind = schema.get("type", "any")
    if kind == "array":
        entries = schema.get("items") or schema.get("prefixItems", [{}])[0]
        return f"list of {_type(entries, defined)}"
    return f"{kind}{_bounds(schema)}"


def _bounds(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    said = [f"above {schema['exclusiveMinimum']:g}"] if "exclusiveMinimum" in schema else []
    if least is not None and most is not None:
        said.append(f"{least:g} to {_round(most)}")
    elif least is not None:
        said.append(f"{least:g} or more")
    elif most is not None:
        said.append(f"at most {_round(most)}")
    return f" ({', '.join(said)})" if said else ""


def _round(number: float) -> str:
    """A number, as a power of two where it is a large one.

    >>> _round(255), _round(1 << 20)
    ('255', '2^20')
    """
    power = math.log2(number) if number > 4096 else 0.5
    return f"2^{power:g}" if power.is_integer() else f"{number:g}"


def _plain(value: Any) -> str:
    """A default as YAML writes it."""
    if isinstance(value, tuple):
        value = list(value)
    style = '"' if isinstance(value, str) and not value.isprintable() else None
    text = yaml.safe_dump(value, default_flow_style=True, default_style=style, width=math.inf)
    return text.strip().removesuffix("\n...")


def _docstring(thing: Any, prose_only: bool = False) -> list[str]:
    """A google docstring as paragraphs of Markdown: prose, attributes, what is refused."""
    text = inspect.cleandoc(thing.__doc__ or "")
    prose, *sections = re.split(r"^(?=(?:Args|Returns|Attributes|Raises):\n)", text, flags=re.M)
    paragraphs = [" ".join(part.split()) for part in prose.strip().split("\n\n")]
    for section in () if prose_only else sections:
        title, _, body = section.partition(":\n")
        entries = _entries(inspect.cleandoc(body))
        if title == "Attributes":
            paragraphs.append("\n".join(f"- `{name}`: {what}" for name, what in entries))
        elif title == "Raises":
            paragraphs += [f"`{name}` is raised {what}" for name, what in entries]
    return paragraphs


def _entries(body: str) -> list[tuple[str, str]]:
    """Names and texts of a section, whose texts go on in indented lines."""
    found: list[tuple[str, str]] = []
    for line in body.splitlines():
        match = ENTRY.match(line)
        if match:
            found.append((match[1], match[2]))
        elif line.strip():
            name, what = found.pop()
            found.append((name, f"{what} {line.strip()}"))
    return found


def _section(title: str, *paragraphs: str) -> str:
    return "\n\n".join((f"## {title}", *paragraphs))


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *(tuple(c.replace("|", "\\|") for c in r) for r in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    """Write every page, and remove those of kinds that are no more."""
    written = pages()
    for name in ("sources", "families"):
        for path in (DOCS / name).glob("*.md"):
            if f"{name}/{path.name}" not in written:
                path.unlink()
    for name, text in written.items():
        path = DOCS / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
