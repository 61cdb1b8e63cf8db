"""Lengths of generators: short Python programs that print a source's sequences, compressed.

A model that pays off may hold far more bits than the program that makes the data (Finzi et al.
2026, section 5.3): the program is short for an observer who can run it backwards or guess it, and
not for one who learns from what it prints.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from epiplexity_jax.base.config import Config
from epiplexity_jax.base.status import ResultStatus
from epiplexity_jax.experiments.findings import Estimate
from epiplexity_jax.report.numbers import number
from epiplexity_jax.report.table import Table, TableColumn
from epiplexity_jax.sources.opening import parse
from epiplexity_jax.sources.synthetic.automata import ElementaryCA
from epiplexity_jax.sources.synthetic.induction import Induction
from epiplexity_jax.sources.synthetic.lcg import LCG
from epiplexity_jax.sources.synthetic.lfsr import LFSR, lfsr_taps
from epiplexity_jax.sources.synthetic.life import Life
from epiplexity_jax.sources.synthetic.markov_rows import MarkovRows, open_markov_rows

_AUTOMATON = """\
def f(r,n,k,b,l,h,x):
 o=[]
 for t in range(b+k+1):
  if t>=b and(t-b)%(k//l)<1:o+=x[h*(t==b):]
  x=[r>>4*x[i-1]+2*x[i]+x[-~i%n]&1 for i in range(n)]
 return o
"""
_LIFE = """\
def f(r,c,k,l,x):
 o=x
 for t in range(k):
  s=[sum(x[(i//c+a)%r*c+(i+b)%c]for a in(-1,0,1)for b in(-1,0,1))for i in range(r*c)]
  x=[int(v==3 or v==4 and y)for v,y in zip(s,x)]
  if-~t%(k//l)<1:o=o+x
 return o
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
def f(a,c,k,b,h,l,x):
 o=[]
 for _ in range(l):
  o.append(x>>h&2**b-1);x=(a*x+c)%2**k
 return o
"""
_MARKOV_ROWS = """\
from math import*
def f(v,l,g,u,w):
 m=[[log(a)/sum(map(log,r))for a in r]for r in u]
 p=[1/v]*v
 for _ in range(999):p=[sum(p[i]*m[i][j]for i in range(v))for j in range(v)]
 s=[]
 for a in w[:l]:
  s+=[sum(a>=sum(p[:j])for j in range(1,v))]
  p=m[s[-1]]
 return[v,*g,*s],[[log(a)for a in m[i]]for i in g]
"""


class Program(NamedTuple):
    """A program that prints a source's sequences.

    Attributes:
        text: Python that defines f, a function of its arguments and of a random start: the state
            of a generator; of Markov rows uniform numbers, V x V for the matrix and one a symbol.
        arguments: the arguments of the source.
    """

    text: str
    arguments: tuple[Any, ...]


def program_of(config: Config) -> Program | None:
    """Find the program of a source; None where no short one was written.

    Args:
        config: config of the source.
    """
    match config:
        case ElementaryCA():
            rest = config.burn_in, config.states, 0
            return Program(_AUTOMATON, (config.rule, config.cells, config.steps, *rest))
        case Induction():
            rest = 0, 1, config.hidden
            return Program(_AUTOMATON, (config.rule, config.cells, config.steps, *rest))
        case Life() if config.rule == "B3/S23":
            return Program(_LIFE, (config.rows, config.columns, config.steps, config.states))
        case LFSR() if config.bits == 1:
            return Program(_LFSR, (lfsr_taps(config), config.length))
        case LCG():
            modulus, bits = config.modulus_bits, config.bits
            shift = 0 if config.output == "low" else modulus - bits
            values = config.multiplier % (1 << modulus), config.increment % (1 << modulus)
            return Program(_LCG, (*values, modulus, bits, shift, config.length))
        case MarkovRows() if config.rows == "real":
            order = open_markov_rows(config).parameters.tolist()
            given = tuple(order[: config.vocab_size - config.hidden])
            return Program(_MARKOV_ROWS, (config.vocab_size, config.length, given))
    return None


class Length(NamedTuple):
    """Lengths of a source's generator, and of the model after the last step of a result.

    Attributes:
        experiment: name of the experiment.
        size: its size.
        source: name of the source.
        generator_bits: bits of the program and its parameters, compressed.
        model: bits of the model of the best size, with its interval.
    """

    experiment: str
    size: str
    source: str
    generator_bits: int
    model: Estimate

    @property
    def order(self) -> str:
        """Length of the model beside its generator, where its whole interval is on one side."""
        if self.model.above(self.generator_bits):
            return "longer"
        end = self.model.high
        return "shorter" if end is not None and end < self.generator_bits else "not resolved"


def generator_bits(config: Mapping[str, Any]) -> int | None:
    """Bits of a source's program and its arguments under zlib at level 9; None without a program.

    Args:
        config: config of the source, as plain data.
    """
    program = program_of(parse(config, "source"))
    if program is None:
        return None
    return 8 * len(zlib.compress(f"{program.text}{program.arguments}".encode(), 9))


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
                yield Length(name, result.size, ending["source"], bits, Estimate(**ending["model"]))


def generator_table(found: Sequence[Length]) -> Table:
    """One row a source: its generator's length, the model's, and which of them is longer."""
    table = Table(
        [
            TableColumn("experiment"),
            TableColumn("size"),
            TableColumn("source"),
            TableColumn("generator, bits", "right"),
            TableColumn("model, bits"),
            TableColumn("the model is"),
        ]
    )
    for one in found:
        bits = number(one.generator_bits)
        table.add(one.experiment, one.size, one.source, bits, str(one.model), one.order)
    return table
