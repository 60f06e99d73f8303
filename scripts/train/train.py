"""Trains VGG16's plan on a photo folder: first on all its breeds, then on the labels' breeds.

Every step draws its photos and views from (seed, step) alone, so that a run that was interrupted
goes on from its last checkpoint as if it had not been.
"""
from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import tempfile
import time
from bisect import bisect_right
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import distributed, nn

import data
import distil
import evaluate
import tensors
from model import Plan, Vgg16, autocast

TEACHER_TEMPERATURE = 1.5
TEACHER_SHARE = 0.7  # of the loss; the rest is the true breed
TARGET_WEIGHT = 5.0  # how much more often a labels' breed is drawn in pretraining
HINT_WEIGHT = 4.0  # of foretelling the teacher's features, in the loss
NO_DOG_SHARE = 0.05  # of the views: background alone
CHECKPOINT_SECONDS = 120


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
        return self.rate * 0.5 * (1 + np.cos(np.pi * along)) + 1e-5


STAGES = {
    "pretrain": Stage(400_000, 0.1, 0.03, ((0.0, 64), (0.4, 96), (0.95, 128))),
    "finetune": Stage(100_000, 0.03, 0.03, ((0.0, 128), (0.4, 160), (0.75, 224)), average=0.995),
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
        return np.array([self.groups[g][rng.integers(len(self.groups[g]))] for g in groups])


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


def loss_of(
    logits: torch.Tensor, breed: torch.Tensor, teacher: torch.Tensor | None, smoothing: float
) -> torch.Tensor:
    """Cross entropy to the breed and, where the teacher knows the breed, to its soft labels.

    A breed of -1 is a view without a dog; of it, all breeds shall be equally likely.
    """
    dog = breed >= 0
    breed = breed.clamp(min=0)
    hard = nn.functional.cross_entropy(logits, breed, label_smoothing=smoothing, reduction="none")
    hard = torch.where(dog, hard, -logits.log_softmax(1).mean(1))
    if teacher is None:
        return hard.mean()
    knows = torch.isfinite(teacher.gather(1, breed[:, None]))[:, 0] & dog
    t = TEACHER_TEMPERATURE
    target = (teacher / t).softmax(1)
    soft = -(target * (logits / t).log_softmax(1)).sum(1) * t * t
    share = torch.where(knows, TEACHER_SHARE, 0.0)
    return ((1 - share) * hard + share * torch.where(knows, soft, hard)).mean()


def loss_of_hints(foretold: torch.Tensor, hints: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """Mean square distance to the teacher's features [N, H, W, C] where a photo is seen."""
    distance = (foretold.permute(0, 2, 3, 1) - hints).square().sum(3)
    return (distance * seen).sum() / seen.sum().clamp(min=1)


class Team:
    """Processes that each take a share of every batch and average their gradients.

    One process a core beats one with as many threads: it waits for the others once a step, not
    at every operation, which matters when something else runs on the machine.
    """

    def __init__(self, rank: int, count: int, meeting: str):
        self.rank, self.count = rank, count
        if count > 1:
            distributed.init_process_group(
                "gloo", init_method=f"file://{meeting}", rank=rank, world_size=count
            )

    def average(self, parameters: list[nn.Parameter], stop: bool, loss: float) -> tuple[bool, float]:
        """Averages the gradients in place; whether any process wants to stop, the mean loss."""
        if self.count == 1:
            return stop, loss
        grads = [p.grad for p in parameters]
        flat = torch.cat([g.flatten() for g in grads] + [torch.tensor([float(stop), loss])])
        distributed.all_reduce(flat)
        flat /= self.count
        start = 0
        for grad in grads:
            grad.copy_(flat[start : start + grad.numel()].view_as(grad))
            start += grad.numel()
        return bool(flat[-2] > 0), float(flat[-1])


@dataclass
class Lesson:
    """What the teacher says of a batch of views."""

    soft: torch.Tensor  # [N, classes] logits, -inf for breeds it does not know
    hints: torch.Tensor  # [N, cells, cells, components] its features
    seen: torch.Tensor  # [N, cells, cells] how much of a cell shows the photo

    @staticmethod
    def of(teacher: distil.Teaching, chosen: np.ndarray, views: list[data.View],
           cells: int) -> "Lesson":
        soft = [teacher.soft_label(int(i), view.box) for i, view in zip(chosen, views)]
        hints = [teacher.hints(int(i), view, cells) for i, view in zip(chosen, views)]
        parts = soft, [values for values, _ in hints], [seen for _, seen in hints]
        return Lesson(*(torch.from_numpy(np.stack(part)) for part in parts))

    def to(self, device: torch.device) -> "Lesson":
        return Lesson(*(part.to(device) for part in (self.soft, self.hints, self.seen)))


@dataclass
class Job:
    """What all processes share: the photos and which of them the stage is about."""

    photos: data.Photos
    targets: np.ndarray  # the labels' breeds, as indices into photos.breeds
    classes: np.ndarray  # the network's outputs, likewise
    class_of: np.ndarray  # the inverse: breed -> output, -1 where there is none
    pool: np.ndarray  # photos to train on
    weights: np.ndarray  # how often a breed is drawn
    teacher: distil.Teaching | None


def prepare(args: argparse.Namespace) -> Job:
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
        teacher = distil.teach(photos, args.teacher, args.run, log)
    log(f"{len(pool)} photos of {len(classes)} breeds, {photos.holdout.sum()} held out")
    return Job(photos, targets, classes, class_of, pool, weights, teacher)


def start(args: argparse.Namespace, job: Job, device: torch.device):
    """Network, average, optimiser state (or None) and first step: resumed, from --init, or new."""
    classes = job.classes
    resumed = args.run / f"{args.stage}.pt"
    hints = distil.COMPONENTS if job.teacher else 0
    saved = None
    if resumed.exists():
        saved = torch.load(resumed, map_location="cpu")
        model = Vgg16(Plan.from_dict(saved["plan"]), len(classes))
        model.load_state_dict(saved["model"])
    elif args.init and args.init.suffix == ".safetensors":
        model = from_plain(args, job, hints)
    elif args.init:
        earlier = torch.load(args.init, map_location="cpu")
        model = Vgg16(replace(Plan.from_dict(earlier["plan"]), hints=hints), len(classes))
        state = earlier["average"]
        rows = [earlier["classes"].index(c) for c in classes.tolist()]
        for name in ("predictions.weight", "predictions.bias"):
            state[name] = state[name][rows]
        model.load_state_dict({**model.state_dict(), **state}, strict=bool(hints))
    else:
        model = Vgg16(Plan(tuple(args.channels), tuple(args.hidden), hints=hints), len(classes))
    model = model.to(device, memory_format=torch.channels_last)
    average = Averaged(model, stage_of(args).average)
    if saved:
        average.state = {k: v.to(device) for k, v in saved["average"].items()}
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
    views = data.RandomViews(job.photos, job.pool, rng)
    chosen = Sampler(job.photos, job.pool, job.weights).draw(256, rng)
    batch = np.stack([views.view(int(i), 128).pixels for i in chosen])
    x = data.normalise(torch.from_numpy(batch), torch.device("cpu"))
    model.load_plain(weights, [named[label] for label in labels], x)
    return model


def train(args: argparse.Namespace) -> None:
    """Runs the stage to its end, or until SIGTERM or SIGINT."""
    job = prepare(args)
    with tempfile.TemporaryDirectory() as folder:
        meeting = f"{folder}/meeting"
        # Forked, and before PyTorch starts threads, so that all share one copy of the photos.
        context = multiprocessing.get_context("fork")
        for rank in range(1, args.processes):
            context.Process(target=work, args=(args, job, rank, meeting), daemon=True).start()
        work(args, job, 0, meeting)


def work(args: argparse.Namespace, job: Job, rank: int, meeting: str) -> None:
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // args.processes))
    torch.manual_seed(args.seed)
    team = Team(rank, args.processes, meeting)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    stage, photos = stage_of(args), job.photos
    steps = stage.photos // args.batch
    share = args.batch // args.processes

    model, average, optimiser_state, first = start(args, job, device)
    parameters = list(model.parameters())
    decayed = [p for p in parameters if p.dim() > 1]
    others = [p for p in parameters if p.dim() <= 1]
    optimiser = torch.optim.SGD(
        [{"params": decayed, "weight_decay": stage.weight_decay}, {"params": others}],
        lr=stage.rate, momentum=0.9, nesterov=True,
    )
    if optimiser_state:
        optimiser.load_state_dict(optimiser_state)
    sampler = Sampler(photos, job.pool, job.weights)

    def make(offset: int):
        step = first + offset
        rng = np.random.default_rng([args.seed, step, rank])
        views = data.RandomViews(photos, job.pool, rng)
        chosen = sampler.draw(share, rng)
        size = stage.size(step / steps)
        seen = [views.view(int(i), size) for i in chosen]
        pixels = np.stack([view.pixels for view in seen])
        breed = torch.from_numpy(job.class_of[photos.breed[chosen]])
        no_dog = np.flatnonzero(rng.random(share) < NO_DOG_SHARE)
        for k in no_dog:
            pixels[k] = views.without_dog(int(chosen[k]), size)
            breed[k] = -1
        lesson = None
        if job.teacher:
            lesson = Lesson.of(job.teacher, chosen, seen, size // 32)
            lesson.soft = lesson.soft[:, job.classes]
            lesson.seen[no_dog] = 0
        return breed, lesson, torch.from_numpy(pixels)

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
    seen, losses = 0, []
    for offset, (breed, lesson, views) in enumerate(data.prefetch(make, steps - first)):
        step = first + offset
        seed = (args.seed * 1_000_003 + step) * 64 + rank
        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)  # dropout
        for group in optimiser.param_groups:
            group["lr"] = stage.learning_rate(step / steps)
        model.train()
        x = views.to(device).permute(0, 3, 1, 2).float().div_(255.0)
        x = data.standardise(data.jitter_colour(x, generator))
        x = x.contiguous(memory_format=torch.channels_last)
        breed = breed.to(device)
        with autocast(device):
            features = model.features(x)
            logits = model.classify(features)
            foretold = model.foretell(features) if lesson else None
        if lesson:
            lesson = lesson.to(device)
            loss = loss_of(logits.float(), breed, lesson.soft, stage.smoothing)
            loss = loss + HINT_WEIGHT * loss_of_hints(foretold.float(), lesson.hints, lesson.seen)
        else:
            loss = loss_of(logits.float(), breed, None, stage.smoothing)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        stop, mean_loss = team.average(parameters, bool(stopping), float(loss))
        optimiser.step()
        if rank == 0:
            average.update(model, step)
            losses.append(mean_loss)
            seen += args.batch
            now = time.time()
            if now - logged_at > 30 or stop:
                log(f"step {step + 1}/{steps} size {views.shape[1]} loss {np.mean(losses):.3f}"
                    f" {seen / (now - logged_at):.0f} photos/s")
                logged_at, seen, losses = now, 0, []
            if now - saved_at > CHECKPOINT_SECONDS or stop or step + 1 == steps:
                save(step + 1)
                saved_at = now
            if (step + 1) % args.report == 0 or step + 1 == steps:
                report(job, model, average, stage.size(step / steps), device)
                logged_at, seen, losses = time.time(), 0, []
        if stop:
            log("stopped; the same command goes on from here")
            return


def report(job: Job, model: Vgg16, average: Averaged, size: int, device: torch.device) -> None:
    """Logs the averaged network's accuracy over the labels' breeds on held-out photos."""
    judged = Vgg16(model.plan, len(job.classes)).to(device, memory_format=torch.channels_last)
    judged.load_state_dict(average.state)
    judged.eval()
    photos = job.photos
    labels = [photos.breeds[breed] for breed in job.targets]
    chosen = evaluate.held_out(photos, labels, photos.files[0].split("/")[0])
    size = max(size, 128)
    logits = evaluate.predict(judged, photos, chosen, "squash", size, device)
    right = job.targets[logits[:, job.class_of[job.targets]].argmax(1)] == photos.breed[chosen]
    crop = photos.crop_view[chosen]
    log(f"held out at {size} px: full {right[~crop].mean():.3f} crop {right[crop].mean():.3f}")


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
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--processes", type=int, default=1, help="one a core is best on CPUs")
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
