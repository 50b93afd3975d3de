"""Downloads from a server on this machine, and archives that a person or somebody else made."""

import hashlib
import io
import os
import tarfile
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from medsam.datasets import fetch as module
from medsam.datasets.catalog import DATA_VARIABLE, Fact, entry
from medsam.datasets.fetch import archives_folder, fetch, find_archives, stem, unpack
from medsam.errors import InputError

MODES = {".tar": "w", ".gz": "w:gz", ".tgz": "w:gz", ".xz": "w:xz"}


def packed(path, members):
    """Pack contents, or special members of tar, as the ending says."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in members.items():
                file.writestr(name, content)
        return path
    with tarfile.open(path, MODES[path.suffix.lower()]) as file:
        for name, content in members.items():
            given = isinstance(content, tarfile.TarInfo)
            info, data = (content, b"") if given else (tarfile.TarInfo(name), content)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


def files(folder):
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


class Server:
    """Serves one file; may drop the connection after some bytes, or ignore ranges."""

    def __init__(self, content):
        self.content, self.cut, self.ranges = content, None, True
        self.asked = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                start = 0
                asked = self.headers.get("Range")
                outer.asked.append(asked)
                if asked and outer.ranges:
                    start = int(asked.removeprefix("bytes=").removesuffix("-"))
                    self.send_response(206)
                else:
                    self.send_response(200)
                rest = outer.content[start:]
                self.send_header("Content-Length", str(len(rest)))
                self.end_headers()
                self.wfile.write(rest[: outer.cut] if outer.cut else rest)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/Task09_Spleen.tar"


@pytest.fixture
def server(tmp_path):
    members = {"Task09_Spleen/imagesTr/spleen_2.nii.gz": bytes(300_000)}
    one = Server(packed(tmp_path / "served.tar", members).read_bytes())
    yield one
    one.http.shutdown()
    one.http.server_close()


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def spleen(server, monkeypatch):
    """Fetch the one archive of the server, of an entry with some changes."""
    md5 = hashlib.md5(server.content).hexdigest()
    archive = Fact(text="Task09_Spleen.tar", md5=md5, url=server.url, known="memory")

    def fetched(**changes):
        one = entry("ct_spleen").model_copy(update={"archives": (archive,), **changes})
        monkeypatch.setattr(module, "entry", lambda key: one)
        return fetch("ct_spleen", progress=False)

    return fetched


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_download_goes_on(data, spleen, server, ranges):
    server.cut, server.ranges = 100_000, ranges
    with pytest.raises(InputError, match=r"cannot be downloaded .*it goes on where it stopped"):
        spleen()
    (part,) = (data / "archives/ct_spleen").iterdir()
    have = part.stat().st_size
    assert (part.name, 0 < have <= 100_000) == ("Task09_Spleen.tar.part", True)
    server.cut = None
    found = spleen()
    assert server.asked[-1] == f"bytes={have}-"
    assert not part.exists()
    assert part.with_suffix("").read_bytes() == server.content
    assert found.steps == ()
    assert (data / "ct_spleen/Task09_Spleen/Task09_Spleen/imagesTr/spleen_2.nii.gz").is_file()
    assert spleen().unpacked == found.unpacked
    assert len(server.asked) == 2  # what is there is not asked for again


def test_another_file_than_expected(data, spleen, server):
    server.content = b"<html>log in</html>"
    with pytest.raises(InputError, match=r"not the expected file .* Allowed: MD5 [0-9a-f]{32}"):
        spleen()
    assert not list((data / "archives/ct_spleen").iterdir())


def test_what_comes_by_itself_is_not_all_where_an_account_is_needed(data, spleen, server):
    found = spleen(access="account")
    assert found.unpacked == (data / "ct_spleen" / "Task09_Spleen",)
    assert found.steps[:-1] == entry("ct_spleen").how_to_get
    (data / "ct_spleen" / "masks").mkdir()  # by hand
    assert spleen(access="account").steps == ()
    assert len(server.asked) == 1


def test_steps_and_then_the_archive_that_was_put_there(data):
    found = fetch("us_nerve", progress=False)
    assert found.unpacked == ()
    assert found.steps[:2] == entry("us_nerve").how_to_get
    where = archives_folder(found.folder)
    assert str(where) in found.steps[-1]
    where.mkdir(parents=True)
    packed(where / "train.tar", {"train/1_1.tif": b"x"})
    again = fetch("us_nerve", progress=False)
    assert again.steps == ()
    assert again.unpacked == (data / "us_nerve" / "train",)


def test_parts_are_joined(tmp_path):
    for end, part in (("aa", b"one"), ("ab", b"two")):
        (tmp_path / f"ge.tar.gz.{end}").write_bytes(part)
    (found,) = find_archives(tmp_path)
    assert (found.name, found.read_bytes()) == ("ge.tar.gz", b"onetwo")
    (tmp_path / "mr.tar.gz.ab").write_bytes(b"x")
    with pytest.raises(InputError, match="'mr.tar.gz': ab. Allowed: aa, ab"):
        find_archives(tmp_path)


# Archives: what is in them comes out, and nothing goes elsewhere.
GOOD = {"Set/images/a.png": b"one", "Set/masks/a.png": b"two"}


KINDS = pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "A.TGZ", "a.tar.xz", "a.zip"])


@KINDS
def test_what_is_in_it_comes_out(tmp_path, name):
    where = unpack(packed(tmp_path / name, GOOD), tmp_path / "out", progress=False)
    assert where == tmp_path / "out" / stem(name)
    assert files(where) == GOOD


@KINDS
def test_torn(tmp_path, name):
    archive = packed(tmp_path / name, {"a.png": os.urandom(200_000)})
    archive.write_bytes(archive.read_bytes()[:100_000])
    with pytest.raises(InputError, match=r"unpacked \(\w+: .*\)\. Allowed: a complete archive"):
        unpack(archive, tmp_path / "out", progress=False)
    assert not list((tmp_path / "out").iterdir())


OUTSIDE = ["../evil", "a/../../evil", "/evil", "..\\evil", "C:/evil", "a/../../../tmp/evil"]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_nothing_is_written_outside(tmp_path, name, kind):
    inside = tmp_path / "deep" / "er"
    inside.mkdir(parents=True)
    archive = packed(tmp_path / f"a.{kind}", {"good.png": b"x", name: b"evil"})
    with pytest.raises(InputError, match="has a member '.*' outside its folder."):
        unpack(archive, inside, progress=False)
    assert not list(tmp_path.rglob("*evil*"))
    assert not list(inside.iterdir())


@pytest.mark.parametrize("kind", ["SYMTYPE", "LNKTYPE", "FIFOTYPE", "CHRTYPE"])
def test_links_and_devices(tmp_path, kind):
    member = tarfile.TarInfo("odd")
    member.type, member.linkname = getattr(tarfile, kind), "/etc/passwd"
    archive = packed(tmp_path / "a.tar", {"a.png": b"x", "odd": member})
    with pytest.raises(InputError, match="has a link or device"):
        unpack(archive, tmp_path / "out", progress=False)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("parts", [0, 1, 4])
def test_a_bomb(tmp_path, parts):
    """By itself, in an archive, and in parts of which each would pass: one budget for all."""
    size = 60_000_000 if parts > 1 else 220_000_000
    bomb = packed(tmp_path / "a.zip", {"a": bytes(size)})
    if parts:
        many = {f"{number}.zip": bomb.read_bytes() for number in range(parts)}
        bomb = packed(tmp_path / "outer.zip", many)
    with pytest.raises(InputError, match=r"unpacks to more than [\d,]+ bytes"):
        unpack(bomb, tmp_path / "out", progress=False)
    assert not list((tmp_path / "out").iterdir())


def test_archives_in_an_archive(tmp_path):
    inner = packed(tmp_path / "in.zip", {"x": b"1"}).read_bytes()
    members = {
        "a.zip": inner,
        "a.unpacked/y": b"2",
        "b.zip": inner,
        "b/y": b"3",
        "b.tar": packed(tmp_path / "in.tar", {"x": b"4"}).read_bytes(),
    }
    where = unpack(packed(tmp_path / "c.zip", members), tmp_path / "out", progress=False)
    wanted = {"a/x": b"1", "a.unpacked/y": b"2", "b.zip/x": b"1", "b/y": b"3", "b.tar/x": b"4"}
    assert files(where) == wanted


def test_a_file_of_the_name_is_no_dataset(tmp_path):
    (tmp_path / "a").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"a' is a file. Allowed: a folder"):
        unpack(packed(tmp_path / "a.zip", GOOD), tmp_path, progress=False)
    assert (tmp_path / "a").read_bytes() == b"mine"
