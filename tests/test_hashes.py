import pytest

from medsam.files import sha256


def test_a_known_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(tmp_path / "a") == known


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        sha256(tmp_path / "a")
