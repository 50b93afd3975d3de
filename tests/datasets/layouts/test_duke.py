"""Duke breast MRI: which series is before contrast, and which segment is which."""

import pytest
from datasets.layouts.layout_checks import opened, reasons
from datasets.layouts.layout_checks import samples as samples_of
from datasets.layouts.scan_trees import TREES, picture, write_dicom

from medsam.datasets.layouts import duke
from medsam.errors import DataError

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
    folders = {}
    for number, words in series:
        folder = tmp_path / str(number)
        write_dicom(folder, picture(1)[:1], number=number, about=words)
        folders[folder] = list(folder.iterdir())
    if wanted is not None:
        assert duke.by_description("a", folders) == tmp_path / str(wanted)
        return
    with pytest.raises(DataError, match=r"which of 2 series is before contrast .*\(4 'ax"):
        duke.by_description("a", folders)


def test_flagged_patients_can_be_left_out(tmp_path):
    TREES["mri_breast"](tmp_path)
    assert {one.group for one in samples(tmp_path).values()} == {"Breast_MRI_002", "Breast_MRI_246"}
    left = dataset(tmp_path, flagged="drop")
    assert {case.group for case in left.cases()} == {"Breast_MRI_002"}
    assert left.settings["flagged"] == "drop"
