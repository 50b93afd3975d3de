#!/bin/sh
# SAM ViT-H on a CUDA machine, in about ten minutes: encoder by batch and precision, the whole
# protocol, utilisation, IoU of bfloat16 against float32, peak memory. From a clone:
#   sh benchmarks/gpu.sh [--checkpoint sam_vit_h_4b8939.pth] [--model sam-vit-h] [--every 8]
# Without --checkpoint the weights are random. Published for comparison: segment-anything-fast,
# ViT-H on an A100, 2.66 -> 20 to 25 images a second. NOT RUN where this was written: no GPU.
set -e
cd "$(dirname "$0")/.."
command -v nvidia-smi >/dev/null || { echo "not run: no nvidia-smi here"; exit 1; }
nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader
python -c "import medsam, segment_anything" 2>/dev/null || pip install --quiet -e ".[sample]"
PYTHONPATH="$PWD" exec python benchmarks/gpu.py "$@"
