"""Write GGUF v3 files with the standard library alone.

Owns the container's layout (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): header, key-values, tensor
table, aligned data; little-endian on every machine, so that equal input gives equal bytes everywhere. Knows nothing of
models; numbers become F32, other types are given as bytes. Called by chain_model.py and tests/models.
"""

import struct
from array import array
from collections.abc import Iterable
from pathlib import Path

ALIGNMENT = 32  # the format's default for general.alignment
F32 = 0  # ggml_type of 32-bit floats
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9  # gguf_metadata_value_type


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _scalar(value: bool | int | float | str) -> tuple[int, bytes]:
    """Return a value's type number and bytes; a bool is tested first because it is an int too."""
    if isinstance(value, bool):
        return BOOL, struct.pack("<?", value)
    if isinstance(value, int):
        return UINT32, struct.pack("<I", value)
    if isinstance(value, float):
        return FLOAT32, struct.pack("<f", value)
    return STRING, _text(value)


class Gguf:
    """One file in the making: set() its keys, tensor() its weights, then write() it once."""

    def __init__(self, architecture: str) -> None:
        self._keys: list[bytes] = []
        self._tensors: list[tuple[str, tuple[int, ...], int, int, bytes]] = []
        self.set("general.architecture", architecture)
        self.set("general.alignment", ALIGNMENT)

    def set(self, key: str, value: bool | int | float | str) -> None:
        """Add one scalar: ints are written as uint32, floats as float32."""
        kind, data = _scalar(value)
        self._keys.append(_text(key) + struct.pack("<I", kind) + data)

    def set_list(self, key: str, values: Iterable[int] | Iterable[float] | Iterable[str]) -> None:
        """Add an array of strings, of float32 when one of them is a float, or of int32."""
        items = list(values)
        if all(isinstance(item, str) for item in items):
            kind, body = STRING, b"".join(_text(str(item)) for item in items)
        elif any(isinstance(item, float) for item in items):
            kind, body = FLOAT32, struct.pack(f"<{len(items)}f", *items)
        else:
            kind, body = INT32, struct.pack(f"<{len(items)}i", *items)
        self._keys.append(_text(key) + struct.pack("<IIQ", ARRAY, kind, len(items)) + body)

    def tensor(self, name: str, rows: int, columns: int, values: Iterable[float]) -> None:
        """Add a matrix given row by row, or a vector when rows is 0."""
        data = array("f", values)
        if len(data) != max(rows, 1) * columns:
            raise ValueError(f"{name} has {len(data)} values, not {rows} x {columns}")
        if struct.pack("=H", 1) != struct.pack("<H", 1):
            data.byteswap()
        # ggml names the fastest-running dimension first
        block = data.tobytes()
        self._tensors.append((name, (columns, rows) if rows else (columns,), F32, len(block), block))

    def raw(self, name: str, shape: tuple[int, ...], kind: int, length: int, block: bytes) -> None:
        """Add a tensor of a ggml_type, fastest-running dimension first: `block` over and over up to `length` bytes."""
        self._tensors.append((name, shape, kind, length, block))

    def write(self, path: Path) -> None:
        """Write the file, replacing path in one step so that no reader ever sees half of it."""
        head = [b"GGUF", struct.pack("<IQQ", 3, len(self._tensors), len(self._keys)), *self._keys]
        offset = 0
        for name, shape, kind, length, _ in self._tensors:
            head.append(
                _text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape) + struct.pack("<IQ", kind, offset)
            )
            offset += length + -length % ALIGNMENT
        header = b"".join(head)
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(path.name + ".part")
        with half.open("wb") as file:
            file.write(header + bytes(-len(header) % ALIGNMENT))
            for _, _, _, length, block in self._tensors:
                for start in range(0, length, len(block)):
                    file.write(block[: length - start])
                file.write(bytes(-length % ALIGNMENT))
        half.replace(path)
