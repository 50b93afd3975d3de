"""The catalog as a page: overview, cards, counts and examples of what is on disk."""

import imageio.v3 as iio
import numpy as np
from bs4 import BeautifulSoup
from toys import write_volume

from medsam.datasets.catalog import DATA_VARIABLE, catalog
from medsam.datasets.check import check
from medsam.datasets.layouts.layout import open_dataset
from medsam.pages import datasets
from medsam.pages.datasets import NOT_RUN, cards, overview


def read(table):
    return BeautifulSoup(table.html, "html.parser")


def test_overview_leads_to_the_cards_which_say_all():
    rows, whole = read(overview()), read(cards())
    names = [tag["id"] for tag in whole.select("[id]")]
    assert [a["href"] for a in rows.select("a")] == [f"#{name}" for name in names]
    assert len(set(names)) == 19
    assert rows.get_text().count(NOT_RUN) == 19
    text = " ".join(whole.get_text().split())
    for one in catalog().values():
        for part in (one.name, one.licence_words, one.format, *one.how_to_get, *one.caveats):
            assert " ".join(str(part).split()) in text
    assert len(read(cards("MRI")).select("[id]")) == 5


def spleen(folder, number, slices, image=True):
    labels = np.zeros((12, 10, 6), np.uint8)
    labels[2:6, 3:8, slices] = 1
    if image:
        write_volume(folder / f"imagesTr/spleen_{number}.nii.gz", labels.astype(np.int16) * 40)
    write_volume(folder / f"labelsTr/spleen_{number}.nii.gz", labels)


def busi(folder):
    for name, mask in (("benign", 255), ("normal", 0)):
        where = folder / "Dataset_BUSI_with_GT" / name
        where.mkdir(parents=True)
        iio.imwrite(where / f"{name} (1).png", np.full((8, 9, 3), 90, np.uint8))
        iio.imwrite(where / f"{name} (1)_mask.png", np.full((8, 9), mask, np.uint8))


def test_the_table_shows_the_counts(tmp_path):
    spleen(tmp_path, 2, [1])
    spleen(tmp_path, 3, [1], image=False)
    found = check(open_dataset("ct_spleen", tmp_path, progress=False), progress=False)
    html = overview(found={"ct_spleen": found}).html
    assert ">1<br>1 cannot be used</td>" in html
    assert html.count(NOT_RUN) == 18


def test_examples_of_what_is_at_hand(tmp_path, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    spleen(tmp_path / "ct_spleen", 2, [1, 2, 3])
    busi(tmp_path / "us_breast")
    shown = datasets.examples()
    assert shown["us_breast"] == "None: its licence does not say that an image may be shown."
    assert shown["ct_colon"].startswith("None: its images were not at hand")
    assert "<img" in datasets.examples("all")["us_breast"]
    assert not any("<img" in one for one in datasets.examples("none").values())
    (image,) = read(cards("CT", shown)).select("img")
    assert image["src"].startswith("data:image/png;base64,")
    assert image["alt"].startswith("spleen_2/axial-0002, with the outline of spleen.")
