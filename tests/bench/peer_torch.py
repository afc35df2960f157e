"""One run of PyTorch: peer_torch.py train WORK DATA.h5 BATCH EPOCHS THREADS, or
peer_torch.py encode DATA.h5 DATASET THREADS. Prints one JSON object."""
import json
import statistics
import sys
import time

import h5py
import numpy as np
import torch
from torch import nn

from works import DENSE


class Dense(nn.Module):
    def __init__(self, widths, gaussian):
        super().__init__()
        self.gaussian = gaussian
        layers = []
        for i, (a, b) in enumerate(zip(widths[:-1], widths[1:])):
            last = i == len(widths) - 2
            layers.append(nn.Linear(a, 2 * b if last and gaussian else b))
            if not last:
                layers.append(nn.ReLU())
        self.encoder = nn.Sequential(*layers)
        back = widths[::-1]
        layers = []
        for i, (a, b) in enumerate(zip(back[:-1], back[1:])):
            layers.append(nn.Linear(a, b))
            if i < len(back) - 2:
                layers.append(nn.ReLU())
        self.decoder = nn.Sequential(*layers)

    def loss(self, x, noisy):
        h = self.encoder(noisy)
        kl = 0
        if self.gaussian:
            mean, log_variance = h.chunk(2, dim=1)
            h = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
            kl = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum()
        logits = self.decoder(h)
        bce = nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        return (bce + kl) / x.shape[0]


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(32 * 7 * 7, 64))
        self.decoder = nn.Sequential(
            nn.Linear(64, 32 * 7 * 7), nn.ReLU(), nn.Unflatten(1, (32, 7, 7)),
            nn.ConvTranspose2d(32, 16, 3, 2, 1, output_padding=1), nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 3, 2, 1, output_padding=1))

    def loss(self, x, noisy):
        logits = self.decoder(self.encoder(noisy))
        return nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum") / x.shape[0]


def train(work, path, batch, epochs):
    with h5py.File(path) as file:
        x = torch.from_numpy(file["/samples"][:].astype(np.float32) / 255)
    sigma = DENSE[work][2] if work in DENSE else 0
    if work == "c":
        x = x.reshape(-1, 1, 28, 28).contiguous(memory_format=torch.channels_last)
        model = Convolutional().to(memory_format=torch.channels_last)
    else:
        x = x.reshape(x.shape[0], -1)
        model = Dense(DENSE[work][0], DENSE[work][1])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    seconds, losses = [], []
    for _ in range(epochs):
        order = torch.randperm(x.shape[0])
        start = time.perf_counter()
        total = 0.0
        for first in range(0, x.shape[0], batch):
            clean = x[order[first:first + batch]]
            noisy = clean + sigma * torch.randn_like(clean) if sigma else clean
            optimizer.zero_grad(set_to_none=True)
            loss = model.loss(clean, noisy)
            loss.backward()
            optimizer.step()
            total += loss.item() * clean.shape[0]
        seconds.append(time.perf_counter() - start)
        losses.append(total / x.shape[0])
    best = statistics.median(seconds[1:] or seconds)
    return {"rate": x.shape[0] / best, "loss": losses[-1]}


def encode(path, dataset):
    model = Dense([784, 512, 256, 64], False).encoder.eval()
    with torch.inference_mode(), h5py.File(path) as file:
        data = file[dataset]
        model(torch.zeros(1024, 784))
        start = time.perf_counter()
        codes = []
        for first in range(0, data.shape[0], 4096):
            x = torch.from_numpy(data[first:first + 4096].reshape(-1, 784))
            x = x.float().mul_(1 / 255) if x.dtype == torch.uint8 else x
            codes.append(model(x).numpy())
        seconds = time.perf_counter() - start
    return {"rate": data.shape[0] / seconds, "samples": sum(len(c) for c in codes)}


if __name__ == "__main__":
    torch.manual_seed(1)
    torch.set_num_threads(int(sys.argv[-1]))
    if sys.argv[1] == "train":
        result = train(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    else:
        result = encode(sys.argv[2], sys.argv[3])
    print(json.dumps(result))
