"""Duke breast MRI: which series is before contrast, which segment is which, and the 2D slices."""

import numpy as np
import pytest
from datasets.checks import opened, reasons, samples
from datasets.layouts.picture_trees import FEMUR, ILIUM, grey, shape, write
from datasets.layouts.scan_trees import TREES

from medsam.errors import InputError, UnknownName

TABLE = "Breast-Cancer-MRI-filepath_filename-mapping"


def dataset(root, **options):
    return opened("mri_breast", root, options=options)


def reason(root, **options):
    """Why the first scan that cannot be read cannot."""
    return next((f"{name}|{why}" for name, why in reasons(dataset(root, **options)).items()), "")


# ----------------------------------------------------------------- the series before contrast
def test_folders_of_another_download_tool(tmp_path):
    """Folders that have the number of the series in common with the table, and no more."""
    TREES["mri_breast"](tmp_path)
    wanted = samples(dataset(tmp_path))
    for folder in list(tmp_path.glob("Duke-Breast-Cancer-MRI/*/*/*pre-*")):
        folder.rename(folder.with_name(f"1.3.6.1.4.1.14519.5.2.1.30{folder.name[-5:]}"))
    found = samples(dataset(tmp_path))
    assert found.keys() == wanted.keys()
    assert all((found[name].image == wanted[name].image).all() for name in wanted)
    for folder in list(tmp_path.glob("Duke-Breast-Cancer-MRI/*/*/*40817")):
        folder.rename(folder.with_name("3.000000-x-140817"))  # a longer number is another one
    assert "0 are among the 3 folders" in reason(tmp_path)
    (tmp_path / f"{TABLE}.csv").write_text("classic_path\na/b/c.dcm\n")
    with pytest.raises(InputError, match="cannot be read .*Allowed: the collection's table as"):
        dataset(tmp_path)
    (tmp_path / f"{TABLE}.csv").unlink()
    with pytest.raises(InputError, match=f"no {TABLE}"):
        dataset(tmp_path)


def test_flagged_patients_can_be_left_out(tmp_path):
    TREES["mri_breast"](tmp_path)
    both = {case.group for case in dataset(tmp_path).cases()}
    assert both == {"Breast_MRI_002", "Breast_MRI_246"}
    left = dataset(tmp_path, flagged="drop")
    assert {case.group for case in left.cases()} == {"Breast_MRI_002"}
    assert left.settings["flagged"] == "drop"


# ----------------------------------------------------------------- the slices of the supplement
@pytest.mark.parametrize(("ending", "value"), [("png", 255), ("PNG", 1), ("tif", 255)])
def test_slices(ending, value, tmp_path):
    names = [f"Breast_MRI_{patient}_pre_{at}" for patient in ("007", "629") for at in (60, 100)]
    breast, dense = (shape(box, value=value, dtype=np.uint8) for box in (ILIUM, FEMUR))
    pixels = {"imgs": grey(), "masks_breast": breast, "masks_dense-tissue": dense}
    for name in names:
        write(tmp_path / "2D", {f"{at}/{name}.{ending}": one for at, one in pixels.items()})
    found = samples(dataset(tmp_path))
    assert list(found) == sorted(names)
    for name, sample in found.items():
        assert sample.group == name[:14]
        assert (sample.masks["mri_breast_breast"] == shape(ILIUM)).all()
        assert (sample.masks["mri_breast_fgt"] == shape(FEMUR)).all()
    assert dataset(tmp_path).settings == {"intensity": "max"}
    (tmp_path / "2D" / "masks_dense-tissue" / f"{names[0]}.{ending}").unlink()
    assert f"{names[0]}|Image '{names[0]}.{ending}' has no dense tissue" in reason(tmp_path)
    # What belongs to the other form is refused, and so are both at once.
    with pytest.raises(UnknownName, match="flagged"):
        dataset(tmp_path, flagged="drop")
    TREES["mri_breast"](tmp_path / "3D")
    with pytest.raises(InputError, match="two forms of the dataset"):
        dataset(tmp_path)
