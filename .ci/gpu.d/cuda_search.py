"""Measures the search kernel as NVIDIA's compiler for CUDA makes it, through CuPy.

    cuda_search.py FOLDER

FOLDER has the kernel in CUDA C++, one search-FORM.cu for each form. All are compiled first and then measured in turn: a card
that waits for a compiler lowers its clock. Hits are counted and not verified: this is the speed of another compiler,
and no engine. Ends with 77 where there is no CuPy or no card that it can use.
"""

import pathlib
import sys

ABSENT = 77
ROUNDS = 10
# Seconds of a dispatch.
SLICE = 0.07
GROUP = 64
VERSIONS = 8
# Words of the kernel's `Work`, and where some of them lie.
WORDS = 160
COUNT, VERSIONS_END, TOP, ZEROS, JOB, ONE, ROW, GRID, NONCES, ROTATIONS = 1, 3, 4, 5, 12, 140, 141, 142, 143, 144
# Of the kernel's `Found`: the count, and two words for each hit.
FOUND_WORDS = 1 + 2 * 4096
# By how much each sigma rotates.
SIGMAS = [2, 13, 22, 0, 6, 11, 25, 0, 7, 18, 0, 0, 17, 19, 0, 0]


def main():
    folder = pathlib.Path(sys.argv[1])
    try:
        import cupy
        import numpy
    except ImportError as error:
        print(f"CuPy is not there: {error}")
        sys.exit(ABSENT)
    try:
        device = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        print(f"CuPy has no card that it can use: {error}")
        sys.exit(ABSENT)
    files = sorted(folder.glob("search-*.cu"))
    if not files:
        print("the search in CUDA C++ is not packed")
        sys.exit(ABSENT)
    print(f"CuPy {cupy.__version__}, {device}")
    searches = [Search(cupy, numpy, file) for file in files]
    for _ in range(ROUNDS):
        for search in searches:
            search.measure()
    for search in searches:
        print(search)
    for versions in (1, VERSIONS):
        of_it = [search for search in searches if search.versions == versions]
        if of_it:
            best = max(of_it, key=lambda search: search.best)
            print(f"best of {versions} versions: {best.name} {best.best / 1e9:.2f} GH/s", end="; ")
    print()


class Search:
    """One form of the kernel."""

    def __init__(self, cupy, numpy, file):
        self.cupy, self.numpy = cupy, numpy
        self.name = file.stem.removeprefix("search-")
        options = ("--std=c++17", "--device-as-default-execution-space")
        module = cupy.RawModule(code=file.read_text(), options=options)
        self.kernel = module.get_function("search_")
        place = module.get_global("work_")
        self.work = cupy.ndarray((WORDS,), dtype=cupy.uint32, memptr=place)
        self.found = cupy.zeros(FOUND_WORDS, dtype=cupy.uint32)
        self.best = 0.0
        # Where every hash is a hit, their number tells how many versions are tried on each nonce.
        few = 1024
        self.dispatch(few, top=0xFFFFFFFF)
        hits = int(self.found[0])
        if hits not in (few, few * VERSIONS):
            sys.exit(f"{file}: {hits} hits among {few} nonces, where each is one")
        self.versions = hits // few
        self.nonces = 1 << 22
        took = min(self.dispatch(self.nonces) for _ in range(3))
        self.nonces = min(1 << 31, max(1, round(self.nonces * SLICE / took / GROUP)) * GROUP)

    def dispatch(self, nonces, top=0):
        """Searches once, and returns how many seconds that took by the card's own clock."""
        cupy, numpy = self.cupy, self.numpy
        # What is hashed does not matter to the speed.
        work = numpy.random.default_rng(1).integers(1 << 32, size=WORDS, dtype=numpy.uint32)
        values = {0: 0, 2: 0, COUNT: nonces, VERSIONS_END: VERSIONS, TOP: top, ZEROS: 0 if top else 0xFFFFFFFF}
        values |= {ONE: 1, ROW: nonces, GRID: nonces, NONCES: 1}
        values |= {ROTATIONS + at: by for at, by in enumerate(SIGMAS)}
        for at, value in values.items():
            work[at] = value
        self.work.set(work)
        self.found[0] = 0
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        self.kernel((-(-nonces // GROUP),), (GROUP,), (self.found,))
        end.record()
        end.synchronize()
        return cupy.cuda.get_elapsed_time(start, end) / 1000

    def measure(self):
        rate = self.nonces * self.versions / self.dispatch(self.nonces)
        self.best = max(self.best, rate)

    def __str__(self):
        code = f"{self.kernel.num_regs} registers, {self.kernel.local_size_bytes} bytes spilled"
        return f"{self.name}, versions: {self.versions}: {self.best / 1e9:.2f} GH/s, {code}"


main()
