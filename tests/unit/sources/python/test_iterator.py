"""Iterators: what they yield, joined; read once and no further than asked; faults by item."""

import itertools
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from epiplexity_jax.base.errors import ConfigError, DataError
from epiplexity_jax.sources import Iterated, from_iterator, open_source
from epiplexity_jax.sources.python import iterator
from epiplexity_jax.sources.token_array import TokenSequences

ITEMS = {
    "integers": [1, 2, 3, 4, 5, 6],
    "NumPy integers": list(np.array([1, 2, 3, 4, 5, 6], np.int16)),
    "lists": [[1, 2], [3, 4, 5, 6]],
    "an array": np.array([1, 2, 3, 4, 5, 6]),
    "a matrix": np.array([[1, 2, 3], [4, 5, 6]]),
    "a transposed matrix": [np.array([[1, 4], [2, 5], [3, 6]]).T],
    "every second": [np.arange(1, 7).repeat(2)[::2]],
    "swapped bytes": [np.array([1, 2, 3, 4, 5, 6], ">u4")],
    "JAX arrays": [jnp.array([1, 2, 3]), jnp.array(4), jnp.array([5, 6])],
    "some of each": [np.array([1]), [], 2, np.zeros((0, 3), np.int8), (3, 4), range(5, 7)],
}


def read_all(source):
    return source.read(np.arange(source.sequences))


def complaint(call, *args, error=DataError, **kwargs):
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module into the current folder, under a name that no other test has."""
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)

    def write(name, code):
        path = tmp_path / f"{name.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def opened(factory, **config) -> TokenSequences:
    source = open_source(Iterated(factory=factory, **{"vocab_size": 10, "length": 2} | config))
    assert isinstance(source, TokenSequences)
    return source


@pytest.mark.parametrize("vocab", [10, 300, 70_000])
@pytest.mark.parametrize("items", ITEMS.values(), ids=ITEMS)
def test_items_are_joined_end_to_end(items, vocab):
    source = from_iterator(lambda: iter(items), vocab_size=vocab, length=2)
    assert read_all(source).tolist() == [[1, 2], [3, 4], [5, 6]]
    assert source.tokens.dtype == np.min_scalar_type(vocab - 1)
    assert source.info.vocab_size == vocab


@pytest.mark.parametrize("size", [None, 1, 3, 7])
def test_an_endless_iterator_is_read_so_far_and_no_further(size):
    """Items of any size; the last one is cut, and nothing behind it is asked for."""
    asked = []

    def endless():
        for i in itertools.count():
            asked.append(i)
            yield i % 10 if size is None else np.arange(i * size, (i + 1) * size) % 10

    source = from_iterator(endless, vocab_size=10, length=10, max_tokens=100)
    assert np.array_equal(read_all(source), np.arange(100).reshape(10, 10) % 10)
    assert len(asked) == -(-100 // (size or 1))


def test_the_factory_is_called_once():
    calls = []

    def factory():
        calls.append(1)
        return iter(range(10))

    source = from_iterator(factory, vocab_size=10, length=5)
    assert np.array_equal(read_all(source), read_all(source))
    assert len(calls) == 1


def test_facts():
    source = from_iterator(lambda: [0] * 200, vocab_size=7, bytes_per_token=4)
    info = source.info
    assert (source.sequences, info.length, info.vocab_size, info.bytes_per_token) == (1, 128, 7, 4)
    assert info.label_mask.all()
    assert len(info.origins) == 1


@pytest.mark.parametrize("vocab", [100, 1000])
@pytest.mark.parametrize(
    ("items", "sentence"),
    [
        ([1, 2, 1000], "item 2: token 1000 is not in 0 to "),
        ([1, -1], "item 1: token -1 is not in 0 to "),
        ([1, 1 << 70], "item 1: token 1180591620717411303424 is not in 0 to "),
        ([[1, 2], np.array([3, 4, -5, -6])], "item 1: token -5 is not in 0 to "),
        ([[1], 2.0], "item 1: must be an integer or an array of integers, got 2.0"),
        ([np.array([1.5])], "item 0: must be an integer or an array of integers, got array([1.5])"),
        (
            [np.eye(2)],
            "item 0: must be an integer or an array of integers, got array([[1., 0.",
        ),
        (["text"], "item 0: must be an integer or an array of integers, got 'text'"),
        ([{"ids": [1]}], "item 0: must be an integer or an array of integers, got {'ids': [1]}"),
        ([[[1], [2, 3]]], "item 0: must be an integer or an array of integers, got [[1], [2, 3]]"),
        ([None], "item 0: must be an integer or an array of integers, got None"),
        ([], "is empty; there is nothing to measure"),
        ([1], "has 1 token, less than one sequence of 2; bring more data or lower `length`"),
    ],
)
def test_items_of_no_use_are_named(items, sentence, vocab):
    def rows():
        yield from items

    said = complaint(from_iterator, rows, vocab_size=vocab, length=2)
    assert said.partition("rows: ")[2].startswith(sentence)


def test_an_exception_inside_is_one_line_with_its_type():
    def broken():
        yield [1, 2, 3]
        raise KeyError("no such\nrow")

    with pytest.raises(DataError) as caught:
        from_iterator(broken, vocab_size=10, length=2)
    assert str(caught.value).endswith(
        "broken: item 1: the iterator raised KeyError: 'no such\\nrow'"
    )
    assert isinstance(caught.value.__cause__, KeyError)


def exits():
    sys.exit(3)


def exits_later():
    yield [1, 2]
    sys.exit("no\nmore")


class ExitsAtOnce:
    def __iter__(self):
        sys.exit()


@pytest.mark.parametrize(
    ("factory", "sentence"),
    [
        (exits, "exits: the function raised SystemExit: 3"),
        (exits_later, "exits_later: item 1: the iterator raised SystemExit: no more"),
        (ExitsAtOnce, "ExitsAtOnce: the iterator raised SystemExit"),
    ],
)
def test_an_exit_is_a_fault_like_others(factory, sentence):
    assert complaint(from_iterator, factory, vocab_size=10) == sentence


def test_an_interrupt_passes():
    def interrupted():
        raise KeyboardInterrupt
        yield

    def at_once():
        raise KeyboardInterrupt

    for factory in (interrupted, at_once):
        with pytest.raises(KeyboardInterrupt):
            from_iterator(factory, vocab_size=10)


@pytest.mark.parametrize("masked", [np.ma.array([1, 2], mask=[0, 1]), np.ma.masked])
def test_masked_items_are_refused(masked):
    for item in (masked, [masked]):
        said = complaint(from_iterator, lambda item=item: iter([[0, 1], item]), vocab_size=10)
        assert said.endswith(
            "item 1: is a masked array, whose masked values would be read; fill or drop them first"
        )


def test_an_origin_is_the_function_and_its_options(module):
    """Even where it yields something else each time, as a shuffled data set may."""
    module(
        "rows_seen",
        "import itertools\ncalls = itertools.count()\n"
        "def make(n=0, start=0):\n    return (i % 10 for i in itertools.count(next(calls)))\n",
    )
    some = opened("rows_seen:make", options={"n": 1, "start": 2}, max_tokens=50).info
    more = opened("rows_seen:make", options={"start": 2, "n": 1}, max_tokens=99, length=3).info
    other = opened("rows_seen:make", options={"n": 3}, max_tokens=50).info
    assert set(some.origins) & set(more.origins)
    assert not set(some.origins) & set(other.origins)


def test_an_iterator_read_further_has_the_same_origin():
    def numbers():
        return iter(np.random.default_rng(0).integers(0, 9, 9000))

    infos = [from_iterator(numbers, vocab_size=9, max_tokens=n).info for n in (2000, 4000, 9000)]
    assert set.intersection(*(set(info.origins) for info in infos))
    assert len({info.fingerprint for info in infos}) == 3


def test_an_iterable_that_gives_no_iterator():
    class Broken:
        def __iter__(self):
            raise OSError("disk\ngone")

    said = complaint(from_iterator, Broken, vocab_size=10)
    assert said.endswith("Broken: the iterator raised OSError: disk gone")


def test_what_is_behind_the_last_token_raises_nothing():
    def broken():
        yield [1, 2, 3, 4]
        raise KeyError

    assert from_iterator(broken, vocab_size=10, length=2, max_tokens=4).sequences == 2


def test_an_iterator_that_yields_nothing_for_ever_is_given_up(monkeypatch):
    monkeypatch.setattr(iterator, "_MAX_EMPTY", 50)
    said = complaint(from_iterator, lambda: itertools.repeat([]), vocab_size=10)
    assert said.endswith("50 items without a token up to item 49")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"factory": iter([1, 2])}, "factory: must be a function that returns a fresh iterator, g"),
        ({"vocab_size": 1}, "vocab_size: input should be greater than or equal to 2, got 1"),
        ({"length": 0}, "length: input should be greater than or equal to 1, got 0"),
        (
            {"max_tokens": 10},
            "max_tokens: must be at least one sequence of 128 tokens, got 10; raise it or lower `l",
        ),
        ({"max_tokens": 1, "length": 1}, "max_tokens: must be at least one sequence of 2 tokens"),
        ({"max_tokens": 0}, "max_tokens: input should be greater than or equal to 1, got 0"),
    ],
)
def test_arguments_out_of_range_are_named(arguments, sentence):
    arguments = {"factory": lambda: iter([1, 2]), "vocab_size": 5} | arguments
    assert complaint(from_iterator, error=ConfigError, **arguments).startswith(sentence)
