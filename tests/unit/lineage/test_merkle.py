"""The Merkle tree: that of RFC 6962, no two lists share a root, and audit paths prove one leaf."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caretune.lineage import merkle

# Test vectors of Certificate Transparency's reference tree for the leaves below.
LEAVES = [
    b"", b"\x00", b"\x10", b" !", b"01", b"@ABC", b"PQRSTUVW", b"`abcdefghijklmno",
]  # fmt: skip
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.mark.parametrize("size", sorted(ROOTS))
def test_roots_are_those_of_the_standard(size):
    """The first `size` leaves have the published root."""
    assert merkle.root(LEAVES[:size]) == ROOTS[size]


def test_no_leaves_hash_to_the_hash_of_nothing():
    """RFC 6962: the root of the empty list is sha256 of the empty string."""
    assert merkle.root([]) == hashlib.sha256(b"").hexdigest()


def _plain(leaves):
    """RFC 6962 section 2.1 word for word: split at the largest power of two below n."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    middle = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + _plain(leaves[:middle]) + _plain(leaves[middle:])).digest()


def _plain_path(leaves, index):
    """RFC 6962 section 2.1.1 word for word."""
    if len(leaves) == 1:
        return []
    middle = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < middle:
        return [*_plain_path(leaves[:middle], index), _plain(leaves[middle:])]
    return [*_plain_path(leaves[middle:], index - middle), _plain(leaves[:middle])]


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=40))
def test_the_loop_equals_the_recursive_definition(leaves):
    """A counter over a stream, and all levels, give what the standard's recursion gives."""
    assert merkle.root(iter(leaves)) == _plain(leaves).hex()
    assert merkle.levels(leaves)[-1] == [_plain(leaves)]


@given(st.lists(st.binary(max_size=4), max_size=8), st.lists(st.binary(max_size=4), max_size=8))
def test_other_leaves_have_another_root(one, other):
    """Order, number and content of leaves all count."""
    assert (merkle.root(one) == merkle.root(other)) == (one == other)


@pytest.mark.parametrize("size", [*range(1, 20), 31, 32, 33, 63, 64, 65, 100])
def test_every_leaf_of_every_size_has_a_path_to_the_root(size):
    """Also of odd counts, where a node moves up unchanged; the path is that of the standard."""
    leaves = [str(n).encode() for n in range(size)]
    tree = merkle.levels(leaves)
    for index, leaf in enumerate(leaves):
        siblings = merkle.path(tree, index)
        assert siblings == _plain_path(leaves, index)
        assert merkle.root_from(leaf, index, size, siblings) == merkle.root(leaves)


@given(st.data())
def test_a_path_proves_one_leaf_at_one_place(data):
    """Another leaf, place, sibling, a shorter or a longer path: not the root."""
    size = data.draw(st.integers(2, 40))
    leaves = [str(n).encode() for n in range(size)]
    index, other = data.draw(st.permutations(range(size)))[:2]
    siblings = merkle.path(merkle.levels(leaves), index)
    root, leaf = merkle.root(leaves), leaves[index]
    place = data.draw(st.integers(0, len(siblings) - 1))
    flipped = [s[:-1] + bytes([s[-1] ^ (n == place)]) for n, s in enumerate(siblings)]
    assert merkle.root_from(leaves[other], index, size, siblings) != root
    assert merkle.root_from(leaf, other, size, siblings) != root
    assert merkle.root_from(leaf, index, size, flipped) != root
    assert merkle.root_from(leaf, index, size, siblings[:-1]) != root
    assert merkle.root_from(leaf, index, size, [*siblings, siblings[0]]) != root


@pytest.mark.parametrize("index", [-1, 3, 4])
def test_a_place_outside_the_tree_has_no_root(index):
    """An index below 0 or past the last leaf proves nothing."""
    assert merkle.root_from(b"0", index, 3, [b"x" * 32] * 2) is None
