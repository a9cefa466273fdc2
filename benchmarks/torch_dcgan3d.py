"""3D DCGAN in PyTorch, generator and critic, and one step of both: what `train_step.py` compares with.

The networks of `vgjax.models.dcgan3d` and `critic3d` at their defaults. The step is the customary one of
PyTorch's own DCGAN example, with what it computes for nothing left out: the videos are made once for both
networks, and the critic's gradients are not taken in the generator's turn.
"""

LEARNING_RATE, BETA_1 = 2e-4, 0.5
TIME, SIDE, LATENT = 32, 64, 100


def networks():
  from torch import nn

  widths = (512, 256, 128, 64)
  generator = [nn.ConvTranspose3d(LATENT, widths[0], (2, 4, 4))]
  for width, narrower in zip(widths, (*widths[1:], 3)):
    generator += [nn.BatchNorm3d(width), nn.ReLU(), nn.ConvTranspose3d(width, narrower, 4, 2, 1)]
  critic = [nn.Conv3d(3, widths[-1], 4, 2, 1), nn.LeakyReLU(0.2)]
  for width, wider in zip(widths[:0:-1], widths[-2::-1]):
    critic += [nn.Conv3d(width, wider, 4, 2, 1), nn.BatchNorm3d(wider), nn.LeakyReLU(0.2)]
  return nn.Sequential(*generator, nn.Tanh()), nn.Sequential(*critic, nn.Conv3d(widths[0], 1, (2, 4, 4)))


def step(batch_size):
  """Returns the step, PyTorch's version, and 0 seconds of compiling."""
  import torch
  from torch.nn.functional import softplus

  torch.manual_seed(0)
  torch.set_flush_denormal(True)
  generator, critic = networks()
  optimizers = [
    torch.optim.Adam(net.parameters(), lr=LEARNING_RATE, betas=(BETA_1, 0.999)) for net in (generator, critic)
  ]
  video = torch.rand(batch_size, 3, TIME, SIDE, SIDE) * 2 - 1

  def update():
    fake = generator(torch.randn(batch_size, LATENT, 1, 1, 1))
    optimizers[1].zero_grad()
    (softplus(-critic(video)).mean() + softplus(critic(fake.detach())).mean()).backward()
    optimizers[1].step()
    optimizers[0].zero_grad()
    critic.requires_grad_(False)
    loss = softplus(-critic(fake)).mean()
    loss.backward()
    critic.requires_grad_(True)
    optimizers[0].step()
    return loss.item()

  return update, f"torch {torch.__version__}", 0.0
