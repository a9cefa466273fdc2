"""Two processes whose steps are timed in turns, so that both meet the same machine."""

import json
import os
import platform
import subprocess
import sys
import time

PAUSE = 0.05  # seconds; PyTorch's threads spin that long after a step, and would slow the other side


def serve(step, version, compile_seconds):
  """In a worker: answers each line of its input with the seconds that one step took."""
  for _ in range(3):
    step()  # the first steps allocate
  python = platform.python_version()
  print(json.dumps({"version": version, "python": python, "compile": compile_seconds}), flush=True)
  for _ in sys.stdin:
    start = time.perf_counter()
    step()
    print(time.perf_counter() - start, flush=True)


class Worker:
  """A process that ends in `serve`, seen from outside.

  Attributes:
    about: what it says of itself: "version", "python", "compile" (seconds).
  """

  def __init__(self, command, environment={}):
    self.process = subprocess.Popen(
      command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    self.about = json.loads(self.read())

  def read(self):
    """The worker's next line."""
    line = self.process.stdout.readline()
    if not line:
      killed = self.process.wait() == -9
      sys.exit("a worker was killed: out of memory? try a smaller batch" if killed else "a worker failed")
    return line

  def step(self):
    """Seconds of one step."""
    self.process.stdin.write("\n")
    self.process.stdin.flush()
    seconds = float(self.read())
    time.sleep(PAUSE)
    return seconds

  def close(self):
    """Ends the process."""
    self.process.stdin.close()
    self.process.wait()


def take(first, second, steps):
  """The seconds of `steps` steps of both workers, which are then closed."""
  seconds = [(first.step(), second.step()) for _ in range(steps)]
  first.close()
  second.close()
  return [list(side) for side in zip(*seconds)]
