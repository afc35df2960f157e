#!/usr/bin/env python3
"""Encoders made with PyTorch, written by its own exporter, imported and run here: codes within 1e-5 of
PyTorch's. Usage: from_torch.py BUILD_DIR. Exit 77 (skipped) without PyTorch."""
import os
import shlex
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
    import torch
    from torch import nn
except ImportError:
    print("skipped: PyTorch or h5py is not here (python3-torch, python3-h5py)")
    sys.exit(77)

LIMIT = 1e-5


class Variational(nn.Module):
    """Two heads; the first output is the mean."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, 50), nn.ELU())
        self.mean, self.log_variance = nn.Linear(50, 6), nn.Linear(50, 6)

    def forward(self, x):
        h = self.body(x)
        return self.mean(h), self.log_variance(h)


class Viewed(nn.Module):
    """x.view(x.size(0), -1): a shape that the file computes."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, stride=2, padding=1)
        self.head = nn.Linear(5 * 8 * 8, 7, bias=False)

    def forward(self, x):
        y = torch.tanh(self.conv((x - 0.5) / 0.25))
        return self.head(y.view(y.size(0), -1))


class Image(nn.Module):
    """A vector as an image of 4 channels, as the file would have it."""

    def forward(self, x):
        return x.view(-1, 4, 8, 8)


def models():
    image, colour, signal = (1, 28, 28), (3, 16, 16), (4, 30)
    yield "dense", image, nn.Sequential(nn.Flatten(), nn.Linear(784, 40), nn.ReLU(), nn.Linear(40, 8))
    yield "activations", (20,), nn.Sequential(
        nn.Linear(20, 30), nn.GELU(), nn.Linear(30, 30), nn.LeakyReLU(0.2), nn.Linear(30, 30), nn.SELU(),
        nn.Linear(30, 30), nn.Softplus(), nn.BatchNorm1d(30), nn.Dropout(0.5), nn.Linear(30, 9), nn.Sigmoid())
    yield "convolutional", colour, nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 6, 3, stride=2, padding=1, groups=2), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.BatchNorm1d(24), nn.Linear(24, 5))
    yield "features", colour, nn.Sequential(nn.Conv2d(3, 4, 5, stride=3), nn.ReLU(), nn.Flatten())
    yield "pooled", colour, nn.Sequential(nn.Conv2d(3, 12, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    yield "signal", signal, nn.Sequential(
        nn.Conv1d(4, 6, 5, padding=2, dilation=1), nn.ReLU(), nn.MaxPool1d(3, ceil_mode=True),
        nn.Flatten(), nn.Linear(60, 7))
    yield "variational", image, Variational()
    yield "viewed", colour, Viewed()


def autoencoder():
    """Convolutional, 3 channels: the whole goes into encoder and decoder."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10),
        nn.Linear(10, 256), nn.ReLU(), Image(), nn.Upsample(scale_factor=2),
        nn.ConvTranspose2d(4, 3, 3, padding=1), nn.Sigmoid())


class DenseEnd(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10),
            nn.Linear(10, 768))

    def forward(self, x):
        return self.body(x).view(-1, 3, 16, 16)


def main(build):
    def narrows(text, expect=0):
        done = subprocess.run([os.path.join(build, "bin", "narrows"), *shlex.split(text), "-q"],
                              capture_output=True, text=True)
        if done.returncode != expect:
            sys.exit(f"narrows {text}\n{done.stdout}{done.stderr}")

    def store(x, name):
        """Channels last, as images and signals are here."""
        with h5py.File(name, "w") as out:
            out["samples"] = np.moveaxis(x.numpy(), 1, -1) if x.dim() > 2 else x.numpy()

    def prepare(network, shape):
        for part in network.modules():  # statistics as after training
            if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
                part.running_mean.uniform_(-0.5, 0.5)
                part.running_var.uniform_(0.5, 2)
                nn.init.uniform_(part.weight, 0.5, 1.5)
                nn.init.uniform_(part.bias, -0.5, 0.5)
        network.eval()
        x = torch.rand(21, *shape)
        torch.onnx.export(network, x[:2], "net.onnx", input_names=["in"],
                          dynamic_axes={"in": {0: "batch"}}, opset_version=13)
        store(x, "x.h5")
        return x

    failed = 0

    def report(name, here, there):
        nonlocal failed
        difference = float(np.abs(here - there).max()) if here.shape == there.shape else np.inf
        failed += not difference <= LIMIT  # NaN fails too
        print(f"{name:<16}{str(list(there.shape)):<16}{difference:9.2e}")

    torch.manual_seed(1)
    with torch.no_grad():
        for name, shape, network in models():
            x = prepare(network, shape)
            narrows("import-onnx net.onnx -o m.h5")
            narrows("encode x.h5 -m m.h5 -o z.h5")
            there = network(x)
            there = (there[0] if isinstance(there, tuple) else there).numpy()
            with h5py.File("z.h5") as codes:
                report(name, codes["codes"][()], there)
        network = autoencoder()
        x = prepare(network, (3, 16, 16))
        code = network[:4](x)
        import_name = code_tensor("net.onnx")
        narrows(f"import-onnx net.onnx --code {import_name} --decoder -o m.h5")
        narrows("encode x.h5 -m m.h5 -o z.h5")
        narrows("reconstruct x.h5 -m m.h5 -o r.h5")
        with h5py.File("z.h5") as codes, h5py.File("r.h5") as back:
            report("autoencoder", codes["codes"][()], code.numpy())
            report("  decoded", back["samples"][()], np.moveaxis(network(x).numpy(), 1, -1))
        # A dense layer gives its image channels first, which the input here does not have.
        prepare(DenseEnd(), (3, 16, 16))
        narrows(f"import-onnx net.onnx --code {code_tensor('net.onnx', 'body/body.3')} --decoder -o n.h5",
                expect=4)
        if os.path.exists("n.h5"):
            sys.exit("a refused import left a file")
    return 1 if failed else 0


def code_tensor(path, layer="3"):
    """The output of the first Gemm, looked for in the bytes: names are plain text in there."""
    name = f"/{layer}/Gemm_output_0"
    if name.encode() not in open(path, "rb").read():
        sys.exit("the file names its tensors in another way")
    return name


if __name__ == "__main__":
    build_dir = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.exit(main(build_dir))
