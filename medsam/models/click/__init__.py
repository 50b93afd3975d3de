"""Models that are asked with clicks: RITM, SimpleClick and FocalClick, the paper's comparisons.

Their networks are written from the published definitions under the names of the published
checkpoints, so that these load with nothing missing and nothing left over. The checkpoints
themselves are not part of medsam: ``models.yaml`` says where each has its home.
"""
