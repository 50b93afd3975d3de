from medsam.analysis import published


def test_a_value_of_each_table_by_hand():
    modes = published.modes().set_index(["task", "mode", "choice"]).iou
    assert modes["ct_organ_lung", 1, "top"] == 0.5040375609102761
    assert modes["ct_organ_lung", 5, "oracle"] == 0.9014606792388544
    clicks = published.clicks().set_index(["task", "model", "k"]).iou
    assert clicks["mri_spine_gm", "FocalClick", 1] == 0.004025254
    assert clicks["mri_spine_sc", "SAM", 2] == 0.741655333
    assert clicks["pet_wholebody", "SimpleClick", 2] == 0.161255947
    averages = published.click_averages().set_index(["model", "k"]).iou
    assert averages["FocalClick", 9] == 0.614151596


def test_one_key_names_a_task_in_all_tables():
    tasks = published.tasks()
    assert tasks.task.is_unique
    assert len(tasks) == 28
    assert set(published.modes().task) == set(published.clicks().task) == set(tasks.task)
    by_key = tasks.set_index("task")
    assert by_key.loc["mri_spine_sc", "in_modes"] == "MRI-Spine: SP"
    assert by_key.loc["mri_spine_sc", "in_clicks"] == "MRI-Spine: SC"
    assert set(tasks.modality) == {"MRI", "CT", "X-ray", "US", "PET"}
