"""The fingerprint of this machine."""

from importlib import metadata

from caretune.lineage import fingerprint


def test_a_fingerprint_names_versions_threads_and_processor():
    """What makes bytes differ is in it; what does not, such as a host name, is not."""
    found = fingerprint.machine("AVX2", threads=3, dtype="float32")
    assert found.torch == metadata.version("torch")
    assert found.peft == metadata.version("peft")
    assert (found.cpu_capability, found.threads, found.dtype) == ("AVX2", 3, "float32")
    assert fingerprint.machine("AVX2", threads=3, dtype="float32") == found
    assert fingerprint.machine("AVX2", threads=2, dtype="float32") != found
