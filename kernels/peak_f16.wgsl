// The arithmetic of f16 with next to nothing to wait for: what work on vectors of f16 could do at the
// most (matrix units are something else).
//
// Every thread has 32 numbers in registers, and 16 of them at least do not wait for each other: that
// hides how long an operation takes, together with the other threads. All begin alike but for the
// thread's number modulo 16, and what comes out is known: each thread stores one number of it, and
// counts its rounds, so that a driver that ends loops early or leaves work out is found out.
//
// - `fused` turns 16 points (x, y) by a small angle: x += s * y, then y -= s * x, each one fma(). They
//   stay on an ellipse: x^2 + y^2 + s * x * y keeps its value, up to rounding. Bits change as they do
//   in real work, which counts when power is measured. A round is 128 multiplications and as many
//   additions (256 operations) a thread.
// - `separate` has chains of multiplications alone and chains of additions alone, so that no compiler
//   makes one instruction of two: on some cards that is faster by far. A factor is followed by its
//   inverse, an addend by its negative. A round is 128 multiplications and 128 additions (256
//   operations) a thread. A compiler that may reassociate could shorten the chains.
//
// In f16 rounding moves the points of `fused` off their ellipse, by a tenth or so in 16,384 rounds, and
// the factors of `separate` have to be powers of two.
// Bindings: kernels/README.md.

enable f16;

// Threads of a workgroup.
override GROUP: u32 = 256u;

struct Work {
    rounds: u32,
    // The sine, so to speak, of `fused`; the factors and the addends of `separate`, whose product is
    // to be near 1 and whose sum near 0. They come from the host so that no compiler knows them.
    angle: f32,
    factor: f32,
    inverse: f32,
    addend: f32,
    negative: f32,
}

struct Found {
    // Rounds that the first threads of all workgroups did, together and modulo 2^32. The host sets it
    // to 0.
    rounds: atomic<u32>,
    // One number of each thread, as far as there is room.
    numbers: array<f32>,
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
    let start = f16(1.0 + f32(thread % 16u) / 64.0);
    let s = vec4<f16>(f16(work.angle));
    let r = -s;
    var x0 = vec4<f16>(start) + vec4<f16>(vec4(0.0, 1.0, 2.0, 3.0) / 64.0);
    var x1 = vec4<f16>(start) + vec4<f16>(vec4(4.0, 5.0, 6.0, 7.0) / 64.0);
    var x2 = vec4<f16>(start) + vec4<f16>(vec4(8.0, 9.0, 10.0, 11.0) / 64.0);
    var x3 = vec4<f16>(start) + vec4<f16>(vec4(12.0, 13.0, 14.0, 15.0) / 64.0);
    var y0 = vec4<f16>();
    var y1 = vec4<f16>();
    var y2 = vec4<f16>();
    var y3 = vec4<f16>();
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
    finish(thread, local, round, x0 + x1 + x2 + x3 + y0 + y1 + y2 + y3);
}

@compute @workgroup_size(GROUP)
fn separate(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = id.y * groups.x * GROUP + id.x;
    let start = f16(1.0 + f32(thread % 16u) / 64.0);
    let f = vec4<f16>(f16(work.factor));
    let g = vec4<f16>(f16(work.inverse));
    let a = vec4<f16>(f16(work.addend));
    let b = vec4<f16>(f16(work.negative));
    var x0 = vec4<f16>(start) + vec4<f16>(vec4(0.0, 1.0, 2.0, 3.0) / 64.0);
    var x1 = vec4<f16>(start) + vec4<f16>(vec4(4.0, 5.0, 6.0, 7.0) / 64.0);
    var x2 = vec4<f16>(start) + vec4<f16>(vec4(8.0, 9.0, 10.0, 11.0) / 64.0);
    var x3 = vec4<f16>(start) + vec4<f16>(vec4(12.0, 13.0, 14.0, 15.0) / 64.0);
    var y0 = vec4<f16>();
    var y1 = vec4<f16>();
    var y2 = vec4<f16>();
    var y3 = vec4<f16>();
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
    finish(thread, local, round, x0 + x1 + x2 + x3 + y0 + y1 + y2 + y3);
}

fn finish(thread: u32, local: u32, rounds: u32, sums: vec4<f16>) {
    if local == 0u {
        atomicAdd(&found.rounds, rounds);
    }
    if thread < arrayLength(&found.numbers) {
        found.numbers[thread] = f32(sums.x) + f32(sums.y) + f32(sums.z) + f32(sums.w);
    }
}
