"""Every method at several layers of a small VGG16, by its published formula in PyTorch, float64."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import cams
from fixture import float32, normal, write_safetensors
from tiny_vgg16 import Tiny, metadata, random_parameters
from vgg16 import CONVS, POOLED, Parameters, hwc, to_keras

TINY = Tiny("methods", 64, (4, 4, 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 9), (12, 11), 5)
TEMPERATURE = 1.5
LAYERS = ["block2_conv2", "block3_conv2", "block4_conv3", "block5_conv3", "block5_pool"]
CLASSES = [0, 3]
SCORE_CHANNELS = 3
# Of larger maps every 13th value is kept.
KEPT_WHOLE = 300
SAMPLE = 13
# In float32 no ReLU and no max-pool of the network may decide otherwise than in float64.
MARGIN = 1e-5


class GuidedReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, g):
        return g.clamp(min=0) * (ctx.saved_tensors[0] > 0)


class Network:
    def __init__(self, parameters: Parameters):
        self.weights = {
            name: tuple(torch.from_numpy(a.astype(np.float64)) for a in arrays)
            for name, arrays in parameters.items()
        }

    def dense(self, pool, relu):
        x = relu(F.linear(pool.flatten(1), *self.weights["fc1"]))
        x = relu(F.linear(x, *self.weights["fc2"]))
        return F.linear(x, *self.weights["predictions"])[0]

    def run(self, x, relu=F.relu, start=0, maps=None):
        """Logits [classes] from the input, or from the output of convolution `start` - 1 before
        its pooling. `maps` collects each layer's output: after ReLU, before pooling."""
        maps = {} if maps is None else maps
        if start > 0 and CONVS[start - 1] in POOLED:
            x = F.max_pool2d(x, 2)
        for name in CONVS[start:]:
            x = relu(F.conv2d(x, *self.weights[name], padding=1))
            maps[name] = x
            if name in POOLED:
                x = F.max_pool2d(x, 2)
        maps["block5_pool"] = F.max_pool2d(x, 2)
        return self.dense(maps["block5_pool"], relu)

    def run_from(self, layer, x):
        if layer == "block5_pool":
            return self.dense(x, F.relu)
        return self.run(x, start=CONVS.index(layer) + 1)


def margin(network: Network, x) -> float:
    """The distance of the nearest kink of the function, relative to its layer's maximum."""
    found = []

    def relu(v):
        found.append(float((v.abs() / v.abs().max()).min()))
        return F.relu(v)

    maps: dict = {}
    network.run(x, relu=relu, maps=maps)
    for name in [*POOLED, "block5_conv3"]:
        windows = maps[name][0].unfold(1, 2, 2).unfold(2, 2, 2).flatten(3)
        first, second = windows.topk(2, dim=3).values.unbind(3)
        gaps = (first - second)[first > 0]
        if len(gaps):
            found.append(float(gaps.min() / maps[name].max()))
    return min(found)


def projection(X, centred):
    """X [C, H, W], positions as rows, on their first right singular vector. Its sign is that which
    agrees with the sum over channels."""
    rows = X.flatten(1).T
    total = rows.sum(1)
    if centred:
        rows = rows - rows.mean(0)
    _, s, vt = torch.linalg.svd(rows, full_matrices=False)
    assert s[1] < 0.999 * s[0]
    scores = rows @ vt[0]
    if scores @ total < 0:
        scores = -scores
    return scores.reshape(X.shape[1:])


def gradcam_channels(A, g):
    return g.mean((1, 2))[:, None, None] * A


def finer_score(z, c):
    order = torch.argsort((z - z[c]).abs())
    others = [int(i) for i in order if int(i) != c][:3]
    return z[c] - z[others].mean()


def explain(network: Network, x, layer: str, c: int) -> dict[str, torch.Tensor]:
    """The raw map of each method, before its ReLU."""
    return quick_maps(network, x, layer, c) | {
        "ablationcam": ablation_map(network, x, layer, c),
        "scorecam+all": score_map(network, x, layer, c, 0),
        "scorecam": score_map(network, x, layer, c, SCORE_CHANNELS),
        "occlusion": occlusion_map(network, x, c),
    }


def visible_edges(raw):
    """Of maps of pixels: the heat, of the whole scale, where the hottest hundredth of them begins,
    and what it is shown as."""
    maximum = float(raw.max())
    usual = float(raw.flatten().kthvalue(raw.numel() - raw.numel() // 100).values)
    return (usual / maximum, 0.9) if 0 < usual < 0.9 * maximum else (1, 1)


def with_visible_edges(raw):
    usual, shown = visible_edges(raw)
    scaled = np.interp((raw / raw.max()).numpy(), [0, usual, 1], [0, shown, 1])
    return torch.from_numpy(scaled) * raw.max()


def quick_maps(network: Network, x, layer: str, c: int, temperature=TEMPERATURE, labels=None):
    """Those of methods that take a backward pass or two. The first `labels` outputs are classes; all
    of them by default."""
    maps: dict = {}
    leaf = x.clone().requires_grad_()
    z = network.run(leaf, maps=maps)
    A = maps[layer]

    def gradient(score):
        return torch.autograd.grad(score, A, retain_graph=True)[0][0]

    g = gradient(z[c])
    a = A[0].detach()
    result = {
        "gradcam": gradcam_channels(a, g).sum(0),
        "counterfactual": gradcam_channels(a, -g).sum(0),
        "gradcam-tutorial": gradcam_channels(
            a, gradient(F.softmax(z / temperature, dim=0)[c])
        ).mean(0),
        "finercam": gradcam_channels(a, gradient(finer_score(z[:labels], c))).sum(0),
        "eigencam": projection(a, centred=False),
        "eigengradcam": projection(g * a, centred=True),
        "gradcam+eigen": projection(gradcam_channels(a, g), centred=True),
        "layercam+eigen": projection(F.relu(g) * a, centred=True),
    }
    result |= {name: method(a, g) for name, method in cams.METHODS.items()}

    leaf = x.clone().requires_grad_()
    guided = torch.autograd.grad(network.run(leaf, relu=GuidedReLU.apply)[c], leaf)[0][0]
    result["guided-backprop"] = guided.abs().amax(0)
    region = F.relu(result["gradcam"])[None, None]
    region = F.interpolate(region, x.shape[2:], mode="bilinear", align_corners=False)[0, 0]
    result["guided-gradcam"] = (guided * region).abs().amax(0)
    return {name: raw.detach() for name, raw in result.items()}


@torch.no_grad()
def ablation_map(network: Network, x, layer: str, c: int):
    maps: dict = {}
    z = network.run(x, maps=maps)[c]
    A = maps[layer]
    w = []
    for k in range(A.shape[1]):
        ablated = A.clone()
        ablated[0, k] = 0
        w.append((z - network.run_from(layer, ablated)[c]) / z.abs())
    return torch.einsum("k,khw->hw", torch.stack(w), A[0])


@torch.no_grad()
def score_map(network: Network, x, layer: str, c: int, channels: int):
    """By the channels of the greatest variance, or by all for 0."""
    maps: dict = {}
    network.run(x, maps=maps)
    a = maps[layer][0]
    tried = torch.argsort(a.var((1, 2)), descending=True)[: channels or None]
    scores = []
    for k in tried:
        low, high = a[k].min(), a[k].max()
        H = (a[k] - low) / (high - low) if high > low else torch.zeros_like(a[k])
        H = F.interpolate(H[None, None], x.shape[2:], mode="bilinear", align_corners=False)
        scores.append(network.run(x * H)[c])
    w = F.softmax(torch.stack(scores), dim=0)
    return torch.einsum("k,khw->hw", w, a[tried])


@torch.no_grad()
def occlusion_map(network: Network, x, c: int, every: int = 1):
    """At one of `every` rows and columns; 0 at others."""
    maps: dict = {}
    z = network.run(x, maps=maps)[c]
    rows = maps["block5_conv3"].shape[2]
    step = x.shape[2] / rows
    drops = torch.zeros(rows, rows, dtype=torch.float64)
    for i in range(0, rows, every):
        for j in range(0, rows, every):
            hidden = x.clone()
            top, left = (max(0, round((n - 0.5) * step)) for n in (i, j))
            bottom, right = (round((n + 1.5) * step) for n in (i, j))
            hidden[:, :, top:bottom, left:right] = 0
            drops[i, j] = z - network.run(hidden)[c]
    return drops


def normalised(raw):
    raw = F.relu(raw)
    return raw / raw.max() if raw.max() > 0 else raw


def augmented(network: Network, x, layer: str, c: int):
    """pytorch-grad-cam's aug_smooth, at the layer's resolution."""
    total = 0
    for mirrored in (False, True):
        for factor in (0.9, 1.0, 1.1):
            view = x * float(np.float32(factor))
            if mirrored:
                view = view.flip(3)
            one = normalised(explain(network, view, layer, c)["gradcam"])
            total = total + (one.flip(1) if mirrored else one) / 6
    return total


def layers_to_fuse(network: Network, x, c: int, method: str, scale):
    """The scaled maps of three layers, enlarged to the largest."""
    maps = []
    for layer in ("block3_conv2", "block4_conv3", "block5_conv3"):
        one = scale(normalised(explain(network, x, layer, c)[method]))[None, None]
        maps.append(F.interpolate(one, (16, 16), mode="bilinear", align_corners=False)[0, 0])
    return torch.stack(maps)


def fused(network: Network, x, c: int):
    """The mean of Grad-CAMs, as pytorch-grad-cam has it."""
    return layers_to_fuse(network, x, c, "gradcam", lambda one: one).mean(0)


def fused_layercam(network: Network, x, c: int):
    """The maximum of LayerCAMs after equation 9 of Jiang et al. 2021, as torch-cam has it."""
    return layers_to_fuse(network, x, c, "layercam", lambda one: torch.tanh(2 * one)).amax(0)


def is_clear(network: Network, x, layer: str, c: int) -> bool:
    """Both signs are there, and neither is a small difference of large numbers."""
    maps: dict = {}
    z = network.run(x.clone().requires_grad_(), maps=maps)
    g = torch.autograd.grad(z[c], maps[layer])[0][0]
    parts = gradcam_channels(maps[layer][0].detach(), g)
    raw = parts.sum(0)
    return min(float(raw.max()), -float(raw.min())) > 0.1 * float(parts.abs().sum(0).max())


def write(folder: Path) -> None:
    image = normal(TINY.size, 0, (3, TINY.size, TINY.size), 1.0)
    x = torch.from_numpy(image.astype(np.float64))[None]
    for seed in range(100, 100000):
        parameters = random_parameters(TINY, seed)
        network = Network(parameters)
        with torch.no_grad():
            logits = network.run(x)
            # Ablation-CAM divides differences of logits by the logit.
            if logits[CLASSES].abs().min() < 0.3 * logits.abs().max():
                continue
            if margin(network, x) < MARGIN:
                continue
        if all(is_clear(network, x, layer, c) for layer in LAYERS for c in CLASSES):
            break
    else:
        raise RuntimeError("no seed suits")

    raws = {(layer, c): explain(network, x, layer, c) for layer in LAYERS for c in CLASSES}
    tensors = {"input": hwc(image), "classes": np.array(CLASSES, np.float32)}

    def keep(name, raw_of_class):
        raw = torch.stack([F.relu(raw_of_class(c)) for c in CLASSES])
        maximum = raw.amax((1, 2))
        scale = torch.where(maximum > 0, maximum, torch.ones_like(maximum))
        values = (raw / scale[:, None, None]).flatten(1)
        if values.shape[1] > KEPT_WHOLE:
            values = values[:, ::SAMPLE]
        tensors[f"{name}.map"] = float32(values.numpy())
        tensors[f"{name}.maximum"] = float32(maximum.numpy())
        tensors[f"{name}.shape"] = np.array(raw.shape[1:], np.float32)

    def seen(layer, c, method):
        raw = raws[layer, c][method]
        return with_visible_edges(raw) if method.startswith("guided") else raw

    for layer in LAYERS:
        for method in raws[layer, CLASSES[0]]:
            if method in ("occlusion", "guided-backprop"):
                if layer == "block5_conv3":
                    keep(f"input/{method}", lambda c: seen(layer, c, method))
            else:
                keep(f"{layer}/{method}", lambda c: seen(layer, c, method))
    keep("block4_conv3/gradcam+flip", lambda c: augmented(network, x, "block4_conv3", c))
    keep("fused/gradcam", lambda c: fused(network, x, c))
    keep("fused/layercam", lambda c: fused_layercam(network, x, c))
    write_safetensors(folder / "methods.expected.safetensors", tensors)

    labelled = metadata(TINY) | {"temperature": str(TEMPERATURE)}
    write_safetensors(folder / "methods.keras.safetensors", to_keras(parameters), labelled)
    print(f"methods: seed {seed}, {len(tensors)} tensors")
