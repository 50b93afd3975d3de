"""The catalog as a page: overview, cards, counts and examples of what is on disk."""

import json
from html.parser import HTMLParser
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from toys import write_volume

from medsam.datasets.catalog import DATA_VARIABLE, catalog, parse
from medsam.datasets.check import check
from medsam.datasets.layouts import open_dataset
from medsam.errors import InputError, UnknownName
from medsam.pages import datasets
from medsam.pages.datasets import NOT_RUN, cards, overview

JSON = Path(__file__).parents[2] / "medsam" / "datasets" / "catalog.json"


def flat(text):
    return " ".join(text.split())


class Tags(HTMLParser):
    """Every element closed in order; attributes and text kept."""

    def __init__(self, html):
        super().__init__()
        self.open, self.ids, self.links, self.text = [], [], [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag != "br":
            self.open.append(tag)
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.text += text


def test_overview_leads_to_the_cards():
    rows, whole = Tags(datasets.overview()._repr_html_()), Tags(datasets.cards()._repr_html_())
    assert rows.open == whole.open == []
    assert rows.links == [f"#{name}" for name in whole.ids]
    assert len(set(whole.ids)) == 19
    assert rows.text.count("unverified") == rows.text.count(datasets.NOT_RUN) == 19
    assert rows.text.count(" ?") == 19


def test_cards_of_a_modality():
    assert len(Tags(datasets.cards("MRI")._repr_html_()).ids) == 5


def test_cards_say_all():
    text = flat(Tags(datasets.cards()._repr_html_()).text)
    for one in catalog().values():
        for part in (one.name, one.licence_words, one.format, *one.how_to_get, *one.caveats):
            assert flat(part) in text


def test_markup_is_escaped():
    raw = json.loads(JSON.read_text())
    raw[0]["title"] = raw[0]["name"] = '<script src="x">&'
    raw[0]["home"][0]["address"] = 'x"onclick="y'
    one = parse(json.dumps(raw))["mri_spine"]
    html = datasets.card(one) + datasets.overview([one]).html
    assert "<script" not in html
    assert 'x"onclick' not in html
    assert "&lt;script" in html


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    return tmp_path


def spleen(folder, number, slices, image=True):
    labels = np.zeros((12, 10, 6), np.uint8)
    labels[2:6, 3:8, slices] = 1
    if image:
        write_volume(folder / f"imagesTr/spleen_{number}.nii.gz", labels.astype(np.int16) * 40)
    write_volume(folder / f"labelsTr/spleen_{number}.nii.gz", labels)


def organs(folder):
    labels = np.zeros((12, 10, 6), np.uint8)
    labels[2:6, 3:8, 1:4] = 1
    labels[8:10, 1:3, 2:6] = 5
    write_volume(folder / "OrganSegmentations/volume-0.nii.gz", labels.astype(np.int16) * 40)
    write_volume(folder / "OrganSegmentations/labels-0.nii.gz", labels)


def busi(folder):
    for name, mask in (("a (1)", 255), ("a (2)", 0)):
        kind = "benign" if mask else "normal"
        name = name.replace("a", kind)
        where = folder / "Dataset_BUSI_with_GT" / kind
        where.mkdir(parents=True)
        iio.imwrite(where / f"{name}.png", np.full((8, 9, 3), 90, np.uint8))
        stored = np.zeros((8, 9), np.uint8)
        stored[2:4, 2:4] = mask
        iio.imwrite(where / f"{name}_mask.png", stored)


def test_the_table_shows_the_counts(data):
    spleen(data / "ct_spleen", 2, [1])
    spleen(data / "ct_spleen", 3, [1], image=False)
    organs(data / "ct_organ")
    found = {
        key: check(open_dataset(key, data / key, progress=False), progress=False)
        for key in ("ct_spleen", "ct_organ")
    }
    html = overview(found=found).html
    assert ">1<br>1 cannot be used</td>" in html
    assert ">5<br>ct_organ_liver: 3<br>" in html
    assert html.count(NOT_RUN) == 17


def test_examples_of_what_is_at_hand(data):
    spleen(data / "ct_spleen", 2, [1, 2, 3])
    busi(data / "us_breast")
    shown = datasets.examples()
    assert shown["ct_spleen"].uri.startswith("data:image/png;base64,")
    assert shown["ct_spleen"].words.startswith("spleen_2/axial-0002, with the outline of spleen.")
    assert shown["us_breast"].words == "None: its licence does not say that an image may be shown."
    assert shown["ct_colon"].words.startswith("None: its images were not at hand")
    assert datasets.examples("all")["us_breast"].uri
    assert not any(one.uri for one in datasets.examples("none").values())
    html = cards("CT", shown).html
    assert html.count("<img ") == 1
    assert 'alt="spleen_2/axial-0002, with the outline of spleen.' in html


def test_nothing_to_show(data):
    spleen(data / "ct_spleen", 3, [1], image=False)
    dataset = open_dataset("ct_spleen", data / "ct_spleen", progress=False)
    with pytest.raises(InputError, match=r"none of 1 cases can be shown.*data check ct_spleen"):
        datasets.telling(dataset)
    assert "can be shown" in datasets.examples()["ct_spleen"].words
    with pytest.raises(UnknownName, match="Unknown choice of what to show 'some'"):
        datasets.examples("some")
