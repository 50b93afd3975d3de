import pytest
from pydantic import BaseModel, Field

from medsam.errors import InputError
from medsam.files import atomic, sha256, validated, write_if_new


def test_a_known_hash(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(tmp_path / "a") == known


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a"
    with atomic(path) as temporary:
        temporary.write_bytes(b"old")
        assert not path.exists()
    with pytest.raises(TypeError), atomic(path) as temporary:
        temporary.write_bytes("text is not bytes")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"a": b"old"}


def test_what_did_not_change_keeps_its_time(tmp_path):
    path = tmp_path / "below" / "a"
    assert write_if_new(path, b"1")
    time = path.stat().st_mtime_ns
    assert not write_if_new(path, b"1")
    assert path.stat().st_mtime_ns == time
    assert write_if_new(path, b"2")
    assert path.read_bytes() == b"2"


def test_a_key_that_is_missing_is_named():
    class Kind(BaseModel):
        key: str = Field(description="Name of the dataset.")

    with pytest.raises(InputError, match=r"^own.yaml has no 'key'. Name of the dataset. Add it.$"):
        validated(Kind, {}, "own.yaml")
