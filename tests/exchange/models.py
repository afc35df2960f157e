"""Small models of every kind, trained with the command: what the ONNX tests export.

Each is (name, data, options of `narrows train`). Data: digits u8 [28, 28], waves f32 [time, channels],
fields f32 [rows, columns]."""

KINDS = [
    ("linear", "digits", "--model linear --latent 8"),
    ("undercomplete", "digits", "--model undercomplete"),
    ("overcomplete", "digits", "--model overcomplete --latent 900"),
    ("tied", "digits", "--model tied"),
    ("tied-deep", "digits", "--model tied --hidden 64,32 --latent 8"),
    ("linear-tied", "fields", "--model linear --tied --latent 8"),
    ("deep", "digits", "--model deep --hidden 64,32 --latent 8 --activation selu"),
    ("denoising", "digits", "--model denoising --corruption gaussian:0.3 --activation gelu"),
    ("masking", "digits", "--model denoising --corruption masking:0.25 --activation elu"),
    ("sparse-l1", "digits", "--model sparse --sparsity l1:0.001"),
    ("sparse-kl", "digits", "--model sparse --sparsity kl:0.05"),
    ("sparse-k", "digits", "--model sparse --sparsity k:25 --latent 200"),
    ("variational", "digits", "--model variational"),
    ("variational-fields", "fields", "--model variational --scale standard"),
    ("contractive", "digits", "--model contractive --activation sigmoid"),
    ("layerwise", "digits", "--model layerwise --hidden 64 --latent 8"),
    ("vector-quantised", "digits", "--model vector-quantised"),
    ("convolutional", "digits", "--model convolutional"),
    ("convolutional-1d", "waves", "--model convolutional"),
    ("anomaly", "waves", "--model anomaly"),
    ("minmax", "fields", "--model undercomplete --scale minmax"),
    ("standard", "fields", "--model deep --hidden 32 --latent 8 --scale standard --activation softplus"),
    ("layers", "digits", "--model layers.toml"),
    ("signal-layers", "waves", "--model signal.toml"),
    ("norms", "digits", "--model norms.toml"),
]

# What no preset has: strides, groups, dilation, padding, pooling that overhangs, cut copies.
TOML = {
    "layers.toml": """
[model.ae]
input = [28, 28]
encoder = [
  { conv = 6, kernel = 5, stride = 2, act = "leaky_relu" },
  { batch_norm = 0.1 },
  { max_pool = 3, stride = 2, padding = 1 },
  { conv = 6, kernel = 3, groups = 3, dilation = 2, padding = [2, 2, 2, 2], act = "tanh" },
  { average_pool = 2, ceil = true },
  { conv = 4, kernel = 1 },
  { dense = 20, act = "relu" },
  { dropout = 0.2 },
  { dense = 6 },
]
decoder = [
  { dense = 64, act = "relu" },
  { reshape = [4, 4, 4] },
  { upsample = 2, size = 7 },
  { conv_transposed = 6, kernel = 4, stride = 2, groups = 2, padding = [1, 1, 1, 1], act = "elu" },
  { conv_transposed = 1, kernel = 3, stride = 2, output_padding = 1, padding = [1, 1, 1, 1], act = "sigmoid", squeeze = true },
]
""",
    "signal.toml": """
[model.ae]
encoder = [
  { conv1d = 8, kernel = 5, stride = 2, act = "relu" },
  { batch_norm = 0.1 },
  { conv1d = 4, kernel = 3, act = "softplus" },
  { average_pool = 2 },
  { dense = 5 },
]
decoder = "mirror"
""",
    "norms.toml": """
[model.ae]
encoder = [
  { normalise = true },
  { dense = 40, act = "linear" },
  { layer_norm = 1e-5 },
  { activation = "gelu" },
  { batch_norm = 0.1 },
  { winner_take_all = 0.2 },
  { dense = 12, bias = false },
]
decoder = "mirror"
""",
}
