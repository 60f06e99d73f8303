"""Trains VGG16's plan on a photo folder: first on all its breeds, then on the labels' breeds.

Every step draws its photos and views from (seed, step) alone, so that a run that was interrupted
goes on from its last checkpoint as if it had not been.
"""
from __future__ import annotations

import argparse
import json
import math
import signal
import time
from bisect import bisect_right
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

import data
import distil
import tensors
import views
from model import Plan, Vgg16, autocast
from plain import held_out, predict

TEACHER_SHARE = 0.8  # of the loss; the rest is the true breed
MIXED_SHARE = 0.3  # of the views: two, one shining through the other, for the teacher to judge
TARGET_WEIGHT = 5.0  # how much more often a labels' breed is drawn in pretraining
HINT_WEIGHT = 4.0  # of foretelling the teacher's features, in the loss
NO_DOG_SHARE = 0.05  # of the views: background alone
CHECKPOINT_SECONDS = 120
LOG_SECONDS = 30


@dataclass(frozen=True)
class Stage:
    """sizes: (share of the photos seen before, pixels a side), rising."""

    photos: int
    rate: float
    warm_up: float  # share of the photos
    sizes: tuple[tuple[float, int], ...]
    weight_decay: float = 5e-4
    smoothing: float = 0.05
    average: float = 0.998  # decay of the weights' moving average, a step

    def size(self, progress: float) -> int:
        return self.sizes[bisect_right([start for start, _ in self.sizes], progress) - 1][1]

    def learning_rate(self, progress: float) -> float:
        if progress < self.warm_up:
            return self.rate * (progress + 1e-3) / self.warm_up
        along = (progress - self.warm_up) / (1 - self.warm_up)
        return self.rate * 0.5 * (1 + math.cos(math.pi * along)) + 1e-5


STAGES = {
    "pretrain": Stage(4_000_000, 0.5, 0.03, ((0.0, 128),)),
    "finetune": Stage(5_000_000, 0.2, 0.03, ((0.0, 160), (0.4, 224))),
}


def stage_of(args: argparse.Namespace) -> Stage:
    """The stage with what the command line changes of it."""
    changes = {"photos": args.total, "rate": args.rate, "sizes": args.sizes and tuple(args.sizes)}
    return replace(STAGES[args.stage], **{k: v for k, v in changes.items() if v})


def size_from(text: str) -> tuple[float, int]:
    """"0.4:160" is 160 pixels from a share of 0.4 of the photos on."""
    start, pixels = text.split(":")
    if not 0 <= float(start) < 1 or int(pixels) < 32 or int(pixels) % 32:
        raise ValueError
    return float(start), int(pixels)


def log(*parts: object) -> None:
    print(time.strftime("%H:%M:%S", time.gmtime()), *parts, flush=True)


class Sampler:
    """Draws a breed, then one of its views (crop or scene), then a photo of both."""

    def __init__(self, photos: data.Photos, pool: np.ndarray, weights: np.ndarray):
        self.groups, odds = [], []
        for breed in np.unique(photos.breed[pool]):
            of_breed = pool[photos.breed[pool] == breed]
            views = [of_breed[photos.crop_view[of_breed] == crop] for crop in (False, True)]
            # A view with a handful of photos would be learnt by heart; its share follows its size.
            shares = np.sqrt([float(len(view)) for view in views])
            for view, share in zip(views, shares):
                if len(view):
                    self.groups.append(view)
                    odds.append(weights[breed] * share / shares.sum())
        self.odds = np.array(odds) / np.sum(odds)

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        groups = rng.choice(len(self.groups), count, p=self.odds)
        along = rng.random(count)
        return np.array([self.groups[g][int(a * len(self.groups[g]))] for g, a in zip(groups, along)])


class Averaged:
    """Exponential moving average of a network's weights and batch-norm statistics."""

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.state = {k: v.detach().clone() for k, v in model.state_dict().items()}

    def update(self, model: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, 1 - decay)


def loss_of(logits: torch.Tensor, breed: torch.Tensor, mixed: torch.Tensor,
            teacher: distil.Teacher | None, lesson: distil.Lesson | None,
            smoothing: float) -> torch.Tensor:
    """Cross entropy to the breed and, where the teacher knows the breed, to what it says of the view.

    A breed of -1 is a view without a dog; of it, all breeds shall be equally likely. Of mixed views
    the teacher alone is heard.
    """
    dog = breed >= 0
    breed = breed.clamp(min=0)
    hard = nn.functional.cross_entropy(logits, breed, label_smoothing=smoothing, reduction="none")
    hard = torch.where(dog, hard, -logits.log_softmax(1).mean(1))
    if teacher is None:
        return hard.mean()
    t = distil.TEMPERATURE
    soft = -(lesson.target * (logits / t).log_softmax(1)).sum(1) * t * t
    share = torch.where(teacher.knows[breed] & dog, TEACHER_SHARE, 0.0)
    share = torch.where(mixed, 1.0, share)
    return ((1 - share) * hard + share * soft).mean()


def loss_of_hints(foretold: torch.Tensor, hints: torch.Tensor) -> torch.Tensor:
    """Mean square distance to the teacher's features, both [N, components, cells, cells]."""
    return (foretold - hints).square().sum(1).mean()


def mix(x: torch.Tensor, random: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Lets the next view of a batch shine through some (Zhang et al. 2018, "mixup"); which."""
    mixed = torch.rand(len(x), generator=random, device=x.device) < MIXED_SHARE
    share = torch.where(mixed, 0.5 * torch.rand(len(x), generator=random, device=x.device), 0.0)
    return torch.lerp(x, x.roll(1, 0), share.view(-1, 1, 1, 1)), mixed


@dataclass
class Job:
    """The photos, and which of them the stage is about."""

    photos: data.Photos
    targets: np.ndarray  # the labels' breeds, as indices into photos.breeds
    classes: np.ndarray  # the network's outputs, likewise
    class_of: np.ndarray  # the inverse: breed -> output, -1 where there is none
    sampler: Sampler  # of the photos to train on
    views: views.RandomViews
    teacher: distil.Teacher | None
    device: torch.device


def prepare(args: argparse.Namespace) -> Job:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    labels = data.read_labels(args.labels)
    photos = data.load(args.photos, args.splits, args.run, log)
    unknown = [label for label in labels if label not in photos.breeds]
    if unknown:
        raise data.DataError(f"{args.labels}: no photos of {', '.join(unknown)} in {args.photos}")
    targets = np.array([photos.breeds.index(label) for label in labels])
    breeds = len(photos.breeds)
    if args.stage == "pretrain":
        classes, weights = np.arange(breeds), np.ones(breeds)
        weights[targets] = TARGET_WEIGHT
    else:
        classes, weights = targets, np.zeros(breeds)
        weights[targets] = 1.0
    class_of = np.full(breeds, -1)
    class_of[classes] = np.arange(len(classes))
    pool = np.flatnonzero(~photos.holdout & (weights[photos.breed] > 0))
    teacher = None
    if args.teacher:
        teacher = distil.Teacher(args.teacher, [photos.breeds[c] for c in classes], device)
        teacher.find_components(photos, args.run)
    log(f"{len(pool)} photos of {len(classes)} breeds, {photos.holdout.sum()} held out")
    return Job(photos, targets, classes, class_of, Sampler(photos, pool, weights),
               views.RandomViews(photos, pool, device), teacher, device)


def start(args: argparse.Namespace, job: Job):
    """Network, average, optimiser state (or None) and first step: resumed, from --init, or new."""
    classes = job.classes
    breeds = [job.photos.breeds[c] for c in classes]
    resumed = args.run / f"{args.stage}.pt"
    hints = distil.COMPONENTS if job.teacher else 0
    saved = None
    if resumed.exists():
        saved = torch.load(resumed, map_location="cpu")
        if saved["breeds"] != breeds:
            raise data.DataError(f"{resumed}: was trained on other breeds, or in another order; "
                                 "go on with the same photos and labels, or choose another --run")
        model = Vgg16(Plan.from_dict(saved["plan"]), len(classes))
        model.load_state_dict(saved["model"])
    elif args.init and args.init.suffix == ".safetensors":
        model = from_plain(args, job, hints)
    elif args.init:
        earlier = torch.load(args.init, map_location="cpu")
        model = Vgg16(replace(Plan.from_dict(earlier["plan"]), hints=hints), len(classes))
        state = earlier["average"]
        # By name: the folders of photos may have become others since.
        unknown = [breed for breed in breeds if breed not in earlier["breeds"]]
        if unknown:
            raise data.DataError(f"{args.init}: was not trained on {', '.join(unknown)}")
        rows = [earlier["breeds"].index(breed) for breed in breeds]
        for name in ("predictions.weight", "predictions.bias"):
            state[name] = state[name][rows]
        model.load_state_dict({**model.state_dict(), **state}, strict=bool(hints))
    else:
        model = Vgg16(Plan(tuple(args.channels), tuple(args.hidden), hints=hints), len(classes))
    model = model.to(job.device, memory_format=torch.channels_last)
    average = Averaged(model, stage_of(args).average)
    if saved:
        average.state = {k: v.to(job.device) for k, v in saved["average"].items()}
    return model, average, saved and saved["optimiser"], saved["step"] if saved else 0


def from_plain(args: argparse.Namespace, job: Job, hints: int) -> Vgg16:
    """The network of an exported file, with batch norm again; breeds it does not tell are new."""
    weights, metadata = tensors.read(args.init)
    weights = {name: torch.from_numpy(values.copy()) for name, values in weights.items()}
    widths = [f"block{block}_conv1.bias" for block in range(1, 6)]
    plan = Plan(tuple(len(weights[name]) for name in widths),
                (len(weights["fc1.bias"]), len(weights["fc2.bias"])), hints=hints)
    torch.manual_seed(args.seed)
    model = Vgg16(plan, len(job.classes))
    named = {job.photos.breeds[c]: row for row, c in enumerate(job.classes)}
    labels = json.loads(metadata["labels"])
    unknown = [label for label in labels if label not in named]
    if unknown:
        raise data.DataError(f"{args.init}: its labels {', '.join(unknown)} are not trained here")
    rng = np.random.default_rng(args.seed)
    chosen = torch.from_numpy(job.sampler.draw(256, rng)).to(job.device)
    random = torch.Generator(job.device).manual_seed(args.seed)
    x = job.views.draw(chosen, torch.zeros_like(chosen, dtype=torch.bool), 128, random)
    model.load_plain(weights, [named[label] for label in labels], data.standardise(x).cpu())
    return model


def train(args: argparse.Namespace) -> None:
    """Runs the stage to its end, or until SIGTERM or SIGINT."""
    job = prepare(args)
    stage, photos, device = stage_of(args), job.photos, job.device
    steps = stage.photos // args.batch
    if steps == 0:
        raise data.DataError(f"{stage.photos} photos in all are less than one batch of {args.batch}")
    torch.manual_seed(args.seed)
    model, average, optimiser_state, first = start(args, job)
    if first >= steps:
        log(f"all of {steps} steps are done already")
        return
    parameters = list(model.parameters())
    decayed = [p for p in parameters if p.dim() > 1]
    others = [p for p in parameters if p.dim() <= 1]
    optimiser = torch.optim.SGD(
        [{"params": decayed, "weight_decay": stage.weight_decay}, {"params": others}],
        lr=stage.rate, momentum=0.9, nesterov=True,
    )
    if optimiser_state:
        optimiser.load_state_dict(optimiser_state)
    features = torch.compile(model.features, dynamic=False) if device.type == "cuda" else model.features
    random = torch.Generator(device)

    def save(step: int) -> None:
        path = args.run / f"{args.stage}.pt"
        torch.save(
            {
                "plan": model.plan.to_dict(), "classes": job.classes.tolist(), "step": step,
                "breeds": [photos.breeds[c] for c in job.classes], "model": model.state_dict(),
                "average": average.state, "optimiser": optimiser.state_dict(),
            },
            path.with_suffix(".new"),
        )
        path.with_suffix(".new").rename(path)

    stopping = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.append(True))
    saved_at = logged_at = time.time()
    losses = []
    for step in range(first, steps):
        size = stage.size(step / steps)
        rng = np.random.default_rng([args.seed, step])
        random.manual_seed(args.seed * 1_000_003 + step)
        torch.manual_seed(args.seed * 1_000_003 + step)  # dropout
        chosen = job.sampler.draw(args.batch, rng)
        without_dog = rng.random(args.batch) < NO_DOG_SHARE
        breed = np.where(without_dog, -1, job.class_of[photos.breed[chosen]])
        chosen, without_dog, breed = (
            torch.from_numpy(a).to(device) for a in (chosen, without_dog, breed))
        # The teacher sees the view before it is made smaller.
        seen = max(size, distil.SIZE) if job.teacher else size
        x = job.views.draw(chosen, without_dog, seen, random)
        lesson, mixed = None, torch.zeros_like(without_dog)
        if job.teacher:
            x, mixed = mix(x, random)
            lesson = job.teacher.teach(x)
        x = data.standardise(views.resize(x, size))
        x = x.contiguous(memory_format=torch.channels_last)
        for group in optimiser.param_groups:
            group["lr"] = stage.learning_rate(step / steps)
        model.train()
        with autocast(device):
            pool = features(x)
            logits = model.classify(pool)
            foretold = model.foretell(pool) if lesson else None
        loss = loss_of(logits.float(), breed, mixed, job.teacher, lesson, stage.smoothing)
        if lesson:
            hints = lesson.hints(size // 32)
            loss = loss + HINT_WEIGHT * loss_of_hints(foretold.float(), hints)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        average.update(model, step)
        losses.append(loss.detach())
        now, stop = time.time(), bool(stopping)
        if now - logged_at > LOG_SECONDS or stop:
            log(f"step {step + 1}/{steps} size {size} loss {torch.stack(losses).mean():.3f}"
                f" {len(losses) * args.batch / (time.time() - logged_at):.0f} photos/s")
            logged_at, losses = time.time(), []
        if now - saved_at > CHECKPOINT_SECONDS or stop or step + 1 == steps:
            save(step + 1)
            saved_at = time.time()
        if (step + 1) % args.report == 0 or step + 1 == steps:
            report(job, model, average, size)
            logged_at, losses = time.time(), []
        if stop:
            log("stopped; the same command goes on from here")
            return


def report(job: Job, model: Vgg16, average: Averaged, size: int) -> None:
    """Logs the averaged network's accuracy over the labels' breeds on held-out photos."""
    judged = Vgg16(model.plan, len(job.classes)).to(job.device, memory_format=torch.channels_last)
    judged.load_state_dict(average.state)
    judged.eval()
    photos = job.photos
    labels = [photos.breeds[breed] for breed in job.targets]
    chosen = held_out(photos, labels, photos.files[0].split("/")[0])
    size = max(size, 128)
    logits = predict(judged, photos, chosen, "squash", size, job.device)
    right = job.targets[logits[:, job.class_of[job.targets]].argmax(1)] == photos.breed[chosen]
    crop = photos.crop_view[chosen]
    kinds = {"full": right[~crop], "crop": right[crop]}
    shares = [f"{kind} {each.mean():.3f}" for kind, each in kinds.items() if len(each) > 0]
    log(f"held out at {size} px: {' '.join(shares)}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=sorted(STAGES))
    parser.add_argument("--photos", type=Path, required=True, help="holds SPLIT/CLASS/*.jpg")
    parser.add_argument("--splits", nargs="+", default=["train", "pretrain"],
                        help="folders to train on; held-out photos are judged from the first")
    parser.add_argument("--labels", type=Path, required=True, help="the breeds to tell, one a line")
    parser.add_argument("--teacher", type=Path, help="folder of the teacher (see distil.py)")
    parser.add_argument("--run", type=Path, required=True, help="folder of caches and checkpoints")
    parser.add_argument("--init", type=Path, help="checkpoint or exported file to start from")
    parser.add_argument("--total", type=int, help="photos to see in all (default: the stage's)")
    parser.add_argument("--rate", type=float, help="highest learning rate (default: the stage's)")
    parser.add_argument("--sizes", type=size_from, nargs="+", metavar="SHARE:PIXELS",
                        help="picture sizes, such as 0:128 0.4:160 (default: the stage's)")
    parser.add_argument("--channels", type=int, nargs=5, default=Plan.channels)
    parser.add_argument("--hidden", type=int, nargs=2, default=Plan.hidden)
    parser.add_argument("--batch", type=int, default=512, help="lower the rate with it (default: 512)")
    parser.add_argument("--report", type=int, default=1000, help="steps between reports")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    args.run.mkdir(parents=True, exist_ok=True)
    try:
        train(args)
    except data.DataError as error:
        raise SystemExit(f"train.py: {error}") from None


if __name__ == "__main__":
    main()
