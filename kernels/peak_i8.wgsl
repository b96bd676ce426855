// The arithmetic of 8-bit integers with next to nothing to wait for: what work on them could do at the
// most outside matrix units.
//
// Every thread has 32 words in registers, each four 8-bit integers and a sum of 32 bits at once:
// x += dot(y, s), then y += dot(x, r), where s and r are four integers each. 16 words at least do not
// wait for each other: that hides how long an operation takes, together with the other threads. All
// begin alike but for the thread's number modulo 16. Sums wrap, so that what comes out is known to the
// bit: each thread stores one word of it, and its rounds are counted, so that a driver that ends loops
// early or leaves work out is found out.
//
// A dot product is four multiplications and, with the sum that it is added to, four additions. A round
// is 128 of them (1,024 operations) a thread.
// Bindings: kernels/README.md.

// Threads of a workgroup.
override GROUP: u32 = 256u;

struct Work {
    rounds: u32,
    // From the host so that no compiler knows them.
    s: u32,
    r: u32,
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
fn dots(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let thread = id.y * groups.x * GROUP + id.x;
    let first = 32u * (thread % 16u);
    let s = work.s;
    let r = work.r;
    var x0 = spread(first);
    var x1 = spread(first + 4u);
    var x2 = spread(first + 8u);
    var x3 = spread(first + 12u);
    var y0 = spread(first + 16u);
    var y1 = spread(first + 20u);
    var y2 = spread(first + 24u);
    var y3 = spread(first + 28u);
    var round = 0u;
    while round < work.rounds {
        x0 = add(x0, y0, s); x1 = add(x1, y1, s); x2 = add(x2, y2, s); x3 = add(x3, y3, s);
        y0 = add(y0, x0, r); y1 = add(y1, x1, r); y2 = add(y2, x2, r); y3 = add(y3, x3, r);
        x0 = add(x0, y0, s); x1 = add(x1, y1, s); x2 = add(x2, y2, s); x3 = add(x3, y3, s);
        y0 = add(y0, x0, r); y1 = add(y1, x1, r); y2 = add(y2, x2, r); y3 = add(y3, x3, r);
        x0 = add(x0, y0, s); x1 = add(x1, y1, s); x2 = add(x2, y2, s); x3 = add(x3, y3, s);
        y0 = add(y0, x0, r); y1 = add(y1, x1, r); y2 = add(y2, x2, r); y3 = add(y3, x3, r);
        x0 = add(x0, y0, s); x1 = add(x1, y1, s); x2 = add(x2, y2, s); x3 = add(x3, y3, s);
        y0 = add(y0, x0, r); y1 = add(y1, x1, r); y2 = add(y2, x2, r); y3 = add(y3, x3, r);
        round++;
    }
    let sums = x0 + x1 + x2 + x3 + y0 + y1 + y2 + y3;
    finish(thread, local, round, bitcast<u32>(sums.x + sums.y + sums.z + sums.w));
}

// In this form each addition goes with a dot product: GPUs have one instruction for both.
fn add(sums: vec4<i32>, v: vec4<i32>, by: u32) -> vec4<i32> {
    let w = bitcast<vec4<u32>>(v);
    return vec4(
        sums.x + dot4I8Packed(w.x, by),
        sums.y + dot4I8Packed(w.y, by),
        sums.z + dot4I8Packed(w.z, by),
        sums.w + dot4I8Packed(w.w, by),
    );
}

// Four of many words, all of whose bits differ.
fn spread(first: u32) -> vec4<i32> {
    return bitcast<vec4<i32>>((vec4(first) + vec4(0u, 1u, 2u, 3u)) * 0x9e3779b1u);
}

fn finish(thread: u32, local: u32, rounds: u32, word: u32) {
    if local == 0u {
        atomicAdd(&found.rounds, rounds);
    }
    if thread < arrayLength(&found.words) {
        found.words[thread] = word;
    }
}
