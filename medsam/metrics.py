"""Distances between the boundaries of two masks, in mm: NSD and HD95.

The boundary of a mask is its pixels that have a background pixel above, below, left or
right; what lies outside the image is background. Edges and distance transforms are SciPy's. The
definitions are MONAI's (:mod:`monai.metrics`), with which the tests compare; MONAI itself loads
torch and takes many seconds to import, which every run and notebook would wait for.

Everything here is about one 2D image. For a volume that was sliced, neighbouring slices do
not count: values are not those of a 3D evaluation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medsam.errors import InputError

__all__ = [
    "BOTH_EMPTY",
    "EMPTY",
    "ONE_EMPTY",
    "TOLERANCE",
    "Surface",
    "check_pair",
    "check_policy",
    "dice",
    "distances",
    "hd95",
    "iou",
    "measure",
    "nsd",
]


# Overlap of two masks; for the distance between their boundaries see :mod:`medsam.metrics`.


EMPTY = {"nan": float("nan"), "minus_one": -1.0}
"""What an overlap is where both masks are empty, by the name of the policy."""

Policy = Literal["nan", "minus_one"]


def check_pair(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> tuple[int, int]:
    """Shape of two masks that can be compared.

    Raises
    ------
    InputError
        If shapes or dtypes differ, or they are not images.
    """
    if a.shape != b.shape or a.ndim != 2 or a.dtype != np.bool_ or b.dtype != np.bool_:
        raise InputError(
            f"Masks of shapes {a.shape} and {b.shape}, dtypes {a.dtype} and {b.dtype}. "
            "Allowed: two bool masks of one shape (H, W)."
        )
    height, width = a.shape
    return height, width


def check_policy(name: str, got: str, allowed: Iterable[str]) -> None:
    """Raise :class:`~medsam.errors.InputError` where there is no such policy for empty masks."""
    names = tuple(allowed)
    if got not in names:
        raise InputError(f"{name}={got!r}. Allowed: {', '.join(names)}. Take one of these.")


def _counts(
    a: NDArray[np.bool_], b: NDArray[np.bool_], empty: Policy
) -> tuple[int, int, int, float]:
    check_pair(a, b)
    check_policy("empty", empty, EMPTY)
    return (
        int(np.count_nonzero(a & b)),
        int(np.count_nonzero(a)),
        int(np.count_nonzero(b)),
        EMPTY[empty],
    )


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_], *, empty: Policy = "nan") -> float:
    """Intersection over union, 0 to 1.

    Parameters
    ----------
    a, b : (H, W) bool
        Where one of them is empty, it is 0: no policy is needed.
    empty : {"nan", "minus_one"}
        What it is where both masks are empty.

    Raises
    ------
    InputError
        If shapes or dtypes differ, or there is no such policy.

    Examples
    --------
    >>> a = np.array([[1, 1], [0, 0]], bool)
    >>> b = np.array([[1, 0], [1, 0]], bool)
    >>> round(iou(a, b), 4)
    0.3333
    """
    both, in_a, in_b, undefined = _counts(a, b, empty)
    union = in_a + in_b - both
    return both / union if union else undefined


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_], *, empty: Policy = "nan") -> float:
    """Dice coefficient, 0 to 1; parameters as in :func:`iou`.

    Examples
    --------
    >>> a = np.array([[1, 1], [0, 0]], bool)
    >>> b = np.array([[1, 0], [1, 0]], bool)
    >>> dice(a, b)
    0.5
    """
    both, in_a, in_b, undefined = _counts(a, b, empty)
    total = in_a + in_b
    return 2 * both / total if total else undefined


TOLERANCE = 2.0
"""Tolerance of NSD in mm.

One value for all tasks, so that tasks can be compared. Evaluations over many organs take 1 mm
(AbdomenCT-1K) to 3 mm (TotalSegmentator); 2 mm is between the two and two pixels where pixels
are 1 mm wide. Where experts agreed on a tolerance of their own for a task, as they did in the
Medical Segmentation Decathlon (doi:10.1038/s41467-022-30695-9), pass that one.
"""

BothEmpty = Literal["nan", "perfect"]
OneEmpty = Literal["nan", "missed", "diagonal"]

BOTH_EMPTY = ("nan", "perfect")
"""Policies where neither mask has a pixel: undefined, or NSD 1 and HD95 0."""
ONE_EMPTY = ("nan", "missed", "diagonal")
"""Policies where one mask has no pixel: undefined; NSD 0, as no boundary was found, and HD95
undefined; or NSD 0 and HD95 the diagonal of the image, the largest distance there is."""

_NAN = float("nan")
# MONAI's distances are single precision: 2 mm may come out as 2.0000002.
_SLACK = 1 + 1e-6


class Surface(NamedTuple):
    """Both measures of one pair of masks.

    Attributes
    ----------
    nsd : float
        Fraction of both boundaries within the tolerance of the other one, 0 to 1.
    hd95 : float
        95th percentile of the distance from one boundary to the other, mm.
    """

    nsd: float
    hd95: float


def _check_spacing(spacing: tuple[float, float]) -> tuple[float, float]:
    sizes = np.asarray(spacing, np.float64)
    if sizes.shape != (2,) or not np.isfinite(sizes).all() or (sizes <= 0).any():
        raise InputError(
            f"Spacing {spacing!r}. Allowed: the size of a pixel in mm, (row, column), both "
            "above 0. Where it is unknown there is no distance in mm."
        )
    return float(sizes[0]), float(sizes[1])


def _joint_box(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Where either mask has a pixel. All outside is background of both: nothing changes."""
    rows = np.flatnonzero(a.any(1) | b.any(1))
    columns = np.flatnonzero(a.any(0) | b.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def distances(
    a: NDArray[np.bool_], b: NDArray[np.bool_], spacing: tuple[float, float]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Distance of each boundary pixel of one mask to the boundary of the other.

    Parameters
    ----------
    a, b : (H, W) bool
        Each with at least one pixel.
    spacing : (row, column) in mm

    Returns
    -------
    (N,) float32, (M,) float32
        From the N boundary pixels of ``a`` to ``b``, and from the M of ``b`` to ``a``, mm.

    Raises
    ------
    InputError
        If shapes or dtypes differ, a mask is empty, or the spacing is not two numbers above 0.
    """
    sizes = _check_spacing(spacing)
    check_pair(a, b)
    if not a.any() or not b.any():
        raise InputError(
            "A mask without a pixel has no boundary. Allowed: at least one pixel in each. "
            "Say with both_empty and one_empty of medsam.metrics.measure what it is then."
        )
    box = _joint_box(a, b)
    of_a, of_b = _edges(a[box]), _edges(b[box])
    return _to(of_a, of_b, sizes), _to(of_b, of_a, sizes)


def _edges(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of the mask that have a background pixel above, below, left or right."""
    from scipy.ndimage import binary_erosion

    edges: NDArray[np.bool_] = mask & ~binary_erosion(mask)
    return edges


def _to(
    start: NDArray[np.bool_], end: NDArray[np.bool_], spacing: tuple[float, float]
) -> NDArray[np.float32]:
    """Distance of each pixel of one set to the nearest of the other, mm."""
    from scipy.ndimage import distance_transform_edt

    return np.asarray(distance_transform_edt(~end, sampling=spacing)[start], np.float32)


def measure(
    a: NDArray[np.bool_],
    b: NDArray[np.bool_],
    spacing: tuple[float, float],
    *,
    tolerance: float = TOLERANCE,
    both_empty: BothEmpty = "nan",
    one_empty: OneEmpty = "missed",
) -> Surface:
    """NSD and HD95 from one computation of the distances.

    Parameters
    ----------
    a, b : (H, W) bool
        Either order: both measures are symmetric.
    spacing : (row, column) in mm
    tolerance : float
        Of NSD, mm. A distance equal to it counts as within.
    both_empty : {"nan", "perfect"}
        What they are where neither mask has a pixel, see :data:`BOTH_EMPTY`.
    one_empty : {"nan", "missed", "diagonal"}
        What they are where one mask has no pixel, see :data:`ONE_EMPTY`.

    Returns
    -------
    Surface

    Raises
    ------
    InputError
        If shapes or dtypes differ, or spacing, tolerance or a policy is not allowed.

    Notes
    -----
    NSD: boundary pixels of ``a`` within the tolerance of the boundary of ``b``, and of ``b``
    of ``a``, over all boundary pixels of both (doi:10.2196/26151, with pixels counted instead
    of surface measured). HD95: the larger of the two directed 95th percentiles, linearly
    interpolated; some libraries pool the two sets of distances first and get less.

    Examples
    --------
    >>> a, b = np.zeros((2, 5, 9), bool)
    >>> a[2, 1] = b[2, 4] = True
    >>> measure(a, b, (1.0, 0.5))  # three columns of 0.5 mm apart
    Surface(nsd=1.0, hd95=1.5)
    >>> measure(a, b, (1.0, 0.5), tolerance=1)
    Surface(nsd=0.0, hd95=1.5)
    >>> measure(a, np.zeros((5, 9), bool), (1.0, 0.5))
    Surface(nsd=0.0, hd95=nan)
    """
    check_policy("both_empty", both_empty, BOTH_EMPTY)
    check_policy("one_empty", one_empty, ONE_EMPTY)
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise InputError(f"Tolerance {tolerance!r} mm. Allowed: 0 or more, such as {TOLERANCE}.")
    height, width = check_pair(a, b)
    sizes = _check_spacing(spacing)
    empty = (not a.any()) + (not b.any())
    if empty == 2:
        return Surface(1.0, 0.0) if both_empty == "perfect" else Surface(_NAN, _NAN)
    if empty:
        longest = math.hypot((height - 1) * sizes[0], (width - 1) * sizes[1])
        return {
            "nan": Surface(_NAN, _NAN),
            "missed": Surface(0.0, _NAN),
            "diagonal": Surface(0.0, longest),
        }[one_empty]
    both = distances(a, b, sizes)
    near = sum(int(np.count_nonzero(d <= tolerance * _SLACK)) for d in both)
    far = max(float(np.percentile(d.astype(np.float64), 95)) for d in both)
    return Surface(near / sum(map(len, both)), far)


def nsd(
    a: NDArray[np.bool_],
    b: NDArray[np.bool_],
    spacing: tuple[float, float],
    *,
    tolerance: float = TOLERANCE,
    both_empty: BothEmpty = "nan",
    one_empty: OneEmpty = "missed",
) -> float:
    """Normalised surface distance (surface Dice), 0 to 1; parameters as in :func:`measure`."""
    return measure(
        a, b, spacing, tolerance=tolerance, both_empty=both_empty, one_empty=one_empty
    ).nsd


def hd95(
    a: NDArray[np.bool_],
    b: NDArray[np.bool_],
    spacing: tuple[float, float],
    *,
    both_empty: BothEmpty = "nan",
    one_empty: OneEmpty = "missed",
) -> float:
    """95 % Hausdorff distance in mm; parameters as in :func:`measure`."""
    return measure(a, b, spacing, both_empty=both_empty, one_empty=one_empty).hd95
