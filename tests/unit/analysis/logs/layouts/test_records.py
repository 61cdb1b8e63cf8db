import struct

import pytest

from epiplexity_jax.analysis.logs.layouts.records import (
    begins_with_record,
    fields,
    masked_crc,
    records,
)
from epiplexity_jax.base.errors import DataError


def framed(*bodies):
    """Records of the TFRecord format."""
    made = b""
    for body in bodies:
        length = struct.pack("<Q", len(body))
        made += length + struct.pack("<I", masked_crc(length))
        made += body + struct.pack("<I", masked_crc(body))
    return made


def test_the_checksum_is_that_of_tensorboardx():
    from tensorboardX.record_writer import masked_crc32c

    for data in (b"", b"a", bytes(range(256)) * 3):
        assert masked_crc(data) == masked_crc32c(data)


def test_records_are_read_back():
    data = framed(b"one", b"", b"three")
    assert begins_with_record(data)
    assert list(records("x", data)) == [b"one", b"", b"three"]
    assert list(records("x", data[:-2])) == [b"one", b""]


@pytest.mark.parametrize(("at", "said"), [(1, "at byte 0"), (13, "at byte 12")])
def test_a_wrong_byte_is_found(at, said):
    data = bytearray(framed(b"one", b"two"))
    data[at] ^= 1
    with pytest.raises(DataError, match=f"x: is damaged {said}"):
        list(records("x", bytes(data)))


def test_fields_of_a_message():
    message = b"\x10\xac\x02" + b"\x1a\x02ab" + b"\x25\x00\x00\x80\x3f"
    assert list(fields(message)) == [(2, 300), (3, b"ab"), (4, b"\x00\x00\x80\x3f")]


@pytest.mark.parametrize("message", [b"\x10", b"\x1a\x05ab", b"\x13", b"\x25\x00"])
def test_a_message_that_is_cut_off(message):
    with pytest.raises(ValueError, match="cut off|unknown kind"):
        list(fields(message))
