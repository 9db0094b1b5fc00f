"""A Merkle tree over row hashes, after RFC 6962 section 2.1 (leaf prefix 0, node prefix 1)."""

import hashlib
from collections.abc import Sequence

_EMPTY = hashlib.sha256(b"").hexdigest()


def root(leaves: Sequence[bytes]) -> str:
    """Return the Merkle tree hash of the leaves, in hex; sha256 of nothing for no leaves."""
    level = [hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves]
    if not level:
        return _EMPTY
    while len(level) > 1:
        paired = [
            hashlib.sha256(b"\x01" + left + right).digest()
            for left, right in zip(level[::2], level[1::2], strict=False)
        ]
        level = paired + level[len(paired) * 2 :]  # an odd last node moves up unchanged
    return level[0].hex()
