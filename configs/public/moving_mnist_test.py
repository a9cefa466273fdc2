"""Moving MNIST, 10 frames to 10, tested on the public file of 10,000 sequences, as published figures are.

  python -m vgjax.launch --config configs/public/moving_mnist_test.py --workdir runs/moving_mnist_test

Get mnist_test_seq.npy (819 MB) from https://www.cs.toronto.edu/~nitish/unsupervised_video/ and put it into
`data`; `--config.data.test_file` names another place:

  data/mnist_test_seq.npy        uint8 [20 frames, 10000 videos, 64, 64]

Training and validation are rendered from MNIST's training digits. The model is SimVP v2 as published, 200
epochs: MSE 26.69, SSIM .9402 (OpenSTL, the best checkpoint picked on the test file; here it is picked on the
validation set). `test` evaluates on the whole file at the end. Any config of `configs/moving_mnist` does the
same with `--config.data.test_file=data/mnist_test_seq.npy` and `split="test"`. vgjax: not run at full length,
on any hardware. Variants: `smoke` (seconds on a CPU).
"""

from ml_collections import ConfigDict


def get_config(variant: str = "") -> ConfigDict:
  config = ConfigDict(
    dict(
      seed=0,
      steps=200 * 10_000 // 16,
      batch_size=16,
      dtype="float32",
      data=dict(
        name="moving_mnist",
        test_file="data/mnist_test_seq.npy",
        num_digits=2,
        size=64,
        digit_size=28,
        time=20,
        num_videos=10_000,
      ),
      task=dict(name="predict", given=10),
      models=dict(
        predictor=dict(
          name="simvp_v2",
          given=10,
          predicted=10,
          spatial_channels=64,
          temporal_channels=512,
          temporal_blocks=8,
        )
      ),
      method=dict(name="predictor", losses=dict(mse=1.0)),
      optim=dict(predictor=dict(name="adam", learning_rate=1e-3, schedule=dict(name="onecycle"))),
      evaluators=dict(
        frames=dict(name="frames", every=5000, split="valid", num_videos=500),
        test=dict(name="frames", every=200 * 10_000 // 16, split="test"),
        grid=dict(name="grid", every=5000, split="valid", num_videos=4),
      ),
      checkpoint=dict(every=5000, keep=2, best="valid/frames/mse"),
      log=dict(every=50),
    )
  )
  match variant:
    case "":
      pass
    case "smoke":
      config.update(steps=2, batch_size=8)
      config.data.update(size=16, digit_size=12, time=4, num_videos=8)
      config.task.given = 2
      config.models.predictor.update(
        given=2, predicted=2, spatial_channels=8, temporal_channels=16, temporal_blocks=2, mlp_ratio=2.0
      )
      for evaluator in config.evaluators.values():
        evaluator.update(every=2, num_videos=4)
    case _:
      raise ValueError(f'no variant "{variant}"; there is: smoke')
  return config
