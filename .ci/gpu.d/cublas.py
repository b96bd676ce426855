"""Measures products of cuBLAS, through PyTorch, and a copy: what a card's maker reaches on it.

    cublas.py SIZE...

The matrices are random, since numbers that stand still draw less power and let the clock rise. Ends with 77 where there is
no PyTorch or no card that it can use.
"""

import sys

ABSENT = 77
WARM_UP = 5
BEST_OF = 6
# Seconds of a slice, or one product if that takes longer: long enough for the clock of the processor not to matter.
SLICE = 0.1
COPY_BYTES = 1 << 30


def main():
    try:
        import torch
    except ImportError as error:
        print(f"PyTorch is not there: {error}")
        sys.exit(ABSENT)
    if not torch.cuda.is_available():
        print("PyTorch has no card that it can use")
        sys.exit(ABSENT)
    print(f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}, {torch.cuda.get_device_name()}")
    told, failed = [], False
    for size in map(int, sys.argv[1:]):
        for name, operation in products(torch, size):
            try:
                rate = 2 * size**3 / seconds(torch, operation)
            # One kind of number that this version cannot multiply is not the end of the others.
            except RuntimeError as error:
                print(f"{size} {name}: {error}")
                failed = True
                continue
            unit = "Top/s" if name == "i8" else "TFLOP/s"
            print(f"{size} {name}: {rate / 1e12:.1f} {unit}", flush=True)
            told.append(f"{size} {name} {rate / 1e12:.1f}")
    source = torch.randint(256, (COPY_BYTES,), dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    rate = 2 * COPY_BYTES / seconds(torch, lambda: target.copy_(source))
    told.append(f"copy {rate / 1e12:.2f} TB/s")
    print("T/s: " + ", ".join(told))
    sys.exit(failed)


def products(torch, size):
    """What is multiplied: its name, and a function that does it once."""

    def floats(dtype):
        return [torch.randn(size, size, device="cuda").to(dtype) for _ in range(2)]

    def multiply(dtype, tf32=False):
        left, right = floats(dtype)
        product = torch.empty_like(left)

        def operation():
            torch.backends.cuda.matmul.allow_tf32 = tf32
            torch.mm(left, right, out=product)

        return operation

    def integers():
        shape = {"size": (size, size), "dtype": torch.int8, "device": "cuda"}
        left, right = (torch.randint(-128, 128, **shape) for _ in range(2))
        # By columns, which is how the matrix units take it.
        right = right.t().contiguous().t()
        return lambda: torch._int_mm(left, right)

    yield "f32", multiply(torch.float32)
    yield "TF32", multiply(torch.float32, tf32=True)
    yield "f16", multiply(torch.float16)
    yield "bf16", multiply(torch.bfloat16)
    yield "i8", integers()


def seconds(torch, operation):
    """The least time that an operation took, by the card's own clock."""

    def slice_of(times):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(times):
            operation()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1000 / times

    times = max(1, round(SLICE / slice_of(WARM_UP)))
    return min(slice_of(times) for _ in range(BEST_OF))


main()
