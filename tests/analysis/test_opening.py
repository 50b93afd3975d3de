"""Which cases open a picture: by hand."""

import pandas as pd

from medsam.analysis.examples import opening


def rows(sizes, **more):
    """Rows of both modes and choices of objects ``{(task, image): pixels}``."""
    return pd.DataFrame(
        [
            {"experiment": "mode", "status": "ok", "task": task, "image": image, "k": k}
            | {"choice": choice, "object_px": px, "iou": 0.5}
            | more
            for (task, image), px in sizes.items()
            for k in (2, 4)
            for choice in ("top", "oracle")
        ]
    )


SIZES = {
    **{("t", image): px for image, px in zip("abcdef", (1, 2, 3, 4, 5, 6), strict=True)},
    **{("u", image): px for image, px in zip("bcd", (30, 10, 20), strict=True)},
}
"""Parts of t: ab, cd, ef; of u: c, d, b."""


def taken(found):
    return list(dict.fromkeys(found.image))


def test_few_images_have_small_middling_and_large_objects():
    # b (t small, u large) of three equals b, c, d; then c (t middling, u small); then of d
    # (u middling), e and f (t large) the first by name, and e.
    found = opening(rows(SIZES))
    assert taken(found) == ["b", "c", "d", "e"]
    # All objects of an image come with it: b, c, d have two, each with two modes and choices.
    assert len(found) == (2 + 2 + 2 + 1) * 4
    assert set(found.percentile) == {0}


def test_at_most_so_many_images():
    assert taken(opening(rows(SIZES), images=2)) == ["b", "c"]


def test_only_what_has_a_result_and_is_drawn():
    extra = [
        rows({("t", "x"): 100}, iou=float("nan")),
        rows({("t", "y"): 100}, status="error"),
        rows({("t", "z"): 100}, experiment="clicks"),
        rows({("t", "w"): 0}),
        rows({("t", "a"): 1}).assign(k=3),
    ]
    found = opening(pd.concat([rows(SIZES), *extra], ignore_index=True))
    assert taken(found) == ["b", "c", "d", "e"]
    assert set(found.k) == {2, 4}
    assert opening(rows(SIZES).iloc[:0]).empty
