"""Archives that somebody else made: what is in them comes out, and nothing goes elsewhere."""

import io
import os
import stat
import tarfile
import zipfile

import pytest

from medsam.datasets import fetch
from medsam.datasets.fetch import stem, unpack
from medsam.errors import InputError

GOOD = {"Set/images/a.png": b"one", "Set/masks/a.png": b"two"}


def tar(path, members, mode="w"):
    with tarfile.open(path, mode) as file:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
            else:
                file.addfile(info)
    return path


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("A.TGZ", "w:gz"), ("a.tar.xz", "w:xz")],
)
def test_tar(tmp_path, name, mode):
    where = unpack(tar(tmp_path / name, GOOD, mode), tmp_path / "out", progress=False)
    assert where == tmp_path / "out" / stem(name)
    assert files(where) == GOOD


def test_zip_with_folders(tmp_path):
    members = {"Set/": b"", "Set/masks/": b"", **GOOD}
    assert files(unpack(zipped(tmp_path / "a.zip", members), tmp_path, progress=False)) == GOOD


def test_archives_inside(tmp_path):
    inner = zipped(tmp_path / "train.zip", {"train/1_1.tif": b"x"}).read_bytes()
    outer = zipped(tmp_path / "outer.zip", {"train.zip": inner, "a.csv": b"y"})
    where = unpack(outer, tmp_path / "out", progress=False)
    assert files(where) == {"train/train/1_1.tif": b"x", "a.csv": b"y"}


def test_what_is_there_is_not_touched(tmp_path):
    archive = tar(tmp_path / "a.tar", GOOD)
    (tmp_path / "out" / "a").mkdir(parents=True)
    assert files(unpack(archive, tmp_path / "out", progress=False)) == {}


def test_a_cut_run_leaves_nothing_that_passes_for_whole(tmp_path):
    (tmp_path / ".a.unpacking").mkdir()
    (tmp_path / ".a.unpacking" / "half.png").write_bytes(b"half")
    archive = tar(tmp_path / "a.tar", GOOD)
    assert files(unpack(archive, tmp_path, progress=False)) == GOOD


OUTSIDE = ["../evil", "a/../../evil", "/evil", "..\\evil", "C:/evil", "a/../../../tmp/evil"]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_nothing_is_written_outside(tmp_path, name, kind):
    inside = tmp_path / "deep" / "er"
    inside.mkdir(parents=True)
    make = tar if kind == "tar" else zipped
    archive = make(tmp_path / f"a.{kind}", {"good.png": b"x", name: b"evil"})
    with pytest.raises(
        InputError, match=r"Archive 'a\.\w+' has a member '.*' outside its folder\."
    ):
        unpack(archive, inside, progress=False)
    assert not list(tmp_path.rglob("*evil*"))
    assert not list(inside.iterdir())


@pytest.mark.parametrize(
    "member",
    [
        special("link", tarfile.SYMTYPE, "/etc/passwd"),
        special("link", tarfile.LNKTYPE, "../x"),
        special("pipe", tarfile.FIFOTYPE),
        special("device", tarfile.CHRTYPE),
    ],
    ids=["symlink", "hardlink", "pipe", "device"],
)
def test_links_and_devices(tmp_path, member):
    archive = tar(tmp_path / "a.tar", {"a.png": b"x", member.name: member})
    with pytest.raises(
        InputError, match=rf"has a link or device: '{member.name}'\. Allowed: plain"
    ):
        unpack(archive, tmp_path / "out", progress=False)
    assert not list((tmp_path / "out").iterdir())


def test_a_link_in_a_zip(tmp_path):
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(info, "/etc/passwd")
    with pytest.raises(InputError, match="has a link or device: 'link'"):
        unpack(tmp_path / "a.zip", tmp_path / "out", progress=False)


def test_a_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "_FREE", 1000)
    archive = zipped(tmp_path / "a.zip", {"a": bytes(10_000_000)})
    with pytest.raises(
        InputError, match=r"unpacks to more than [\d,]+ bytes\. Allowed: at most 500"
    ):
        unpack(archive, tmp_path / "out", progress=False)
    assert not list((tmp_path / "out").iterdir())


def test_a_bomb_inside(tmp_path, monkeypatch):
    inner = zipped(tmp_path / "inner.zip", {"a": bytes(10_000_000)}).read_bytes()
    archive = zipped(tmp_path / "a.zip", {"inner.zip": inner})
    monkeypatch.setattr(fetch, "_FREE", 1000)
    with pytest.raises(InputError, match="Archive 'inner.zip' unpacks to more than"):
        unpack(archive, tmp_path / "out", progress=False)


def test_too_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "MOST_FILES", 2)
    archive = tar(tmp_path / "a.tar", {str(i): b"" for i in range(3)})
    with pytest.raises(InputError, match=r"holds more than 2 files\. Allowed: fewer"):
        unpack(archive, tmp_path / "out", progress=False)


def test_a_member_twice(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        for _ in range(2):
            file.addfile(tarfile.TarInfo("a.png"))
    with pytest.raises(InputError, match=r"has a member twice: 'a\.png'"):
        unpack(tmp_path / "a.tar", tmp_path / "out", progress=False)


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tar.xz", "a.zip"])
def test_torn(tmp_path, name):
    mode = {"a.tar": "w", "a.tar.gz": "w:gz", "a.tar.xz": "w:xz"}.get(name)
    members = {"a.png": os.urandom(200_000)}
    archive = tar(tmp_path / name, members, mode) if mode else zipped(tmp_path / name, members)
    archive.write_bytes(archive.read_bytes()[:100_000])
    with pytest.raises(
        InputError, match=r"cannot be read \(\w+: .*\)\. Allowed: a complete archive"
    ):
        unpack(archive, tmp_path / "out", progress=False)
    assert not list((tmp_path / "out").iterdir())


def test_damaged_in_the_middle(tmp_path):
    archive = tar(tmp_path / "a.tar.gz", {"a.png": os.urandom(200_000)}, "w:gz")
    data = bytearray(archive.read_bytes())
    data[90_000:90_400] = b"\0" * 400
    archive.write_bytes(data)
    with pytest.raises(InputError, match=r"cannot be read"):
        unpack(archive, tmp_path / "out", progress=False)


def test_no_archive(tmp_path):
    (tmp_path / "a.rar").write_bytes(b"Rar!")
    with pytest.raises(InputError, match=r"'a.rar' is no archive by its name\. Allowed: \.tar\.gz"):
        unpack(tmp_path / "a.rar", tmp_path / "out", progress=False)
