"""The published checkpoints of click models: names, homes and licences. None comes with medsam.

Their authors state neither size nor hash of the files. What a file must have is every tensor of
the network, by name and shape, and no other; results name its sha256.
"""

from __future__ import annotations

from medsam.models.weight_file import Checkpoint

__all__ = ["PUBLISHED"]

_RITM = "https://github.com/saic-vul/ritm_interactive_segmentation/releases/download/v1.0/"
_SIMPLECLICK = "https://github.com/uncbiag/SimpleClick (README, Download: SimpleClick models)"
_FOCALCLICK = "https://github.com/XavierCHEN34/ClickSEG (README, Supported Methods)"


def _ritm(key: str, file: str) -> Checkpoint:
    return Checkpoint(key, file, None, None, "MIT (of its code)", url=_RITM + file)


def _simpleclick(key: str, file: str) -> Checkpoint:
    return Checkpoint(key, file, None, None, "MIT (of its code)", page=_SIMPLECLICK)


def _focalclick(key: str, file: str) -> Checkpoint:
    # The file LICENSE and the README contradict each other.
    licence = "Apache-2.0 (of its code; its README says MIT)"
    return Checkpoint(key, file, None, None, licence, page=_FOCALCLICK)


PUBLISHED: dict[str, Checkpoint] = {
    c.key: c
    for c in (
        _ritm("ritm-h18", "coco_lvis_h18_itermask.pth"),
        _ritm("ritm-h32", "coco_lvis_h32_itermask.pth"),
        _simpleclick("simpleclick-vit-b", "cocolvis_vit_base.pth"),
        _simpleclick("simpleclick-vit-l", "cocolvis_vit_large.pth"),
        _simpleclick("simpleclick-vit-h", "cocolvis_vit_huge.pth"),
        _focalclick("focalclick-b0-s1", "segformerB0_S1_cclvs.pth"),
        _focalclick("focalclick-b0-s2", "segformerB0_S2_cclvs.pth"),
        _focalclick("focalclick-b3-s2", "segformerB3_S2_comb.pth"),
    )
}
"""By the names of their models. FocalClick's files for B0 are called as their training programs."""
