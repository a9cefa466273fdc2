"""Memory that a step frees is kept for the next one.

XLA's CPU backend asks the C library for all of a step's scratch memory at once and gives it back at the end.
The library hands a piece that large straight to the operating system, so every step gets new pages, each
of which is cleared when it is first touched: a gigabyte of them a step of SimVP v2, batch 2. Told to keep
what was freed, it needs none, and that step takes a tenth less time. The heap is also asked to lie in huge
pages (2 MiB), of which the processor remembers more.

The price is memory: the heap fragments, and a process comes to hold its scratch memory several times. So
`trim` gives back what is free once it is much; VGJAX_KEEP_FREED=0 in the environment turns all this off.
"""

import ctypes
import os
import sys
from pathlib import Path

# Of glibc's <malloc.h>.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
_HUGE_PAGES = 14  # MADV_HUGEPAGE of <sys/mman.h>
_HUGE_PAGE = 2**21  # bytes, on x86-64, and on most of ARM's
_ACCELERATORS = ("nvidia[0-9]*", "accel*", "vfio/[0-9]*", "kfd")  # their files in /dev
_SMALL_PIECES = 2**28  # bytes
_SHARE = 1 / 4  # of the machine's memory, above which the process holds too much

_keeping = False


def keep_freed() -> bool:
  """Tells the C library to keep freed memory, where steps run on the CPU and the library is glibc.

  To be called before JAX starts its threads: those that have allocated keep their ways.

  Returns:
    Whether memory is kept.
  """
  global _keeping
  library = _library()
  if _keeping or not library or os.environ.get("VGJAX_KEEP_FREED") == "0" or not _runs_on_cpu():
    return _keeping
  # One heap that never shrinks, in place of one mapping for each large piece and a heap for each thread.
  library.mallopt(_ARENA_MAX, 1)
  library.mallopt(_MMAP_MAX, 0)
  library.mallopt(_TRIM_THRESHOLD, -1)
  library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
  # Small pieces are cut from the smallest hole that fits. This one, never touched, saves the large holes: a
  # step finds that of the step before whole.
  hole = library.malloc(ctypes.c_size_t(_SMALL_PIECES))
  library.malloc(ctypes.c_size_t(64))  # keeps the hole apart from what is behind it
  room = int(_SHARE * os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")  # addresses, not yet memory
  rest = library.malloc(ctypes.c_size_t(room))
  if hole and rest:  # one after the other: the heap grows upwards
    start = -(-hole // _HUGE_PAGE) * _HUGE_PAGE
    # Where the kernel has none the pages stay small, and all else as it is.
    library.madvise(ctypes.c_void_p(start), ctypes.c_size_t(max(0, rest + room - start)), _HUGE_PAGES)
  library.free(hole)
  library.free(rest)
  _keeping = True
  return True


def trim() -> bool:
  """Gives free memory back if the process holds a large share of the machine's; to be called every step.

  Returns:
    Whether it gave any.
  """
  if not _keeping or _held() < _SHARE * os.sysconf("SC_PHYS_PAGES"):
    return False
  return bool(_library().malloc_trim(0))


def give_back() -> bool:
  """Gives free memory back, unless it is being kept for steps; for what fills the heap with holes.

  Returns:
    Whether it gave any.
  """
  library = _library()
  return not _keeping and library is not None and bool(library.malloc_trim(0))


def _held() -> int:
  """Pages of memory that the process holds now."""
  return int(Path("/proc/self/statm").read_text().split()[1])


def _library() -> ctypes.CDLL | None:
  """The C library, if it is glibc."""
  if not sys.platform.startswith("linux"):
    return None
  library = ctypes.CDLL(None)
  return library if hasattr(library, "gnu_get_libc_version") else None


def _runs_on_cpu() -> bool:
  """Whether the CPU will be JAX's default; asking JAX would start its threads."""
  chosen = os.environ.get("JAX_PLATFORMS", "")
  if chosen:
    return chosen.split(",")[0] == "cpu"
  return not any(any(Path("/dev").glob(pattern)) for pattern in _ACCELERATORS)
