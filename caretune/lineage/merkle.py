"""A Merkle tree over row hashes, after RFC 6962 section 2.1 (leaf prefix 0, node prefix 1)."""

import hashlib
from collections.abc import Iterable, Sequence

_EMPTY = hashlib.sha256(b"").hexdigest()


def root(leaves: Iterable[bytes]) -> str:
    """Return the Merkle tree hash of the leaves, in hex; sha256 of nothing for no leaves.

    The leaves are read once; of the tree only the right edge is in memory.
    """
    # Whole subtrees of falling size, (levels, hash), as a binary counter of the leaves so far.
    whole: list[tuple[int, bytes]] = []
    for leaf in leaves:
        level, node = 0, _leaf(leaf)
        while whole and whole[-1][0] == level:
            node = _node(whole.pop()[1], node)
            level += 1
        whole.append((level, node))
    if not whole:
        return _EMPTY
    _, right = whole.pop()
    while whole:
        right = _node(whole.pop()[1], right)
    return right.hex()


def levels(leaves: Iterable[bytes]) -> list[list[bytes]]:
    """Return all hashes of the tree, leaves first, the root alone last; about 150 bytes a leaf."""
    tree = [[_leaf(leaf) for leaf in leaves]]
    while len(tree[-1]) > 1:
        below = tree[-1]
        paired = [_node(*pair) for pair in zip(below[::2], below[1::2], strict=False)]
        tree.append(paired + below[len(paired) * 2 :])  # an odd last node moves up unchanged
    return tree


def path(tree: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    """Return the audit path of the leaf at an index from 0: the siblings from it to the root.

    At most ceil(log2 n) hashes of 32 bytes: 20 for 608,458 leaves.
    """
    places = [(level, index >> height ^ 1) for height, level in enumerate(tree[:-1])]
    return [level[place] for level, place in places if place < len(level)]


def root_from(leaf: bytes, index: int, size: int, siblings: Sequence[bytes]) -> str | None:
    """Return the root, in hex, that an audit path gives for a leaf; None where it does not fit.

    Args:
        leaf: The bytes of the leaf.
        index: Its place, from 0.
        size: Leaves of the tree.
        siblings: The audit path, from the leaf to the root (RFC 9162 section 2.1.3.2).
    """
    if not 0 <= index < size:
        return None
    node, last = _leaf(leaf), size - 1
    for sibling in siblings:
        if not last:
            return None
        if index % 2 or index == last:
            node = _node(sibling, node)
            while not index % 2 and index:  # levels at which the node moved up unchanged
                index, last = index // 2, last // 2
        else:
            node = _node(node, sibling)
        index, last = index // 2, last // 2
    return None if last else node.hex()


def _leaf(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
