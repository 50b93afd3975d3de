"""Models that are asked with clicks: RITM, SimpleClick and FocalClick, the paper's comparisons.

Their backbones are timm's; the rest is written from the published definitions, all under the names
of the published checkpoints, so that these load with nothing missing and nothing left over. The
checkpoints themselves are not part of medsam: ``models.yaml`` says where each has its home.
"""
