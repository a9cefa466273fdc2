"""Data: from a file, or a rendered digit, to a batch on the device.

`video file -> clip -> batch -> device`, in these steps:

* A **source** gives one example at a time by its index. `moving_mnist` and `moving_shapes` render, and know
  the truth; `video_folder` reads a folder or a manifest of videos, `arrays` a NumPy file, `array_records`
  what `prepare` wrote, `pairs` two sources at once. Each is a module with `make(*, split, seed, **fields)`;
  the fields are what `config.data` holds beside the name.
* A **transform** is a small named function `(example, rng) -> example` (`transforms`).
* The **loader** turns a source into batches by number: batch n is a pure function of (seed, n), the same
  for every count of hosts, workers and threads, so a run resumes at any step exactly.
* `device_prefetch` moves the batches to the device ahead of their use and times the wait.

`video` decodes and encodes files, with `reader` for those that stay open: nothing else here knows about
containers and codecs. `video_index` lists and splits a folder, `manifest` is the list a user gives instead,
`pipeline` is the part that grain plays. `shapes_read` reads a moving shape back from a video, sampled or not.
`python -m vgjax.data` has two commands, `doctor` and `prepare`, each a folder here.

An example is a dict of arrays: `video`, uint8 [time, height, width, channels], and any of `label`, `text`,
`audio`, `action`. Scaling to [-1, 1] happens on the device.
"""
