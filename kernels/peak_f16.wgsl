// The arithmetic of f16 with next to nothing to wait for: what work on vectors of f16 could do at the
// most (matrix units are something else).
//
// Every thread has 32 numbers in registers, and 16 of them at least do not wait for each other: that
// hides how long an operation takes, together with the other threads. All begin alike but for the
// thread's number modulo 16. No operation rounds, so that what comes out is known to the bit: each
// thread stores one word of it, and its rounds are counted, so that a driver that ends loops early or
// leaves work out is found out.
//
// - `fused` turns 16 points (x, y): x += s * y, then y -= s * x, each one fma(). With s = 1, which
//   the host knows and the compiler does not, six turns lead back to where they began, by way of sums
//   and differences that fit the eleven bits of f16. Bits change as they do in real work, which
//   counts when power is measured. A round is 128 multiplications and as many additions (256
//   operations) a thread.
// - `separate` has chains of multiplications alone and chains of additions alone, so that no compiler
//   makes one instruction of two: on some cards that is faster by far. A factor, a power of two, is
//   followed by its inverse, an addend by its negative. A round is 128 multiplications and 128
//   additions (256 operations) a thread. A compiler that may reassociate could shorten the chains.
// Bindings: kernels/README.md.

enable f16;

// Threads of a workgroup.
override GROUP: u32 = 256u;

struct Work {
    rounds: u32,
    // The s of `fused`; the factors and the addends of `separate`. They come from the host so that no
    // compiler knows them.
    turn: f32,
    factor: f32,
    inverse: f32,
    addend: f32,
    negative: f32,
}

struct Found {
    // Rounds that the first threads of all workgroups did, together and modulo 2^32. The host sets it
    // to 0.
    rounds: atomic<u32>,
    // One word of each thread, as far as there is room.
    @align(16) words: array<u32>,
}

@group(0) @binding(0) var<uniform> work: Work;
@group(0) @binding(1) var<storage, read_write> found: Found;

@compute @workgroup_size(GROUP)
fn fused(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = id.y * groups.x * GROUP + id.x;
    let first = 32u * (thread % 16u);
    let s = vec4<f16>(f16(work.turn));
    let r = -s;
    var x0 = 1.0 + spread(first);
    var x1 = 1.0 + spread(first + 4u);
    var x2 = 1.0 + spread(first + 8u);
    var x3 = 1.0 + spread(first + 12u);
    var y0 = 0.25 + spread(first + 16u);
    var y1 = 0.25 + spread(first + 20u);
    var y2 = 0.25 + spread(first + 24u);
    var y3 = 0.25 + spread(first + 28u);
    var round = 0u;
    while round < work.rounds {
        x0 = fma(y0, s, x0); x1 = fma(y1, s, x1); x2 = fma(y2, s, x2); x3 = fma(y3, s, x3);
        y0 = fma(x0, r, y0); y1 = fma(x1, r, y1); y2 = fma(x2, r, y2); y3 = fma(x3, r, y3);
        x0 = fma(y0, s, x0); x1 = fma(y1, s, x1); x2 = fma(y2, s, x2); x3 = fma(y3, s, x3);
        y0 = fma(x0, r, y0); y1 = fma(x1, r, y1); y2 = fma(x2, r, y2); y3 = fma(x3, r, y3);
        x0 = fma(y0, s, x0); x1 = fma(y1, s, x1); x2 = fma(y2, s, x2); x3 = fma(y3, s, x3);
        y0 = fma(x0, r, y0); y1 = fma(x1, r, y1); y2 = fma(x2, r, y2); y3 = fma(x3, r, y3);
        x0 = fma(y0, s, x0); x1 = fma(y1, s, x1); x2 = fma(y2, s, x2); x3 = fma(y3, s, x3);
        y0 = fma(x0, r, y0); y1 = fma(x1, r, y1); y2 = fma(x2, r, y2); y3 = fma(x3, r, y3);
        round++;
    }
    finish(thread, local, round, bits(x0) + bits(x1) + bits(x2) + bits(x3) + bits(y0) + bits(y1)
        + bits(y2) + bits(y3));
}

@compute @workgroup_size(GROUP)
fn separate(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = id.y * groups.x * GROUP + id.x;
    let first = 32u * (thread % 16u);
    let f = vec4<f16>(f16(work.factor));
    let g = vec4<f16>(f16(work.inverse));
    let a = vec4<f16>(f16(work.addend));
    let b = vec4<f16>(f16(work.negative));
    var x0 = 1.0 + spread(first);
    var x1 = 1.0 + spread(first + 4u);
    var x2 = 1.0 + spread(first + 8u);
    var x3 = 1.0 + spread(first + 12u);
    var y0 = 0.25 + spread(first + 16u);
    var y1 = 0.25 + spread(first + 20u);
    var y2 = 0.25 + spread(first + 24u);
    var y3 = 0.25 + spread(first + 28u);
    var round = 0u;
    while round < work.rounds {
        x0 *= f; x1 *= f; x2 *= f; x3 *= f; y0 += a; y1 += a; y2 += a; y3 += a;
        x0 *= g; x1 *= g; x2 *= g; x3 *= g; y0 += b; y1 += b; y2 += b; y3 += b;
        x0 *= f; x1 *= f; x2 *= f; x3 *= f; y0 += a; y1 += a; y2 += a; y3 += a;
        x0 *= g; x1 *= g; x2 *= g; x3 *= g; y0 += b; y1 += b; y2 += b; y3 += b;
        x0 *= f; x1 *= f; x2 *= f; x3 *= f; y0 += a; y1 += a; y2 += a; y3 += a;
        x0 *= g; x1 *= g; x2 *= g; x3 *= g; y0 += b; y1 += b; y2 += b; y3 += b;
        x0 *= f; x1 *= f; x2 *= f; x3 *= f; y0 += a; y1 += a; y2 += a; y3 += a;
        x0 *= g; x1 *= g; x2 *= g; x3 *= g; y0 += b; y1 += b; y2 += b; y3 += b;
        round++;
    }
    finish(thread, local, round, bits(x0) + bits(x1) + bits(x2) + bits(x3) + bits(y0) + bits(y1)
        + bits(y2) + bits(y3));
}

// Four of many numbers from 0 to 1, multiples of 2^-8.
fn spread(first: u32) -> vec4<f16> {
    let n = (vec4(first) + vec4(0u, 1u, 2u, 3u)) * 0x9e3779b1u;
    return vec4<f16>(vec4<f32>(n >> vec4(24u)) * 0.00390625);
}

fn bits(v: vec4<f16>) -> u32 {
    let b = bitcast<vec4<u32>>(vec4<f32>(v));
    return b.x + b.y + b.z + b.w;
}

fn finish(thread: u32, local: u32, rounds: u32, word: u32) {
    if local == 0u {
        atomicAdd(&found.rounds, rounds);
    }
    if thread < arrayLength(&found.words) {
        found.words[thread] = word;
    }
}
