"""Duke breast MRI: which series is before contrast, which segment is which, and the 2D slices."""

import numpy as np
import pytest
from datasets.layouts.layout_checks import opened, reasons
from datasets.layouts.layout_checks import samples as samples_of
from datasets.layouts.picture_trees import FEMUR, ILIUM, grey, shape, write
from datasets.layouts.scan_trees import TREES, picture, write_dicom

from medsam.datasets.layouts import duke
from medsam.errors import DataError, InputError, UnknownName

TABLE = "Breast-Cancer-MRI-filepath_filename-mapping"


def dataset(root, **options):
    return opened("mri_breast", root, options=options)


def samples(root, **options):
    return samples_of("mri_breast", root, options=options)


def reason(root, **options):
    """Why the first scan that cannot be read cannot."""
    return next((f"{name}|{why}" for name, why in reasons(dataset(root, **options)).items()), "")


# ----------------------------------------------------------------- the series before contrast
def test_by_description_it_is_the_same_series(tmp_path):
    TREES["mri_breast"](tmp_path)
    by_table = samples(tmp_path)
    (tmp_path / f"{TABLE}.csv").unlink()
    by_words = samples(tmp_path, series="description")
    assert by_table.keys() == by_words.keys()
    assert all((by_table[name].image == by_words[name].image).all() for name in by_table)


@pytest.mark.parametrize(
    ("series", "wanted"),
    [
        ([(7, "whatever")], 7),
        ([(3, "ax t1"), (4, "ax dyn pre"), (5, "ax dyn 1st pass"), (6, "ax dyn 2nd pass")], 4),
        ([(9, "ax 3d dyn"), (900, "Ph1ax 3d dyn"), (901, "Ph2ax 3d dyn"), (2, "ax t1")], 9),
        ([(5, "Ax Vibrant MultiPhase"), (500, "Ph1/Ax Vibrant MultiPhase")], 5),
        ([(12, "ax dynamic"), (10, "ax dynamic"), (11, "ax dynamic")], 10),
        ([(4, "ax dyn pre"), (5, "ax dyn post"), (6, "sag prevent")], 4),
        ([(4, "ax T1"), (5, "ax T2")], None),
        ([(4, "ax dyn left"), (5, "ax dyn right")], None),
    ],
)
def test_by_description(series, wanted, tmp_path):
    folders = []
    for number, words in series:
        folder = tmp_path / str(number)
        write_dicom(folder, picture(1)[:1], number=number, about=words)
        folders.append(folder)
    if wanted is not None:
        assert duke.by_description("a", folders) == tmp_path / str(wanted)
        return
    with pytest.raises(DataError, match=r"which of 2 series is before contrast .*\(4 'ax"):
        duke.by_description("a", folders)


@pytest.mark.parametrize(
    "rename",
    [lambda old: f"600.000000-pre-{old[-5:]}", lambda old: f"1.3.6.1.4.1.14519.5.2.1.30{old[-5:]}"],
    ids=["other words", "UID"],
)
def test_by_table_of_another_download_tool(rename, tmp_path):
    """Folders that have the number of the series in common with the table, and no more."""
    TREES["mri_breast"](tmp_path)
    wanted = samples(tmp_path)
    for folder in list(tmp_path.glob("Duke-Breast-Cancer-MRI/*/*/*pre-*")):
        folder.rename(folder.with_name(rename(folder.name)))
    found = samples(tmp_path)
    assert found.keys() == wanted.keys()
    assert all((found[name].image == wanted[name].image).all() for name in wanted)
    for folder in list(tmp_path.glob("Duke-Breast-Cancer-MRI/*/*/*40817")):
        folder.rename(folder.with_name("3.000000-x-140817"))  # a longer number is another one
    assert "0 are among the 3 folders" in reason(tmp_path)


def test_flagged_patients_can_be_left_out(tmp_path):
    TREES["mri_breast"](tmp_path)
    assert {one.group for one in samples(tmp_path).values()} == {"Breast_MRI_002", "Breast_MRI_246"}
    left = dataset(tmp_path, flagged="drop")
    assert {case.group for case in left.cases()} == {"Breast_MRI_002"}
    assert left.settings["flagged"] == "drop"


# ----------------------------------------------------------------- the slices of the supplement
@pytest.mark.parametrize(("ending", "value"), [("png", 255), ("PNG", 1), ("tif", 255)])
def test_slices(ending, value, tmp_path):
    names = [f"Breast_MRI_{patient}_pre_{at}" for patient in ("007", "629") for at in (60, 100)]
    for name in names:
        write(
            tmp_path / "2D",
            {
                f"imgs/{name}.{ending}": grey(),
                f"masks_breast/{name}.{ending}": shape(ILIUM, value=value, dtype=np.uint8),
                f"masks_dense-tissue/{name}.{ending}": shape(FEMUR, value=value, dtype=np.uint8),
            },
        )
    found = samples(tmp_path)
    assert list(found) == sorted(names)
    for name, sample in found.items():
        assert sample.group == name[:14]
        assert (sample.masks["mri_breast_breast"] == shape(ILIUM)).all()
        assert (sample.masks["mri_breast_fgt"] == shape(FEMUR)).all()
    assert dataset(tmp_path).settings == {"intensity": "max"}
    (tmp_path / "2D" / "masks_dense-tissue" / f"{names[0]}.{ending}").unlink()
    assert f"{names[0]}|Image '{names[0]}.{ending}' has no dense tissue" in reason(tmp_path)
    # What belongs to the other form is refused, and so are both at once.
    with pytest.raises(UnknownName, match="series"):
        dataset(tmp_path, series="table")
    TREES["mri_breast"](tmp_path / "3D")
    with pytest.raises(InputError, match="two forms of the dataset"):
        dataset(tmp_path)
