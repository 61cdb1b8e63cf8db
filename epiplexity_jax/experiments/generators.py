"""Lengths of generators: short Python programs that print a source's sequences, compressed.

A model that pays off may hold far more bits than the program that makes the data (Finzi et al.
2026, section 5.3): the program is short for an observer who can run it backwards or guess it, and
not for one who learns from what it prints.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from epiplexity_jax.base.status import ResultStatus
from epiplexity_jax.experiments.findings import Estimate
from epiplexity_jax.report.numbers import number
from epiplexity_jax.report.table import Table, TableColumn

_AUTOMATON = """\
def f(r,n,k,b,s):
 x=s
 o=[]
 for t in range(b+k):
  if t==b:o=x
  x=[r>>4*x[i-1]+2*x[i]+x[-~i%n]&1 for i in range(n)]
 return (o or s)+x
"""
_LIFE = """\
def f(r,c,k,x):
 o=x
 for _ in range(k):
  s=[sum(x[(i//c+a)%r*c+(i+b)%c]for a in(-1,0,1)for b in(-1,0,1))for i in range(r*c)]
  x=[int(v==3 or v==4 and y)for v,y in zip(s,x)]
 return o+x
"""
_LFSR = """\
def f(t,l,s):
 x=list(s)
 while len(x)<l:
  b=0
  for d in t:b^=x[-d]
  x.append(b)
 return x[:l]
"""
_LCG = """\
def f(a,c,k,h,l,x):
 o=[]
 for _ in range(l):
  o.append(x>>h);x=(a*x+c)%2**k
 return o
"""
SOURCES = {
    "elementary_ca": _AUTOMATON,
    "induction": _AUTOMATON,
    "life": _LIFE,
    "lfsr": _LFSR,
    "lcg": _LCG,
}
"""Program of each kind whose generator is known: a function of parameters and random bits."""


class Length(NamedTuple):
    """Lengths of a source's generator, and of the model after the last step of a result.

    Attributes:
        experiment: name of the experiment.
        source: name of the source.
        generator_bits: bits of the program and its parameters, compressed.
        model: bits of the model of the best size, with its interval.
    """

    experiment: str
    source: str
    generator_bits: int
    model: Estimate


def generator_bits(config: Mapping[str, Any]) -> int | None:
    """Bits of a source's generator under zlib at level 9; None where no program is known.

    Args:
        config: config of the source, as plain data.
    """
    program = SOURCES.get(str(config.get("kind")))
    if program is None:
        return None
    parameters = repr([value for key, value in sorted(config.items()) if key != "kind"])
    return 8 * len(zlib.compress(f"{program}{parameters}".encode(), 9))


def lengths(results: Sequence[Any]) -> Iterator[Length]:
    """Find sources of results whose model is resolved at the largest budget.

    Args:
        results: results of experiments, see `perform.Result`.
    """
    for result in results:
        sources = result.experiment.config(result.size)["sources"]
        for ending in result.endings:
            bits = generator_bits(sources[ending["source"]])
            if bits is not None and ending["status"] == ResultStatus.OK:
                name = result.experiment.name
                yield Length(name, ending["source"], bits, Estimate(**ending["model"]))


def generator_table(found: Sequence[Length]) -> Table:
    """One row a source: its generator's length, and the model's."""
    table = Table(
        [
            TableColumn("experiment"),
            TableColumn("source"),
            TableColumn("generator, bits", "right"),
            TableColumn("model, bits"),
        ]
    )
    for one in found:
        table.add(one.experiment, one.source, number(one.generator_bits), str(one.model))
    return table
