"""The works that are timed, once for narrows (TOML) and once for PyTorch: one description each.

Shapes: samples [n, 784] or [n, 1, 28, 28], float32 in [0, 1]; losses are nats per sample.
"""

DENSE = {
    # name: (widths of the encoder, gaussian latent, sigma of the corruption)
    "a": ([784, 512, 256, 64], False, 0.0),
    "b": ([784, 128, 32], False, 0.0),
    "d": ([784, 400, 20], True, 0.0),
    "e": ([784, 512, 256, 64], False, 0.3),
}
TEXT = {
    "a": "dense 784-512-256-64 and back",
    "b": "dense 784-128-32 and back",
    "c": "conv 3x3 s2 16, 3x3 s2 32, code 64, back",
    "d": "variational 784-400-20 and back",
    "e": "a with Gaussian corruption 0.3",
}


def toml(work, data, batch, epochs):
    """A pipeline for `narrows run`; writes model.h5."""
    if work == "c":
        encoder = ('[{ conv = 16, kernel = 3, stride = 2, act = "relu" }, '
                   '{ conv = 32, kernel = 3, stride = 2, act = "relu" }, { dense = 64 }]')
        model = f'encoder = {encoder}\ndecoder = "mirror"\noutput = "sigmoid"\ninput = [28, 28]\n'
        gaussian, sigma = False, 0.0
    else:
        widths, gaussian, sigma = DENSE[work]
        hidden = [f'{{ dense = {w}, act = "relu" }}' for w in widths[1:-1]]
        code = f"{{ dense = {widths[-1] * (2 if gaussian else 1)} }}"
        encoder = ", ".join(hidden + [code])
        decoder = ", ".join(hidden[::-1] + ['{ dense = 784, act = "sigmoid" }'])
        model = f"encoder = [{encoder}]\ndecoder = [{decoder}]\n"
        if gaussian:
            model += 'latent = "gaussian"\n'
    text = f'schema = 1\n[run]\nmode = "train"\nepochs = {epochs}\n[model.ae]\n{model}'
    text += f'[node.data]\ntype = "load"\nfile = "{data}"\nbatch = {batch}\nshuffle = true\n'
    source = "data.x"
    if sigma:
        text += f'[node.noisy]\ntype = "corrupt.gaussian"\nin.x = "data.x"\nsigma = {sigma}\n'
        source = "noisy.x"
    text += f'[node.code]\ntype = "encode"\nmodel = "ae"\nin.x = "{source}"\n'
    text += '[node.recon]\ntype = "decode"\nmodel = "ae"\nin.z = "code.z"\n'
    text += '[node.loss]\ntype = "loss.bce"\nin.prediction = "recon.x"\nin.target = "data.x"\n'
    losses = '"loss.value"'
    if gaussian:
        text += ('[node.kl]\ntype = "penalty.kl"\nin.mean = "code.mean"\n'
                 'in.log_variance = "code.log_variance"\n')
        losses = '["loss.value", "kl.value"]'
    text += f'[node.step]\ntype = "optimize.adam"\nmodel = "ae"\nin.loss = {losses}\nrate = 1e-3\n'
    text += f'[node.keep]\ntype = "store.checkpoint"\nin.after = "step.done"\nfile = "model.h5"\nevery = "{epochs} epochs"\n'
    return text
