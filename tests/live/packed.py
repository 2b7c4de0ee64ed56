"""msgpack, as far as the forward protocol needs it (https://github.com/msgpack/msgpack/blob/master/spec.md)."""

import struct


class Incomplete(Exception):
    """There is more to come."""


class Extension(tuple):
    """(type, bytes)"""


class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, length):
        if self.at + length > len(self.data):
            raise Incomplete
        self.at += length
        return bytes(self.data[self.at - length:self.at])

    def number(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(form)))[0]

    def sequence(self, count):
        return [self.value() for _ in range(count)]

    def mapping(self, count):
        pairs = [(self.value(), self.value()) for _ in range(count)]
        if len(dict(pairs)) != count:
            raise ValueError("a key that is there twice")
        return dict(pairs)

    def extension(self, length):
        return Extension((self.number("b"), self.take(length)))

    def value(self):
        first = self.number("B")
        if first < 0x80 or first >= 0xe0:
            return first if first < 0x80 else first - 0x100
        if first < 0x90:
            return self.mapping(first & 0xf)
        if first < 0xa0:
            return self.sequence(first & 0xf)
        if first < 0xc0:
            return self.take(first & 0x1f).decode()
        return self.long(first)

    def long(self, first):
        simple = {0xc0: None, 0xc2: False, 0xc3: True}
        numbers = {0xca: "f", 0xcb: "d", 0xcc: "B", 0xcd: "H", 0xce: "I", 0xcf: "Q", 0xd0: "b", 0xd1: "h", 0xd2: "i",
                   0xd3: "q"}
        sized = {0xc4: ("B", self.take), 0xc5: ("H", self.take), 0xc6: ("I", self.take),
                 0xc7: ("B", self.extension), 0xc8: ("H", self.extension), 0xc9: ("I", self.extension),
                 0xd9: ("B", self.text), 0xda: ("H", self.text), 0xdb: ("I", self.text),
                 0xdc: ("H", self.sequence), 0xdd: ("I", self.sequence),
                 0xde: ("H", self.mapping), 0xdf: ("I", self.mapping)}
        if first in simple:
            return simple[first]
        if first in numbers:
            return self.number(numbers[first])
        if 0xd4 <= first <= 0xd8:
            return self.extension(1 << (first - 0xd4))
        form, read = sized[first]
        return read(self.number(form))

    def text(self, length):
        return self.take(length).decode()


def unpack_all(data):
    """The values that stand one behind the other."""
    reader, values = Reader(data), []
    while reader.at < len(data):
        values.append(reader.value())
    return values


def pack(value):
    """Texts, bytes, numbers of 32 bits, lists and dicts."""
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        return b"\xce" + struct.pack(">I", value)
    if isinstance(value, (str, bytes)):
        data = value.encode() if isinstance(value, str) else value
        return (b"\xdb" if isinstance(value, str) else b"\xc6") + struct.pack(">I", len(data)) + data
    if isinstance(value, dict):
        return b"\xdf" + struct.pack(">I", len(value)) + b"".join(pack(key) + pack(value[key]) for key in value)
    return b"\xdd" + struct.pack(">I", len(value)) + b"".join(map(pack, value))
