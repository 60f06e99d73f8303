"""Adds `others` to an exported model: rows of the last layer for photos of none of its breeds.

A softmax over the labels' breeds has to give the probability of a stranger to them. With rows for
other breeds it has somewhere else to go (background classes: Dhamija et al. 2018, "Reducing Network
Agnostophobia"). The rows are fitted last, to what fc2 gives: the network, the labels' logits and with
them all heatmaps stay as they are. The temperature is fitted anew, to held-out photos of the labels'
breeds and of others, and the threshold, to those of the labels' breeds.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Callable

import numpy as np
import torch

import data
import tensors
import views
from export import calibrate, stored
from model import autocast
from plain import held_out, plain_forward
from train import Sampler, log

VIEWS = 16_000
BATCH = 64
STRENGTH = 3e-4  # that holds the rows to where they began
KNOWN = 2 / 3  # of the photos that people will show: of a breed with a label


def fit(features: torch.Tensor, logits: torch.Tensor, truth: torch.Tensor, weight: torch.Tensor,
        bias: torch.Tensor, strength: float = STRENGTH) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows of the least cross entropy, [others, fc2] and [others].

    features: [n, fc2]; logits: [n, labels], by the labels' rows, which stay; truth: [n], a label or,
    from there on, a row; weight and bias: where the rows begin. Every label counts as much as the
    next, and so does every row.
    """
    labels = logits.shape[1]
    counts = torch.bincount(truth, minlength=labels + len(weight))[truth]
    share = torch.where(truth < labels, KNOWN / labels, (1 - KNOWN) / len(weight)) / counts
    begin = weight.clone()
    weight, bias = (values.clone().requires_grad_() for values in (weight, bias))
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        every = torch.cat([logits, features @ weight.T + bias], 1)
        each = torch.nn.functional.cross_entropy(every, truth, reduction="none")
        result = (each * share).sum() + strength * (weight - begin).square().sum()
        result.backward()
        return result

    optimiser.step(loss)
    return weight.detach(), bias.detach()


def draw(features: Callable[[torch.Tensor], torch.Tensor], photos: data.Photos, breeds: np.ndarray,
         labels: int, size: int, seed: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`features` [count, fc2] of random views of training photos, and the truth [count]: a place in
    `breeds`, of which the first are the labels'. Half of the views show those."""
    of_breeds = np.flatnonzero(~photos.holdout & np.isin(photos.breed, breeds))
    photos = photos.only(of_breeds)
    pool, device = np.arange(len(of_breeds)), torch.device("cpu")
    weights = np.zeros(len(photos.breeds))
    weights[breeds] = 1 / (len(breeds) - labels)
    weights[breeds[:labels]] = 1 / labels
    sampler, random_views = Sampler(photos, pool, weights), views.RandomViews(photos, pool, device)
    place = np.full(len(photos.breeds), -1)
    place[breeds] = np.arange(len(breeds))
    rng, random = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    parts, truth = [], []
    with torch.no_grad(), autocast(device):
        for start in range(0, count, BATCH):
            chosen = sampler.draw(min(BATCH, count - start), rng)
            x = random_views.draw(torch.from_numpy(chosen), torch.zeros(len(chosen), dtype=torch.bool),
                                  size, random)
            x = data.standardise(x).contiguous(memory_format=torch.channels_last)
            parts.append(features(x).float())
            truth.append(place[photos.breed[chosen]])
    return torch.cat(parts), torch.from_numpy(np.concatenate(truth))


def begin(pretrained: dict | None, breeds: list[str], inputs: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows of these breeds in a checkpoint of train.py; zeros without one."""
    if pretrained is None:
        return torch.zeros(len(breeds), inputs), torch.zeros(len(breeds))
    rows = [pretrained["breeds"].index(breed) for breed in breeds]
    average = pretrained["average"]
    return average["predictions.weight"][rows].float(), average["predictions.bias"][rows].float()


def add(args: argparse.Namespace) -> None:
    model, metadata = tensors.read(args.model)
    labels, preprocess = json.loads(metadata["labels"]), json.loads(metadata["preprocess"])
    photos = data.load(args.photos, args.splits, args.run, log)
    strangers = [b for b in photos.breeds if b not in labels and b not in args.leave_out]
    if not strangers:
        raise data.DataError(f"{args.photos}: no photos of breeds that {args.model} does not tell")
    places = np.array([photos.breeds.index(breed) for breed in labels + strangers])
    log(f"{len(strangers)} other breeds")
    model = {name: values for name, values in model.items() if not name.startswith("others.")}
    features, truth = draw(plain_forward(model, "fc2"), photos, places, len(labels),
                           preprocess["size"], args.seed, VIEWS)
    weight, bias = (torch.from_numpy(model[f"predictions.{part}"].astype(np.float32))
                    for part in ("weight", "bias"))
    pretrained = torch.load(args.pretrained, map_location="cpu") if args.pretrained else None
    rows = fit(features, features @ weight.T + bias, truth,
               *begin(pretrained, strangers, weight.shape[1]))
    model |= stored({"others.weight": rows[0].numpy(), "others.bias": rows[1].numpy()})
    chosen = held_out(photos, labels + strangers, args.splits[0])
    found = calibrate(model, photos, labels, chosen, preprocess["resize"], preprocess["size"])
    tensors.write(args.out, model, metadata | found.metadata() | {"others": args.name})
    log(f"wrote {args.out}, {args.out.stat().st_size / 1e6:.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="as export.py writes it")
    parser.add_argument("--photos", type=Path, required=True, help="as for train.py")
    parser.add_argument("--splits", nargs="+", default=["train", "pretrain"])
    parser.add_argument("--run", type=Path, required=True, help="folder of train.py's caches")
    parser.add_argument("--pretrained", type=Path, help="checkpoint of `pretrain`, to begin from its rows")
    parser.add_argument("--leave-out", nargs="+", default=[], metavar="BREED",
                        help="other breeds not to use, to learn what becomes of such")
    parser.add_argument("--name", default="another breed", help="what their photos show (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    try:
        add(parser.parse_args())
    except data.DataError as error:
        raise SystemExit(f"others.py: {error}") from None


if __name__ == "__main__":
    main()
