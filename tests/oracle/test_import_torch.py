"""Files of PyTorch that `gradcam convert` imports give the logits and maps that PyTorch computes;
what would give others is refused."""
from __future__ import annotations

import copy
import json
import os
import pickle
import resource
import struct
import subprocess
import unittest
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, Callable, Iterator, Tuple

import numpy as np
import torch
import torch.nn.functional as F
import torch.nn.utils.prune

from foreign_models import (
    BLOCKS, CLASSES, DENSE, GRADCAM, GRID, SIDE, ImportCase, OldPickle, Parameters, TorchVgg16,
    average_top, flatten_top, random_parameters, tensors, torch_state,
)


class Normalize(torch.nn.Module):
    """As in models that take photos in [0, 1]."""


class OwnTensor(torch.Tensor):
    """As fastai has them."""


def rebuild_with_state(*_: object) -> None:
    """What PyTorch 2 calls for parameters with attributes."""


class ParameterWithState(torch.nn.Parameter):
    """A parameter as PyTorch 2 saves those with attributes."""

    def __reduce_ex__(self, protocol: int) -> tuple:
        return rebuild_with_state, (self.data, True, OrderedDict(), {"lr_scale": 10})


rebuild_with_state.__module__ = "torch._utils"
rebuild_with_state.__name__ = rebuild_with_state.__qualname__ = "_rebuild_parameter_with_state"
torch._utils._rebuild_parameter_with_state = rebuild_with_state


class Twice(torch.nn.Module):
    """What computes something has no tensors, always."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return 2 * values


class FlattenAll(torch.nn.Module):
    """As tutorials write it."""


class Computing(TorchVgg16):
    """With something before, between and behind its layers; nothing here."""

    def before(self, photos: torch.Tensor) -> torch.Tensor:
        return photos

    def between(self, values: torch.Tensor) -> torch.Tensor:
        return torch.flatten(values, 1)

    def behind(self, logits: torch.Tensor) -> torch.Tensor:
        return logits

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        values = self.between(self.features(self.before(photos)))
        return self.behind(self.classifier(values))


class Flips(Computing):
    def before(self, photos: torch.Tensor) -> torch.Tensor:
        return photos.flip(1)


class Shifts(Computing):
    def before(self, photos: torch.Tensor) -> torch.Tensor:
        return (photos - 0.5) / 0.2


class Permutes(Computing):
    def between(self, values: torch.Tensor) -> torch.Tensor:
        return torch.flatten(values.permute(0, 2, 3, 1), 1)


class TakesNorm(Computing):
    def between(self, values: torch.Tensor) -> torch.Tensor:
        return F.normalize(torch.flatten(values, 1))


class Averages(Computing):
    def between(self, values: torch.Tensor) -> torch.Tensor:
        return values.mean((2, 3))


class TakesMaxima(Computing):
    def between(self, values: torch.Tensor) -> torch.Tensor:
        return values.amax((2, 3))


class Views(Computing):
    def between(self, values: torch.Tensor) -> torch.Tensor:
        return F.dropout(F.relu(values), training=self.training).view(values.size(0), -1)


class Halves(Computing):
    def behind(self, logits: torch.Tensor) -> torch.Tensor:
        return logits * 0.5


class RectifiesLogits(Computing):
    def behind(self, logits: torch.Tensor) -> torch.Tensor:
        return F.relu(logits)


class GivesProbabilities(Computing):
    def behind(self, logits: torch.Tensor) -> torch.Tensor:
        return F.log_softmax(logits, 1)


class Skips(Computing):
    def behind(self, logits: torch.Tensor) -> torch.Tensor:
        return self.classifier[6](F.relu(self.classifier[3](F.relu(logits))))


class LooksTwice(Computing):
    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        return (self.classifier(self.between(self.features(photos))) +
                self.classifier(self.between(self.features(photos.flip(3)))))


class Pools(Computing):
    def between(self, values: torch.Tensor) -> torch.Tensor:
        return F.adaptive_avg_pool2d(values, 1).reshape(-1, values.size(1))


class Chooses(Computing):
    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self.flips = False

    def between(self, values: torch.Tensor) -> torch.Tensor:
        if self.flips or self.training:
            values = values.flip(2)
        return torch.flatten(values, 1)


class Checks(Computing):
    def before(self, photos: torch.Tensor) -> torch.Tensor:
        is_photo = photos.dim() == 4 and photos.size(1) == 3
        if not is_photo:
            raise ValueError("a photo is expected")
        return photos


class Doubts(Computing):
    def between(self, values: torch.Tensor) -> torch.Tensor:
        if values.size(2) > 1:
            values = F.relu(self.features[28](values))
        return torch.flatten(values, 1)


class Repeats(Computing):
    def before(self, photos: torch.Tensor) -> torch.Tensor:
        for _ in range(photos.size(0)):
            photos = photos * 2
        return photos


def doubles(_: torch.nn.Module, inputs: Tuple[torch.Tensor], output: torch.Tensor
            ) -> torch.Tensor:
    return output * 2


class TorchImport(ImportCase):
    def test_torchvision_in_both_containers(self) -> None:
        path = self.folder / "vgg16-397923af.pth"
        for is_zip in (True, False):  # the official one is not
            with self.subTest(zip=is_zip):
                torch.save(torch_state(self.parameters), path,
                           _use_new_zipfile_serialization=is_zip)
                preprocess = json.loads(self.import_file(path)["preprocess"])
                self.assertEqual((preprocess["resize"], preprocess["shorter_side"],
                                  preprocess["crop"]), ("shorter_side", 73, SIDE))
                self.assertEqual(tensors.read(self.out)[1]["source"], path.name)
                self.expect_answer(self.torchvision_input())

    def test_torch_checkpoint_of_several_devices(self) -> None:
        path = self.folder / "checkpoint.pt"
        state = {f"module.{name}": values for name, values in torch_state(self.parameters).items()}
        torch.save({"state_dict": state, "epoch": 3}, path)
        self.import_file(path)
        self.expect_answer(self.torchvision_input())

    def test_torch_whole_models(self) -> None:
        """`torch.save(model, path)`: a program, of which nothing is run."""
        path = self.folder / "model.pth"
        for is_zip in (True, False):
            for half in (False, True):
                with self.subTest(zip=is_zip, half=half):
                    model = TorchVgg16(self.parameters)
                    torch.save(model.half() if half else model, path,
                               _use_new_zipfile_serialization=is_zip)
                    self.import_file(path)
                    self.expect_answer(self.torchvision_input(), close=2e-2 if half else 1e-4)

    def test_torch_tops(self) -> None:
        path = self.folder / "dogs.pth"
        for hidden, names in (([24], (".0", ".3")), ([], (".0",)), ([33, 18], (".0", ".3", ".6.1")),
                              ([], ("",)), ([33, 18], (".in", ".hidden", ".answer"))):
            with self.subTest(hidden=hidden, names=names):
                self.parameters = random_parameters(CLASSES, hidden)
                torch.save(torch_state(self.parameters, names), path)
                self.import_file(path)
                self.expect_answer(self.torchvision_input())
        self.out.unlink()
        self.parameters = random_parameters(CLASSES, [], averages=True)
        torch.save(torch_state(self.parameters, (".0",)), path)
        self.expect_failure(path, "classifier.0.weight", "weights alone do not tell")

    def test_torch_averages(self) -> None:
        """Which a whole model tells, but not how large its photos were."""
        self.photo = np.random.default_rng(3).integers(0, 256, (224, 224, 3), np.uint8)
        path = self.folder / "dogs.pth"
        for hidden in ([24], []):
            for size in (1, (1, 1)):
                with self.subTest(hidden=hidden, size=size):
                    self.parameters = random_parameters(CLASSES, hidden, averages=True)
                    model = TorchVgg16(self.parameters)
                    classifier = model._modules.pop("classifier")
                    model.avgpool = torch.nn.AdaptiveAvgPool2d(size)
                    model.classifier = classifier
                    torch.save(model, path)
                    self.import_file(path)
                    self.expect_answer(self.torchvision_input(), average_top)

    def test_torch_averages_that_no_module_computes(self) -> None:
        """Which other files of the same model tell."""
        path = self.folder / "dogs.pth"
        self.parameters = random_parameters(averages=True)
        model = Averages(self.parameters).eval()
        torch.save(model, path)
        self.expect_failure(path, "none is an AdaptiveAvgPool2d: save it as ONNX, or by torch.jit")
        torch.save(model.state_dict(), path)
        self.expect_failure(path, "weights alone do not tell: save the whole model")

    def test_torch_checkpoints_with_other_tensors(self) -> None:
        path = self.folder / "checkpoint.ckpt"
        state = torch_state(self.parameters)
        lightning = {f"model.{name}": values for name, values in state.items()}
        parallel = {name.replace("features.", "features.module."): values
                    for name, values in state.items()}
        for saved in ({"epoch": 3, "best_acc1": torch.ones(1), "state_dict": parallel,
                       "optimizer": {"state": {0: {"exp_avg": torch.ones(3, 4)}}}},
                      {"callbacks": {"ModelCheckpoint": {"best_model_score": torch.ones(())}},
                       "state_dict": lightning, "loops": {}},
                      {"loss": torch.ones(2, 2), "model": state, "state_dict_ema": state}):
            torch.save(saved, path)
            self.import_file(path)
            self.expect_answer(self.torchvision_input())

    def test_torch_checkpoints_with_much_beside(self) -> None:
        """As training scripts leave it, in all protocols of pickle."""
        path = self.folder / "checkpoint.pth"
        saved = {"arguments": OrderedDict(lr=0.1), "bytes": bytearray(b"x" * 300),
                 "steps": 10**30, "log": [float(i) for i in range(150_000)],
                 "state_dict": torch_state(self.parameters)}
        for is_zip in (True, False):
            for protocol in (2, 3, 4, 5):
                with self.subTest(zip=is_zip, protocol=protocol):
                    torch.save(saved, path, pickle_protocol=protocol,
                               _use_new_zipfile_serialization=is_zip)
                    self.import_file(path)
                    self.expect_answer(self.torchvision_input())
            self.out.unlink()
            torch.save({"text": "x" * 5_000_000, **saved}, path,
                       _use_new_zipfile_serialization=is_zip)
            self.expect_failure(path, "more than 4 MiB", "model.state_dict()")

    def test_torch_kinds_of_tensors(self) -> None:
        """A layer whose tensors are not read would not be there at all."""
        path = self.folder / "model.pth"
        for make in (torch.nn.Parameter, ParameterWithState, lambda t: t.as_subclass(OwnTensor)):
            state = torch_state(self.parameters)
            state["classifier.3.weight"] = make(state["classifier.3.weight"])
            torch.save(state, path)
            self.import_file(path)
            self.expect_answer(self.torchvision_input())
        model = TorchVgg16(self.parameters)
        for name in ("weight", "bias"):
            setattr(model.classifier[6], name, ParameterWithState(
                getattr(model.classifier[6], name).detach()))
        torch.save(model, path)
        self.import_file(path)
        self.expect_answer(self.torchvision_input())
        self.out.unlink()
        model.classifier[6].weight = torch.nn.Parameter(model.classifier[6].weight.data.to_sparse())
        for saved in (model, model.state_dict()):
            torch.save(saved, path)
            self.expect_failure(path, '"classifier.6.weight" is no plain tensor', "sparse")

    def test_torch_pickles_that_are_not_of_torch(self) -> None:
        path = self.folder / "state.pth"
        for protocol in (2, 4, 5):
            path.write_bytes(pickle.dumps(torch_state(self.parameters), protocol))
            self.expect_failure(path, "a pickle of Python", "torch.save(model.state_dict(), path)")
        path.write_bytes(b"")
        self.expect_failure(path, "is empty")

    def test_torch_tops_of_very_many_classes(self) -> None:
        """The layers that are lacking would take gigabytes."""
        path = self.folder / "state.pth"
        state = torch_state(self.parameters[:13])
        state["classifier.weight"] = torch.ones(8193, GRID * GRID * BLOCKS[-1][-1])
        state["classifier.bias"] = torch.ones(8193)
        torch.save(state, path)
        self.expect_failure(path, '"classifier.weight" has 8193 outputs', "may have 8192")

    def test_torch_models_with_other_activations(self) -> None:
        path = self.folder / "model.pth"
        model = TorchVgg16(self.parameters)
        model.classifier[1] = torch.nn.Tanh()
        torch.save(model, path)
        self.expect_failure(path, '"Tanh"', '"classifier.1"')

    def test_torch_models_in_another_order(self) -> None:
        """What has no weights is told by whole models."""
        path = self.folder / "model.pth"
        relu, nothing = torch.nn.ReLU(), torch.nn.Identity()
        for name, change, says in (
            ("no ReLU", lambda m: m.classifier.__setitem__(1, nothing), "classifier"),
            ("softmax between", lambda m: m.classifier.__setitem__(2, torch.nn.Softmax(1)),
             "classifier"),
            ("a ReLU at the end", lambda m: m.classifier.append(relu), "last dense layer"),
            ("no ReLU in features", lambda m: m.features.__setitem__(1, nothing), "features"),
            ("no pool", lambda m: m.features.__setitem__(16, nothing), "features"),
            ("cut", lambda m: setattr(m, "features", m.features[:30]), "features"),
            ("another pool", lambda m: setattr(m, "avgpool", torch.nn.AdaptiveAvgPool2d(3)),
             "AdaptiveAvgPool2d"),
        ):
            with self.subTest(name):
                model = TorchVgg16(self.parameters)
                change(model)
                for is_zip in (True, False):
                    torch.save(model, path, _use_new_zipfile_serialization=is_zip)
                    self.expect_failure(path, says)

    def test_torch_script(self) -> None:
        path = self.folder / "script.pt"
        photo = torch.rand(1, 3, SIDE, SIDE)
        for saves in (torch.jit.script, lambda model: torch.jit.trace(model, photo)):
            model = TorchVgg16(self.parameters).eval()
            saves(model).save(str(path))
            self.import_file(path)
            self.expect_answer(self.torchvision_input())
            self.out.unlink()
            model.classifier[1] = torch.nn.Tanh()
            saves(model).save(str(path))
            self.expect_failure(path, '"Tanh"', '"classifier.1"')
            model.classifier[1] = torch.nn.Identity()
            saves(model).save(str(path))
            self.expect_failure(path, "does not follow", '"classifier"')
            model.classifier[1] = torch.nn.Sequential(torch.nn.ReLU(), Twice())
            saves(model).save(str(path))
            self.expect_failure(path, '"classifier.1.1"', '"Twice"')

    def save_scripts(self, model: torch.nn.Module, side: int = SIDE) -> Iterator[Path]:
        """As it is scripted, and as it is traced."""
        path = self.folder / "script.pt"
        torch.jit.script(model).save(str(path))
        yield path
        torch.jit.trace(model, torch.rand(1, 3, side, side)).save(str(path))
        yield path

    def expect_answer_of(self, model: torch.nn.Module) -> None:
        image = torch.from_numpy(self.torchvision_input().transpose(2, 0, 1))[None]
        with torch.no_grad():
            logits = model.double()(image)[0].numpy()
        model.float()
        actual = self.engine_answer()[0]
        self.assertLess(np.abs(actual - logits).max(), 1e-4 * np.abs(logits).max())

    def test_torch_script_settings(self) -> None:
        """Which its code has, and its pickle has not."""
        def all_of(kind: type, **settings: Any) -> Callable[[torch.nn.Module], None]:
            def change(model: torch.nn.Module) -> None:
                for module in model.modules():
                    if isinstance(module, kind):
                        module.__dict__.update(settings)
            return change

        conv, pool = torch.nn.Conv2d, torch.nn.MaxPool2d
        norm = torch.nn.BatchNorm2d
        rng = np.random.default_rng(4)
        for name, change, says in (
            ("batch normalisation", all_of(norm), ""),
            ("its eps", all_of(norm, eps=0.1), ""),
            ("padding by name", all_of(conv, padding="same"), ""),
            ("dilation", all_of(conv, dilation=(2, 2), padding=(2, 2)), "dilation [2, 2]"),
            ("padding", lambda m: m.features[0].__dict__.update(padding=(2, 2)), "padding [2, 2]"),
            ("padding mode", all_of(conv, padding_mode="reflect",
                                    _reversed_padding_repeated_twice=[1, 1, 1, 1]), "pad"),
            ("pool", all_of(pool, kernel_size=3, padding=1), "kernel_size [3, 3]"),
        ):
            with self.subTest(name):
                model = TorchVgg16(self.parameters)
                if "normalisation" in name or "eps" in name:
                    layers = []
                    for layer in model.features:
                        layers.append(layer)
                        if isinstance(layer, conv):
                            layers.append(norm(layer.out_channels))
                            for values in layers[-1].state_dict().values():
                                if values.is_floating_point():
                                    values.copy_(torch.from_numpy(rng.uniform(0.5, 2, len(values))))
                    model.features = torch.nn.Sequential(*layers)
                change(model.eval())
                for path in self.save_scripts(model):
                    if says:
                        self.expect_failure(path, says)
                        continue
                    self.import_file(path)
                    self.expect_answer_of(model)
                    self.out.unlink()

    def test_torch_script_forward_pass(self) -> None:
        for kind, says in ((Computing, ""), (Views, ""), (GivesProbabilities, ""),
                           (Flips, '"torch.flip"'), (Shifts, '"torch.sub"'),
                           (Permutes, '"torch.permute"'), (TakesNorm, "norm"),
                           (TakesMaxima, '"torch.amax"'), (Halves, '"torch.mul"'),
                           (RectifiesLogits, "nothing more"), (Skips, "nothing more"),
                           (LooksTwice, "no chain of layers")):
            with self.subTest(kind.__name__):
                self.parameters = random_parameters(averages=kind is TakesMaxima)
                self.parameters[15] = random_parameters(DENSE[0])[15] if kind is Skips else \
                    self.parameters[15]
                for path in self.save_scripts(kind(self.parameters).eval()):
                    if says:
                        self.expect_failure(path, says)
                        continue
                    self.import_file(path)
                    self.expect_answer(self.torchvision_input())
                    self.out.unlink()

    def test_torch_script_averages(self) -> None:
        self.photo = np.random.default_rng(3).integers(0, 256, (224, 224, 3), np.uint8)
        self.parameters = random_parameters(averages=True)
        for kind in (Averages, Pools):
            for path in self.save_scripts(kind(self.parameters).eval()):
                self.import_file(path)
                self.expect_answer(self.torchvision_input(), average_top)
                self.out.unlink()

    def test_torch_script_of_one_position(self) -> None:
        """Of 32 pixels: its code has neither averages nor maxima."""
        self.photo = self.photo[:32, :32]
        self.parameters = random_parameters(averages=True)
        for path in self.save_scripts(TorchVgg16(self.parameters).eval(), 32):
            self.import_file(path)
            self.expect_answer(self.torchvision_input())
            self.out.unlink()

    def test_torch_script_of_branches(self) -> None:
        """Settings tell which way they go, or a check before an error; a photo does not."""
        path = self.folder / "script.pt"
        for kind, says in ((Chooses, ""), (Checks, ""), (Doubts, "known only as it runs"),
                           (Repeats, "has a loop")):
            with self.subTest(kind.__name__):
                torch.jit.script(kind(self.parameters)).save(str(path))  # in training
                if says:
                    self.expect_failure(path, says)
                    continue
                self.import_file(path)
                self.expect_answer(self.torchvision_input())
                self.out.unlink()

    def test_torch_script_in_training(self) -> None:
        path = self.folder / "script.pt"
        torch.jit.trace(TorchVgg16(self.parameters), torch.rand(1, 3, SIDE, SIDE),
                        check_trace=False).save(str(path))
        self.expect_failure(path, '"torch.dropout"', "eval() is to be called")

    def test_torch_script_without_its_weights(self) -> None:
        path = self.folder / "script.pt"
        torch.jit.freeze(torch.jit.script(TorchVgg16(self.parameters).eval())).save(str(path))
        self.expect_failure(path, "torch.jit.freeze")

    def test_torch_script_with_hooks(self) -> None:
        path = self.folder / "script.pt"
        for at in (0, 30):
            model = TorchVgg16(self.parameters).eval()
            model.features[at].register_forward_hook(doubles)
            torch.jit.script(model).save(str(path))
            self.expect_failure(path, "forward pass")

    def test_torch_script_with_damaged_code(self) -> None:
        """Whatever it says, the importer ends."""
        path = self.folder / "script.pt"
        rng = np.random.default_rng(5)
        for saved in self.save_scripts(TorchVgg16(self.parameters).eval()):
            with zipfile.ZipFile(saved) as archive:
                entries = {name: archive.read(name) for name in archive.namelist()}
            texts = [name for name in entries if name.endswith(".py")]
            for name in [*texts, *rng.choice(texts, 40)]:
                text = bytearray(entries[name])
                at, end = sorted(rng.integers(0, len(text) + 1, 2))
                change = rng.integers(4)
                if change == 0:
                    del text[at:]
                elif change == 1:
                    del text[at:end]
                elif change == 2:
                    text[at:at] = text[at:end]
                else:
                    text[at:at + 1] = bytes(rng.choice(list(b"()[]:,.\"= 0-\n{\xff"), 3))
                with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                    for other, content in entries.items():
                        archive.writestr(other, bytes(text) if other == name else content,
                                         zipfile.ZIP_DEFLATED if other.endswith(".py")
                                         else zipfile.ZIP_STORED)
                result = self.run_import(path, self.out)
                self.assertIn(result.returncode, (0, 1, 2), result.stderr)
                self.assertLessEqual(len(result.stderr.splitlines()), 1, result.stderr)

    def test_torch_models_that_compute_more(self) -> None:
        path = self.folder / "model.pth"
        model = TorchVgg16(self.parameters)
        model.normalize = Normalize()
        torch.save(model, path)
        self.expect_failure(path, '"normalize"', '"Normalize"')
        model.normalize = FlattenAll()
        torch.save(model, path)
        self.import_file(path)
        self.out.unlink()
        model.register_buffer("mean", torch.zeros(3))
        for saved in (model, model.state_dict()):
            torch.save(saved, path)
            self.expect_failure(path, '"mean"')

    def test_torch_kinds_of_modules_that_are_not_known(self) -> None:
        path = self.folder / "model.pth"
        width = DENSE[0]
        for module in (torch.nn.ChannelShuffle(3), torch.nn.Bilinear(2, 2, 2),
                       torch.nn.BatchNorm1d(width, affine=False, track_running_stats=False)):
            model = TorchVgg16(self.parameters)
            model.classifier[2] = module
            torch.save(model, path)
            self.expect_failure(path, '"classifier.2"', type(module).__name__)

    def test_torch_sequentials_in_sequentials(self) -> None:
        path = self.folder / "model.pth"
        model = TorchVgg16(self.parameters)
        in_one, relu = model.classifier, torch.nn.ReLU()

        def parts(*between: torch.nn.Module) -> torch.nn.Sequential:
            return torch.nn.Sequential(*(torch.nn.Sequential(in_one[n], *between) for n in (0, 3)),
                                       torch.nn.Sequential(in_one[6]))

        model.classifier = parts(relu, torch.nn.Dropout())
        torch.save(model, path)
        self.import_file(path)
        self.expect_answer(self.torchvision_input())
        self.out.unlink()
        for between, says in (((), "by a ReLU"), ((relu, torch.nn.Softmax(1)), "Softmax")):
            model.classifier = parts(*between)
            torch.save(model, path)
            self.expect_failure(path, '"classifier"', says)
        model = TorchVgg16(self.parameters)
        model.features[3] = torch.nn.Sequential(relu, torch.nn.Softmax(1))
        torch.save(model, path)
        self.expect_failure(path, '"features"')

    def test_torch_layers_with_other_tensors(self) -> None:
        """Which change what they compute; what a weight was made of does not."""
        path = self.folder / "model.pth"
        for name in ("classifier.3.lora_A", "classifier.3.weight_mask", "features.0.scale"):
            state = list(torch_state(self.parameters).items())
            for at in (2, len(state)):
                torch.save(OrderedDict([*state[:at], (name, torch.ones(3, 2)), *state[at:]]), path)
                self.expect_failure(path, f'"{name}"')
        model = TorchVgg16(self.parameters)
        torch.nn.utils.prune.identity(model.classifier[0], "weight")
        torch.nn.utils.prune.identity(model.features[2], "bias")
        torch.nn.utils.weight_norm(model.classifier[3])
        torch.save(model.state_dict(), path)
        self.expect_failure(path, '"features.2.bias_mask"')
        with torch.no_grad():
            model(torch.zeros(1, 3, SIDE, SIDE))
        model.classifier[3].weight = model.classifier[3].weight.detach()
        torch.save(model, path)
        self.import_file(path)
        self.expect_answer(self.torchvision_input())
        self.out.unlink()
        model.other = torch.nn.Module()
        for name in ("scale", "scale_orig"):
            model.other.register_buffer(name, torch.ones(3))
        torch.save(model, path)
        self.expect_failure(path, '"other.scale"')

    def test_torch_heads_and_losses_beside_a_backbone(self) -> None:
        path = self.folder / "checkpoint.ckpt"
        state = OrderedDict({"criterion.weight": torch.ones(CLASSES)})
        for name, values in torch_state(self.parameters).items():
            head = name.replace("classifier.6", "head")
            state[f"backbone.{name}" if head == name else head] = values
        state["loss_fn.pos_weight"] = torch.ones(CLASSES)
        torch.save({"state_dict": state}, path)
        self.import_file(path)
        self.expect_answer(self.torchvision_input())
        model = TorchVgg16(self.parameters)
        model._modules = {"criterion": torch.nn.CrossEntropyLoss(torch.ones(CLASSES)),
                          **model._modules}
        torch.save(model, path)
        self.import_file(path)
        self.expect_answer(self.torchvision_input())
        self.out.unlink()
        torch.save(OrderedDict((name.replace("head", "gloss"), values)
                               for name, values in state.items()), path)
        self.expect_failure(path, "gloss")
        torch.save({**state, "other.weight": torch.ones(2, 2, 2)}, path)
        self.expect_failure(path, '"other"', "which a VGG16 has not")

    def test_torch_convolutions_that_pad_by_name(self) -> None:
        path = self.folder / "model.pth"
        for padding in ("same", "valid"):
            model = TorchVgg16(self.parameters)
            model.features[0].padding = padding
            torch.save(model, path)
            if padding == "valid":
                self.expect_failure(path, '"features.0"', "Conv2d")
                continue
            self.import_file(path)
            self.expect_answer(self.torchvision_input())
            self.out.unlink()

    def test_torch_batch_normalisation_of_dense_layers(self) -> None:
        """Before a ReLU, as a state_dict tells, too; behind one, as whole models tell."""
        path = self.folder / "model.pth"
        rng = np.random.default_rng(2)
        for is_behind, is_affine in ((False, True), (False, False), (True, True), (True, False)):
            with self.subTest(is_behind=is_behind, is_affine=is_affine):
                model = TorchVgg16(self.parameters)
                norms = [torch.nn.BatchNorm1d(width, affine=is_affine, eps=1e-5).eval()
                         for width in DENSE]
                for norm in norms:
                    for values in norm.state_dict().values():
                        if values.is_floating_point():
                            values.copy_(torch.from_numpy(rng.uniform(0.5, 2, len(values))))
                layers = list(model.classifier)
                relu = torch.nn.ReLU()
                order = [((relu, norm) if is_behind else (norm, relu)) for norm in norms]
                model.classifier = torch.nn.Sequential(
                    layers[0], *order[0], torch.nn.Dropout(), layers[3], *order[1], layers[6])

                def top(x: torch.Tensor, dense: list) -> torch.Tensor:
                    x = x.flatten(1)
                    for layer, norm in zip(dense, norms):
                        x = F.linear(x, *layer)
                        x = norm.double()(F.relu(x)) if is_behind else F.relu(norm.double()(x))
                    return F.linear(x, *dense[-1])

                for saved in (model, model.state_dict()):
                    torch.save(saved, path)
                    if is_behind and saved is not model:
                        self.expect_failure(path, '"classifier.2"', "before its ReLU")
                        continue
                    self.import_file(path)
                    self.expect_answer(self.torchvision_input(), top)
                    self.out.unlink()
                    for norm in norms:
                        norm.float()
        model = TorchVgg16(self.parameters)
        model.classifier[5] = torch.nn.Sequential(torch.nn.Softmax(1), torch.nn.BatchNorm1d(DENSE[1]))
        torch.save(model, path)
        self.expect_failure(path, "follows a Softmax")
        model = TorchVgg16(self.parameters)
        model.classifier.insert(0, torch.nn.BatchNorm1d(GRID * GRID * BLOCKS[-1][-1]))
        torch.save(model, path)
        self.expect_failure(path, '"classifier.0"', "before its ReLU")

    def test_torch_weights_without_room_for_what_is_between(self) -> None:
        path = self.folder / "state.pth"
        torch.save(torch_state(self.parameters, (".0", ".1", ".2")), path)
        self.expect_failure(path, '"classifier.1"', "no room for a ReLU")
        state = torch_state(self.parameters)
        for before, after in (("features.2.", "features.1."), ("features.5.", "features.4.")):
            with self.subTest(after):
                torch.save({name.replace(before, after): values
                            for name, values in state.items()}, path)
                self.expect_failure(path, after[:-1], "no room for a ReLU, and a max-pool")

    def test_torch_other_vggs(self) -> None:
        path = self.folder / "model.pth"
        conv, relu, pool = torch.nn.Conv2d(3, 3, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2)
        for vgg, blocks in (("8 convolutions, as a VGG11", (1, 1, 2, 2, 2)),
                            ("10 convolutions, as a VGG13", (2, 2, 2, 2, 2)),
                            ("16 convolutions, as a VGG19", (2, 2, 4, 4, 4))):
            for between in ([relu], [torch.nn.BatchNorm2d(3), relu]):
                with self.subTest(vgg, between=between):
                    layers = [layer for convs in blocks
                              for layer in [conv, *between] * convs + [pool]]
                    model = TorchVgg16(self.parameters)
                    model.features = torch.nn.Sequential(*map(copy.deepcopy, layers))
                    model.classifier = torch.nn.Sequential(torch.nn.Linear(12, 2))
                    for saved in (model, model.state_dict()):
                        torch.save(saved, path)
                        self.expect_failure(path, vgg, "only a VGG16, with 13")
                    onnx = self.folder / "model.onnx"
                    torch.onnx.export(model.eval(), torch.rand(1, 3, SIDE, SIDE), onnx)
                    self.expect_failure(onnx, vgg)

    def test_torch_sigmoid(self) -> None:
        """Of one output; several are classes on their own."""
        path = self.folder / "model.pth"
        for classes in (1, CLASSES):
            self.parameters = random_parameters(classes)
            model = TorchVgg16(self.parameters)
            model.classifier.append(torch.nn.Sigmoid())
            torch.save(model, path)
            if classes > 1:
                self.expect_failure(path, "Sigmoid of several outputs")
                continue
            self.import_file(path)

            def both(x: torch.Tensor, dense: list) -> torch.Tensor:
                z = flatten_top(x, dense)
                return torch.cat([-z / 2, z / 2], 1)

            self.expect_answer(self.torchvision_input(), both)
            self.out.unlink()

    def test_torch_layers_that_are_not_read(self) -> None:
        path = self.folder / "model.pth"
        model = TorchVgg16(self.parameters)
        torch.save(torch.quantization.quantize_dynamic(model, {torch.nn.Linear}), path)
        self.expect_failure(path, "quantised")
        model.features[2] = torch.nn.Conv2d(*model.features[2].weight.shape[1::-1], 3, padding=1,
                                            bias=False)
        torch.save(model, path)
        self.expect_failure(path, 'lacks "features.2.bias"')

    def test_torch_tops_in_parts(self) -> None:
        path = self.folder / "model.pth"
        model = TorchVgg16(self.parameters)
        top = list(model.classifier)
        model.classifier, model.hidden = torch.nn.Sequential(*top[:3]), torch.nn.Sequential(*top[3:5])
        model.answer = top[6]
        torch.save(model, path)
        self.import_file(path)
        self.expect_answer(self.torchvision_input())

    def test_torch_whole_models_of_timm(self) -> None:
        """Its head averages the one position that its dense layers, convolutions, have left."""
        path = self.folder / "model.pth"
        model = TorchVgg16(self.parameters)
        dense = list(model.classifier)[::3]
        del model.classifier
        model.pre_logits, model.head = torch.nn.Module(), torch.nn.Module()
        for name, layer, side in (("fc1", dense[0], GRID), ("fc2", dense[1], 1)):
            channels = layer.in_features // side ** 2
            conv = torch.nn.Conv2d(channels, layer.out_features, side)
            conv.weight.data = layer.weight.data.reshape(conv.weight.shape)
            conv.bias = layer.bias
            setattr(model.pre_logits, name, conv)
        model.head.global_pool = torch.nn.AdaptiveAvgPool2d(1)
        model.head.fc = dense[2]
        torch.save(model, path)
        self.import_file(path)
        self.expect_answer(self.torchvision_input())

    def test_torch_models_with_other_settings(self) -> None:
        path = self.folder / "model.pth"
        for name, module in {
            "features.4": torch.nn.AvgPool2d(2), "features.9": torch.nn.MaxPool2d(3, 2, 1),
            "features.2": torch.nn.Conv2d(4, 5, 3, 2, 1), "features.5": torch.nn.Conv2d(5, 6, 3),
            "features.7": torch.nn.Conv2d(6, 7, 3, padding=1, groups=1, dilation=2),
            "features.3": torch.nn.LocalResponseNorm(2), "features.16": torch.nn.MaxPool2d(2, 2, 0, 2),
            "features.10": torch.nn.Conv2d(7, 8, 3, padding=1, padding_mode="reflect"),
        }.items():
            with self.subTest(name):
                model = TorchVgg16(self.parameters)
                model.features[int(name.split(".")[1])] = module
                torch.save(model, path)
                self.expect_failure(path, type(module).__name__, f'"{name}"')

    def test_torch_batch_normalisation_of_a_whole_model(self) -> None:
        """With an epsilon of its own, which a state_dict does not tell."""
        path = self.folder / "vgg16_bn.pth"
        layers: list[torch.nn.Module] = []
        folded: Parameters = []
        epsilon = 0.5
        ends = {1, 3, 6, 9, 12}
        for i, (weight, bias) in enumerate(self.parameters[:13]):
            conv = torch.nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
            conv.load_state_dict({"weight": torch.from_numpy(weight),
                                  "bias": torch.from_numpy(bias)})
            layers += [conv, torch.nn.BatchNorm2d(len(bias), eps=epsilon), torch.nn.ReLU()]
            layers += [torch.nn.MaxPool2d(2)] if i in ends else []
            factor = (1 + epsilon) ** -0.5  # of what has seen nothing
            folded.append((weight * factor, bias * factor))
        model = TorchVgg16(self.parameters)
        model.features = torch.nn.Sequential(*layers)
        torch.save(model, path)
        self.parameters = folded + self.parameters[13:]
        self.import_file(path)
        self.expect_answer(self.torchvision_input())

    def test_torch_batch_normalisation(self) -> None:
        """torchvision's vgg16_bn."""
        rng = np.random.default_rng(5)
        state = OrderedDict()
        folded: Parameters = []
        at = 0
        for block in range(5):
            for _ in BLOCKS[block]:
                weight, bias = self.parameters[len(folded)]
                scale, shift, mean = rng.standard_normal((3, len(bias)))
                variance = rng.uniform(0.5, 2, len(bias))
                norm = torch.nn.BatchNorm2d(len(bias)).double().eval()
                norm.load_state_dict({
                    "weight": torch.from_numpy(scale), "bias": torch.from_numpy(shift),
                    "running_mean": torch.from_numpy(mean),
                    "running_var": torch.from_numpy(variance),
                    "num_batches_tracked": torch.tensor(7)})
                state[f"features.{at}.weight"] = torch.from_numpy(weight)
                state[f"features.{at}.bias"] = torch.from_numpy(bias)
                for name, values in norm.state_dict().items():
                    state[f"features.{at + 1}.{name}"] = (
                        values.float() if values.is_floating_point() else values)
                # What PyTorch makes of kernels as of any map of so many channels.
                two = np.stack([bias, bias + 1]).astype("f8")[..., None, None]
                ends = norm(torch.from_numpy(two))[..., 0, 0]
                shifted, factor = ends[0], ends[1] - ends[0]
                folded.append(((weight * factor.detach().numpy()[:, None, None, None]),
                               shifted.detach().numpy()))
                at += 3
            at += 1
        for name, (weight, bias) in zip((0, 3, 6), self.parameters[13:]):
            state[f"classifier.{name}.weight"] = torch.from_numpy(weight)
            state[f"classifier.{name}.bias"] = torch.from_numpy(bias)
        self.parameters = folded + self.parameters[13:]
        path = self.folder / "vgg16_bn.pth"
        torch.save(state, path)
        self.import_file(path)
        self.expect_answer(self.torchvision_input())
        self.out.unlink()
        # Behind the ReLU it is another network.
        behind = OrderedDict((name.replace("features.1.", "features.2."), values)
                             for name, values in state.items())
        torch.save(behind, path)
        self.expect_failure(path, "features.2", "before its ReLU")
        state["features.1.running_var"] *= -1
        torch.save(state, path)
        self.expect_failure(path, "features.1.running_var", "negative")
        del state["features.1.running_var"]
        torch.save(state, path)
        self.expect_failure(path, "features.1", "incomplete")

    def test_torch_names_of_timm(self) -> None:
        path = self.folder / "pytorch_model.bin"
        names = {"classifier.0": "pre_logits.fc1", "classifier.3": "pre_logits.fc2",
                 "classifier.6": "head.fc"}
        state = OrderedDict()
        for name, values in torch_state(self.parameters).items():
            layer, kind = name.rsplit(".", 1)
            state[f"{names.get(layer, layer)}.{kind}"] = values
        fc1, fc2 = "pre_logits.fc1.weight", "pre_logits.fc2.weight"
        state[fc1] = state[fc1].reshape(DENSE[0], -1, GRID, GRID)
        state[fc2] = state[fc2][:, :, None, None]
        for given in (state, dict(sorted(state.items()))):
            torch.save(given, path)
            self.import_file(path)
            self.expect_answer(self.torchvision_input())

    def test_torch_of_python_2(self) -> None:
        """Where an OrderedDict is made of a list of pairs."""
        path = self.folder / "old.pth"
        torch.save(torch_state(self.parameters), path, pickle_module=OldPickle,
                   _use_new_zipfile_serialization=False)
        self.import_file(path)
        self.expect_answer(self.torchvision_input())

    def test_torch_names_in_another_order(self) -> None:
        path = self.folder / "sorted.pth"
        torch.save(dict(sorted(torch_state(self.parameters).items())), path)
        self.import_file(path)
        self.expect_answer(self.torchvision_input())

    def test_torch_views_of_a_storage(self) -> None:
        path = self.folder / "views.pth"
        state = torch_state(self.parameters)
        name = "classifier.3.weight"
        whole = torch.cat([torch.zeros_like(state[name]), state[name]])
        state[name] = whole[DENSE[1]:]
        torch.save(state, path)
        self.import_file(path)
        self.expect_answer(self.torchvision_input())
        state[name] = state[name].T.contiguous().T
        torch.save(state, path)
        self.out.unlink()
        self.expect_failure(path, name, "contiguous")

    def test_torch_tensors_past_their_storage(self) -> None:
        """Where the file goes on with other weights."""
        path = self.folder / "state.pth"
        torch.save(torch_state(self.parameters), path)
        with zipfile.ZipFile(path) as archive:
            entries = {entry: archive.read(entry) for entry in archive.infolist()}
        outputs, inputs = self.parameters[14][0].shape
        elements = [b"M" + struct.pack("<H", outputs * inputs - less) for less in (0, 1)]
        with zipfile.ZipFile(path, "w") as archive:
            for entry, content in entries.items():
                if entry.filename.endswith("data.pkl"):
                    self.assertEqual(content.count(elements[0]), 1)
                    content = content.replace(*elements)
                archive.writestr(entry, content)
        self.expect_failure(path, '"classifier.3.weight"', "reaches past its storage")

    def test_torch_pickles_that_take_all(self) -> None:
        """Small files that say much: memory and time stay within bounds."""

        def text(content: bytes) -> bytes:
            return b"X" + struct.pack("<I", len(content)) + content

        tensor = (b"ctorch._utils\n_rebuild_tensor_v2\n((" + text(b"storage") +
                  b"ctorch\nFloatStorage\n" + text(b"0") + text(b"cpu") +
                  b"K\x01tQK\x00K\x01\x85K\x01\x85tR")
        one, many = text(b"a" * 400_000), [text(b"%d" % i) for i in range(60_000)]
        pickles = {
            "names": b"\x80\x04" + one + b"q\x00" + b"h\x00h\x00\x93" * 100_000 + b".",
            "keys": b"\x80\x02}q\x00(" + b"".join(key + b"h\x00" for key in many) + b"u.",
            "items": b"\x80\x02(" + b"".join(
                b"J" + struct.pack("<i", i) + b"K\x00" for i in range(100_000)) + b"dq\x00" +
            b"(" + b"".join(text(b"%d" % i) + b"h\x00" for i in range(400)) + b"dq\x01" +
            b"(" + b"".join(text(b"%d" % i) + b"h\x01" for i in range(400)) + b"d.",
            "long": b"\x80\x02}q\x00(" + b"".join(
                text(b"%d" % i + b"b" * 100_000) + b"h\x00" for i in range(8)) +
            text(b"t") + tensor + b"u.",
            # One long key, said again and again, each time of another tensor.
            "long keys": b"\x80\x02}q\x00(" + text(b"features.0.weight") + tensor +
            b"u(" + text(b"c" * 500_000) + b"r\x09\x00\x00\x00" + tensor + b"q\x08" +
            b"j\x09\x00\x00\x00h\x08" * 100_000 + b"u.",
            # The same in a whole model.
            "long names": b"\x80\x02" + text(b"c" * 200_000 + b".w") + b"q\x000" + tensor +
            b"q\x010}(" + b"h\x00h\x01" * 20_000 + b"u.",
            "globals": b"\x80\x04" + text(b"m" * 490) + b"q\x00" + b"h\x00h\x00\x93" * 800_000 +
            b".",
            "values": b"\x80\x04" + b"]" * 4_000_000 + b".",
            "memory": b"\x80\x04N" + b"\x94" * 4_000_000 + b".",
        }
        path = self.folder / "all.pth"
        for name, content in pickles.items():
            with self.subTest(name), zipfile.ZipFile(path, "w") as archive:
                archive.writestr("archive/data.pkl", content)
                archive.writestr("archive/data/0", b"\0\0\0\0")
            result = subprocess.run(
                [GRADCAM, "convert", str(path), str(self.out)], capture_output=True, text=True,
                timeout=20, check=False,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30)))
            self.assertEqual((result.returncode, len(result.stderr.splitlines())), (1, 1), name)

    def test_torch_does_not_run_what_it_reads(self) -> None:
        path = self.folder / "evil.pth"
        trace = self.folder / "trace"

        class Evil:
            def __reduce__(self) -> tuple:
                return os.system, (f"touch {trace}",)

        torch.save(torch_state(self.parameters) | {"evil": Evil()}, path)
        self.import_file(path)
        self.assertFalse(trace.exists())


if __name__ == "__main__":
    unittest.main()
