"""Duke breast MRI: which series is before contrast, and which segment is which."""

import numpy as np
import pandas as pd
import pytest
from datasets.layouts.layout_checks import opened, reasons
from datasets.layouts.layout_checks import samples as samples_of
from datasets.layouts.scan_trees import SHAPE, TREES, breast, picture, write_dicom, write_segments

from medsam.datasets.layouts import duke
from medsam.errors import DataError, InputError

TABLE = "Breast-Cancer-MRI-filepath_filename-mapping"


def dataset(root, **options):
    return opened("mri_breast", root, options=options)


def samples(root, **options):
    return samples_of("mri_breast", root, options=options)


def reason(root, **options):
    """Why the first scan that cannot be read cannot."""
    return next((f"{name}|{why}" for name, why in reasons(dataset(root, **options)).items()), "")


def segments_file(root, patient, part):
    case = f"Breast_MRI_{patient}"
    return root / "Segmentation_Masks_NRRD" / case / f"Segmentation_{case}_{part}.seg.nrrd"


# ----------------------------------------------------------------- the series before contrast
def test_by_description_it_is_the_same_series(tmp_path):
    TREES["mri_breast"](tmp_path)
    by_table = samples(tmp_path)
    (tmp_path / f"{TABLE}.csv").unlink()
    by_words = samples(tmp_path, series="description")
    assert by_table.keys() == by_words.keys()
    assert all((by_table[name].image == by_words[name].image).all() for name in by_table)


def test_without_the_table_one_has_to_choose(tmp_path):
    TREES["mri_breast"](tmp_path)
    (tmp_path / f"{TABLE}.csv").unlink()
    with pytest.raises(InputError, match=rf"no table {TABLE} .*--option series=description"):
        dataset(tmp_path)


def test_a_series_that_the_table_does_not_name(tmp_path):
    TREES["mri_breast"](tmp_path)
    table = tmp_path / f"{TABLE}.csv"
    table.write_text(table.read_text().replace("4.000000-ax dyn pre-40817", "9.0-other-1"))
    words = reason(tmp_path)
    assert words.startswith("Breast_MRI_002|Breast_MRI_002: the table names 9.0-other-1 or b, of ")
    assert "which 0 are among the 3 folders" in words


def test_table_with_classic_paths(tmp_path):
    path = tmp_path / f"{TABLE}.csv"
    path.write_text(
        "original_path_and_filename,classic_path\n"
        "DICOM_Images/Breast_MRI_001/pre/a.dcm,Duke/Breast_MRI_001/1.3.6/1.3.7//1-01.dcm\n"
        "DICOM_Images/Breast_MRI_001/post_1/a.dcm,Duke/Breast_MRI_001/1.3.6/1.3.8/1-01.dcm\n"
        "DICOM_Images/Breast_MRI_002/pre/pre.dcm,Duke/Breast_MRI_002/1.3.6/1.3.9/1-01.dcm\n"
    )
    assert duke.read_table(path) == {
        "Breast_MRI_001": {"1.3.7"},
        "Breast_MRI_002": {"1.3.9"},
    }


def test_table_with_other_columns(tmp_path):
    path = tmp_path / f"{TABLE}.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="has columns a, b. Allowed: original_path_and_filename"):
        duke.read_table(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read .UnicodeDecodeError.*Download it again"):
        duke.read_table(path)


def test_table_as_spreadsheet(tmp_path):
    path = tmp_path / f"{TABLE}.xlsx"
    row = {
        "original_path_and_filename": "DICOM_Images/Breast_MRI_001/pre/a.dcm",
        "classic_path": "Duke-Breast-Cancer-MRI/Breast_MRI_001/1.2/1.3.4/1-01.dcm",
        "descriptive_path": None,
    }
    pd.DataFrame([row]).to_excel(path, index=False)
    assert duke.read_table(path) == {"Breast_MRI_001": {"1.3.4"}}
    path.write_bytes(b"PK\3\4")
    with pytest.raises(InputError, match=r"cannot be read \(BadZipFile.*Download it again"):
        duke.read_table(path)


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


def test_a_series_that_is_not_dicom(tmp_path):
    TREES["mri_breast"](tmp_path)
    study = next((tmp_path / "Duke-Breast-Cancer-MRI/Breast_MRI_002").iterdir())
    for file in (study / "3.000000-ax t1-30817").iterdir():
        file.write_bytes(b"no")
    words = reason(tmp_path, series="description")
    assert "in '3.000000-ax t1-30817' cannot be read (InvalidDicomError" in words
    assert not reason(tmp_path)  # the table needs no other series


# ----------------------------------------------------------------- the masks
def test_masks_without_images_are_said(tmp_path):
    TREES["mri_breast"](tmp_path)
    segments = [("Vessels", 1, 0), ("Dense", 2, 0)]
    empty = [np.zeros(SHAPE, np.uint8)]
    write_segments(segments_file(tmp_path, "009", "Breast"), empty, [("Breast", 1, 0)])
    write_segments(segments_file(tmp_path, "009", "Dense_and_Vessels"), empty, segments)
    assert reason(tmp_path).startswith("Breast_MRI_009|Breast_MRI_009: masks, but no image.")


def test_segments_of_other_names_are_refused(tmp_path):
    TREES["mri_breast"](tmp_path)
    file = segments_file(tmp_path, "002", "Dense_and_Vessels")
    write_segments(file, [breast(1)], [("Segment_1", 1, 0), ("Segment_2", 2, 0)])
    assert "Allowed: one whose name holds 'dense'." in reason(tmp_path)


def test_values_that_no_segment_has_are_refused(tmp_path):
    TREES["mri_breast"](tmp_path)
    file = segments_file(tmp_path, "002", "Dense_and_Vessels")
    write_segments(file, [breast(1)], [("Vessels", 1, 0), ("Dense", 2, 0)])
    assert "label values 3. Allowed: 0 for the background and 1, 2." in reason(tmp_path)


def test_flagged_patients_can_be_left_out(tmp_path):
    TREES["mri_breast"](tmp_path)
    assert {one.group for one in samples(tmp_path).values()} == {"Breast_MRI_002", "Breast_MRI_246"}
    left = dataset(tmp_path, flagged="drop")
    assert {case.group for case in left.cases()} == {"Breast_MRI_002"}
    assert left.settings["flagged"] == "drop"
