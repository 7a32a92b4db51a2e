"""What the writers of version 2 have packed columns with: deflate, and LZMA2 in the batches of older gateways."""

import lzma
from collections.abc import Callable, Mapping

from aircue_gateway.batches import v2


def _lzma2(data: bytes) -> bytes:
    """With tables no larger than the data is worth, as gateways did."""
    size = min(max(4096, len(data)), 1 << 20)
    return lzma.compress(data, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": size}])


PACK: Mapping[int, Callable[[bytes], bytes]] = {1: v2._deflate, 2: _lzma2}
