"""TFRecord framing with its checksums, and the few protocol buffer fields that events need.

A record is a length (8 bytes), its masked CRC-32C (4), the data, and the data's masked CRC-32C (4).
"""

import struct
from collections.abc import Iterator

from epiplexity_jax.base.errors import DataError

_POLYNOMIAL = 0x82F63B78  # Castagnoli, reversed
_MASK = 0xA282EAD8
_LARGEST = 1 << 16  # bytes of data whose checksum is worth its time: pictures are no losses


def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _table()


def masked_crc(data: bytes) -> int:
    """CRC-32C of data, rotated and shifted as TFRecord files store it.

    >>> hex(masked_crc(b"123456789"))
    '0xc78ab0e5'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF


def begins_with_record(data: bytes) -> bool:
    """Return whether data begins with the header of a record, by its checksum."""
    return len(data) >= 12 and masked_crc(data[:8]) == struct.unpack("<I", data[8:12])[0]


def records(file: str, data: bytes) -> Iterator[bytes]:
    """Yield each whole record; a last one that is cut off ends the file.

    Args:
        file: its name, for messages.
        data: bytes of the file.

    Raises:
        DataError: when a checksum is wrong.
    """
    at = 0
    while at + 12 <= len(data):
        length, check = struct.unpack("<QI", data[at : at + 12])
        if masked_crc(data[at : at + 8]) != check:
            raise DataError(f"{file}: is damaged at byte {at}; copy it again")
        body = data[at + 12 : at + 12 + length]
        end = at + 16 + length
        if end > len(data):
            return
        own = struct.unpack("<I", data[end - 4 : end])[0]
        if length <= _LARGEST and masked_crc(body) != own:
            raise DataError(f"{file}: is damaged at byte {at + 12}; copy it again")
        yield body
        at = end


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field of a protocol buffer: integers, or raw bytes.

    Raises:
        ValueError: when the message is cut off.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == 2:
            size, at = _varint(message, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError("unknown kind of field")
        if at + size > len(message):
            raise ValueError("field is cut off")
        yield number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message):
            raise ValueError("number is cut off")
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
