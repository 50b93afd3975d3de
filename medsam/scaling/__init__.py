"""What a run costs, stage by stage, and what that says of a larger one.

Examples
--------
>>> from medsam.scaling import Stages
>>> a_minute = Stages(encode=1.0, decode=0.1)
>>> a_minute.total(images=10, embeddings=10, prompts=500)
60.0
>>> a_minute.total(images=10, embeddings=10, prompts=500, workers=2)
30.0
"""

from medsam.scaling.probe import probe
from medsam.scaling.stages import STAGES, Stages

__all__ = ["STAGES", "Stages", "probe"]
