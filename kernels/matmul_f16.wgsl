// The product of two matrices of f16: product[m x n] = left[m x k] * right[k x n], all row-major.
// The sums are f32, and so is the product (multiply_f32), or both are f16 (multiply_f16).
//
// How the work is divided, and why so, is described in matmul_f32.wgsl: this is its 8x8 kernel twice.
// What differs:
//
// - multiply_f32 turns the elements into f32 when it puts them into shared memory, once for each of
//   the TILE_N or TILE_M times that they are used: it runs at the rate of f32 at the best, and saves
//   memory traffic.
// - multiply_f16 keeps f16 throughout. A GPU that computes on pairs of f16 does twice the work a
//   cycle, and shared memory is read half as much. The sums lose: with k terms the error grows to
//   k * 2^-11 of the sum of their absolute values at the worst, and a sum past 65,504 is infinite.
//
// The edges: what lies beyond a matrix is fetched as 0 and not stored, so m, n and k can be anything
// from 1 on. Limits: m, n and k up to 2^20, and no matrix of 2^32 elements or more; then no sum
// below overflows. A thread goes through (k / TILE_K) * (2 + TILE_K / 4) rounds of loops, with those in
// which a loop ends: for a driver that ends loops after 65,535, k is at most 2^16.
//
// left and right are read as vectors: their buffers are a multiple of 8 bytes long.
// Bindings: kernels/README.md.

enable f16;

// The tile. All are powers of two, and so that each thread fetches one or two vectors of each piece:
// 16 * TILE_K / TILE_N and 16 * TILE_K / TILE_M are 1 or 2. TILE_M and TILE_N are at least 64.
override TILE_M: u32 = 128u;
override TILE_N: u32 = 128u;
override TILE_K: u32 = 8u;
// Buffers in shared memory: 2 or, with less room, 1. They have 4 * TILE_K * (TILE_M + TILE_N) bytes
// each, of multiply_f16 half as many.
override BUFFERS: u32 = 2u;
// Whether k and n are multiples of 4, so that four elements of a row are one vector in memory.
override ALIGNED: bool = false;

// Vectors in a row of the pieces, and in the pieces.
override K4: u32 = TILE_K / 4u;
override N4: u32 = TILE_N / 4u;
override LEFT_PIECE: u32 = TILE_M * K4;
override RIGHT_PIECE: u32 = TILE_K * N4;
// Threads of a workgroup.
override THREADS: u32 = TILE_M * TILE_N / 64u;
// Vectors from one of a thread's rows of `left` to its next.
override LEFT_STEP: u32 = LEFT_PIECE / 8u;

struct Shape {
    m: u32,
    n: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read_write> product_f32: array<f32>;
@group(0) @binding(1) var<storage, read_write> product_f16: array<f16>;
@group(0) @binding(2) var<storage, read> left: array<vec4<f16>>;
@group(0) @binding(3) var<storage, read> right: array<vec4<f16>>;

var<workgroup> left_f32: array<vec4<f32>, BUFFERS * LEFT_PIECE>;
var<workgroup> right_f32: array<vec4<f32>, BUFFERS * RIGHT_PIECE>;
var<workgroup> left_f16: array<vec4<f16>, BUFFERS * LEFT_PIECE>;
var<workgroup> right_f16: array<vec4<f16>, BUFFERS * RIGHT_PIECE>;

// A thread computes rows y, y + TILE_M / 8, ... of the tile, and columns 4 * x to 4 * x + 3 of both
// halves: p of the left half, q of the right.
@compute @workgroup_size(THREADS)
fn multiply_f32(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = group.y * TILE_M;
    let column = group.x * TILE_N;
    let x = across(thread, TILE_N / 64u);
    let y = down(thread, TILE_N / 64u);
    let twice_left = LEFT_PIECE > THREADS;
    let twice_right = RIGHT_PIECE > THREADS;

    var next_left = fetch_left(thread, row, 0u);
    var next_right = fetch_right(thread, column, 0u);
    var more_left = vec4<f16>();
    var more_right = vec4<f16>();
    if twice_left {
        more_left = fetch_left(thread + THREADS, row, 0u);
    }
    if twice_right {
        more_right = fetch_right(thread + THREADS, column, 0u);
    }

    var p0 = vec4<f32>(); var q0 = vec4<f32>();
    var p1 = vec4<f32>(); var q1 = vec4<f32>();
    var p2 = vec4<f32>(); var q2 = vec4<f32>();
    var p3 = vec4<f32>(); var q3 = vec4<f32>();
    var p4 = vec4<f32>(); var q4 = vec4<f32>();
    var p5 = vec4<f32>(); var q5 = vec4<f32>();
    var p6 = vec4<f32>(); var q6 = vec4<f32>();
    var p7 = vec4<f32>(); var q7 = vec4<f32>();
    var buffer = 0u;
    for (var step = 0u; step < shape.k; step += TILE_K) {
        if BUFFERS == 1u {
            // The pieces before may still be read.
            workgroupBarrier();
        }
        left_f32[buffer * LEFT_PIECE + swizzled(thread)] = vec4<f32>(next_left);
        right_f32[buffer * RIGHT_PIECE + thread] = vec4<f32>(next_right);
        if twice_left {
            left_f32[buffer * LEFT_PIECE + swizzled(thread + THREADS)] = vec4<f32>(more_left);
        }
        if twice_right {
            right_f32[buffer * RIGHT_PIECE + thread + THREADS] = vec4<f32>(more_right);
        }
        workgroupBarrier();

        next_left = fetch_left(thread, row, step + TILE_K);
        next_right = fetch_right(thread, column, step + TILE_K);
        if twice_left {
            more_left = fetch_left(thread + THREADS, row, step + TILE_K);
        }
        if twice_right {
            more_right = fetch_right(thread + THREADS, column, step + TILE_K);
        }

        let from_left = buffer * LEFT_PIECE + y * K4;
        for (var i = 0u; i < K4; i++) {
            let place = i ^ swizzle(y);
            let from_right = buffer * RIGHT_PIECE + 4u * i * N4 + x;
            let a0 = left_f32[from_left + place];
            let a1 = left_f32[from_left + 1u * LEFT_STEP + place];
            let a2 = left_f32[from_left + 2u * LEFT_STEP + place];
            let a3 = left_f32[from_left + 3u * LEFT_STEP + place];
            let a4 = left_f32[from_left + 4u * LEFT_STEP + place];
            let a5 = left_f32[from_left + 5u * LEFT_STEP + place];
            let a6 = left_f32[from_left + 6u * LEFT_STEP + place];
            let a7 = left_f32[from_left + 7u * LEFT_STEP + place];
            let b0 = right_f32[from_right];
            let d0 = right_f32[from_right + N4 / 2u];
            p0 = fma(vec4(a0.x), b0, p0); q0 = fma(vec4(a0.x), d0, q0);
            p1 = fma(vec4(a1.x), b0, p1); q1 = fma(vec4(a1.x), d0, q1);
            p2 = fma(vec4(a2.x), b0, p2); q2 = fma(vec4(a2.x), d0, q2);
            p3 = fma(vec4(a3.x), b0, p3); q3 = fma(vec4(a3.x), d0, q3);
            p4 = fma(vec4(a4.x), b0, p4); q4 = fma(vec4(a4.x), d0, q4);
            p5 = fma(vec4(a5.x), b0, p5); q5 = fma(vec4(a5.x), d0, q5);
            p6 = fma(vec4(a6.x), b0, p6); q6 = fma(vec4(a6.x), d0, q6);
            p7 = fma(vec4(a7.x), b0, p7); q7 = fma(vec4(a7.x), d0, q7);
            let b1 = right_f32[from_right + 1u * N4];
            let d1 = right_f32[from_right + 1u * N4 + N4 / 2u];
            p0 = fma(vec4(a0.y), b1, p0); q0 = fma(vec4(a0.y), d1, q0);
            p1 = fma(vec4(a1.y), b1, p1); q1 = fma(vec4(a1.y), d1, q1);
            p2 = fma(vec4(a2.y), b1, p2); q2 = fma(vec4(a2.y), d1, q2);
            p3 = fma(vec4(a3.y), b1, p3); q3 = fma(vec4(a3.y), d1, q3);
            p4 = fma(vec4(a4.y), b1, p4); q4 = fma(vec4(a4.y), d1, q4);
            p5 = fma(vec4(a5.y), b1, p5); q5 = fma(vec4(a5.y), d1, q5);
            p6 = fma(vec4(a6.y), b1, p6); q6 = fma(vec4(a6.y), d1, q6);
            p7 = fma(vec4(a7.y), b1, p7); q7 = fma(vec4(a7.y), d1, q7);
            let b2 = right_f32[from_right + 2u * N4];
            let d2 = right_f32[from_right + 2u * N4 + N4 / 2u];
            p0 = fma(vec4(a0.z), b2, p0); q0 = fma(vec4(a0.z), d2, q0);
            p1 = fma(vec4(a1.z), b2, p1); q1 = fma(vec4(a1.z), d2, q1);
            p2 = fma(vec4(a2.z), b2, p2); q2 = fma(vec4(a2.z), d2, q2);
            p3 = fma(vec4(a3.z), b2, p3); q3 = fma(vec4(a3.z), d2, q3);
            p4 = fma(vec4(a4.z), b2, p4); q4 = fma(vec4(a4.z), d2, q4);
            p5 = fma(vec4(a5.z), b2, p5); q5 = fma(vec4(a5.z), d2, q5);
            p6 = fma(vec4(a6.z), b2, p6); q6 = fma(vec4(a6.z), d2, q6);
            p7 = fma(vec4(a7.z), b2, p7); q7 = fma(vec4(a7.z), d2, q7);
            let b3 = right_f32[from_right + 3u * N4];
            let d3 = right_f32[from_right + 3u * N4 + N4 / 2u];
            p0 = fma(vec4(a0.w), b3, p0); q0 = fma(vec4(a0.w), d3, q0);
            p1 = fma(vec4(a1.w), b3, p1); q1 = fma(vec4(a1.w), d3, q1);
            p2 = fma(vec4(a2.w), b3, p2); q2 = fma(vec4(a2.w), d3, q2);
            p3 = fma(vec4(a3.w), b3, p3); q3 = fma(vec4(a3.w), d3, q3);
            p4 = fma(vec4(a4.w), b3, p4); q4 = fma(vec4(a4.w), d3, q4);
            p5 = fma(vec4(a5.w), b3, p5); q5 = fma(vec4(a5.w), d3, q5);
            p6 = fma(vec4(a6.w), b3, p6); q6 = fma(vec4(a6.w), d3, q6);
            p7 = fma(vec4(a7.w), b3, p7); q7 = fma(vec4(a7.w), d3, q7);
        }
        buffer = BUFFERS - 1u - buffer;
    }

    let near = column + 4u * x;
    let far = near + TILE_N / 2u;
    let down_by = TILE_M / 8u;
    store_f32(row + y, near, p0); store_f32(row + y, far, q0);
    store_f32(row + y + down_by, near, p1); store_f32(row + y + down_by, far, q1);
    store_f32(row + y + 2u * down_by, near, p2); store_f32(row + y + 2u * down_by, far, q2);
    store_f32(row + y + 3u * down_by, near, p3); store_f32(row + y + 3u * down_by, far, q3);
    store_f32(row + y + 4u * down_by, near, p4); store_f32(row + y + 4u * down_by, far, q4);
    store_f32(row + y + 5u * down_by, near, p5); store_f32(row + y + 5u * down_by, far, q5);
    store_f32(row + y + 6u * down_by, near, p6); store_f32(row + y + 6u * down_by, far, q6);
    store_f32(row + y + 7u * down_by, near, p7); store_f32(row + y + 7u * down_by, far, q7);
}

// The same with sums of f16.
@compute @workgroup_size(THREADS)
fn multiply_f16(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = group.y * TILE_M;
    let column = group.x * TILE_N;
    let x = across(thread, TILE_N / 64u);
    let y = down(thread, TILE_N / 64u);
    let twice_left = LEFT_PIECE > THREADS;
    let twice_right = RIGHT_PIECE > THREADS;

    var next_left = fetch_left(thread, row, 0u);
    var next_right = fetch_right(thread, column, 0u);
    var more_left = vec4<f16>();
    var more_right = vec4<f16>();
    if twice_left {
        more_left = fetch_left(thread + THREADS, row, 0u);
    }
    if twice_right {
        more_right = fetch_right(thread + THREADS, column, 0u);
    }

    var p0 = vec4<f16>(); var q0 = vec4<f16>();
    var p1 = vec4<f16>(); var q1 = vec4<f16>();
    var p2 = vec4<f16>(); var q2 = vec4<f16>();
    var p3 = vec4<f16>(); var q3 = vec4<f16>();
    var p4 = vec4<f16>(); var q4 = vec4<f16>();
    var p5 = vec4<f16>(); var q5 = vec4<f16>();
    var p6 = vec4<f16>(); var q6 = vec4<f16>();
    var p7 = vec4<f16>(); var q7 = vec4<f16>();
    var buffer = 0u;
    for (var step = 0u; step < shape.k; step += TILE_K) {
        if BUFFERS == 1u {
            // The pieces before may still be read.
            workgroupBarrier();
        }
        left_f16[buffer * LEFT_PIECE + swizzled(thread)] = next_left;
        right_f16[buffer * RIGHT_PIECE + thread] = next_right;
        if twice_left {
            left_f16[buffer * LEFT_PIECE + swizzled(thread + THREADS)] = more_left;
        }
        if twice_right {
            right_f16[buffer * RIGHT_PIECE + thread + THREADS] = more_right;
        }
        workgroupBarrier();

        next_left = fetch_left(thread, row, step + TILE_K);
        next_right = fetch_right(thread, column, step + TILE_K);
        if twice_left {
            more_left = fetch_left(thread + THREADS, row, step + TILE_K);
        }
        if twice_right {
            more_right = fetch_right(thread + THREADS, column, step + TILE_K);
        }

        let from_left = buffer * LEFT_PIECE + y * K4;
        for (var i = 0u; i < K4; i++) {
            let place = i ^ swizzle(y);
            let from_right = buffer * RIGHT_PIECE + 4u * i * N4 + x;
            let a0 = left_f16[from_left + place];
            let a1 = left_f16[from_left + 1u * LEFT_STEP + place];
            let a2 = left_f16[from_left + 2u * LEFT_STEP + place];
            let a3 = left_f16[from_left + 3u * LEFT_STEP + place];
            let a4 = left_f16[from_left + 4u * LEFT_STEP + place];
            let a5 = left_f16[from_left + 5u * LEFT_STEP + place];
            let a6 = left_f16[from_left + 6u * LEFT_STEP + place];
            let a7 = left_f16[from_left + 7u * LEFT_STEP + place];
            let b0 = right_f16[from_right];
            let d0 = right_f16[from_right + N4 / 2u];
            p0 = fma(vec4(a0.x), b0, p0); q0 = fma(vec4(a0.x), d0, q0);
            p1 = fma(vec4(a1.x), b0, p1); q1 = fma(vec4(a1.x), d0, q1);
            p2 = fma(vec4(a2.x), b0, p2); q2 = fma(vec4(a2.x), d0, q2);
            p3 = fma(vec4(a3.x), b0, p3); q3 = fma(vec4(a3.x), d0, q3);
            p4 = fma(vec4(a4.x), b0, p4); q4 = fma(vec4(a4.x), d0, q4);
            p5 = fma(vec4(a5.x), b0, p5); q5 = fma(vec4(a5.x), d0, q5);
            p6 = fma(vec4(a6.x), b0, p6); q6 = fma(vec4(a6.x), d0, q6);
            p7 = fma(vec4(a7.x), b0, p7); q7 = fma(vec4(a7.x), d0, q7);
            let b1 = right_f16[from_right + 1u * N4];
            let d1 = right_f16[from_right + 1u * N4 + N4 / 2u];
            p0 = fma(vec4(a0.y), b1, p0); q0 = fma(vec4(a0.y), d1, q0);
            p1 = fma(vec4(a1.y), b1, p1); q1 = fma(vec4(a1.y), d1, q1);
            p2 = fma(vec4(a2.y), b1, p2); q2 = fma(vec4(a2.y), d1, q2);
            p3 = fma(vec4(a3.y), b1, p3); q3 = fma(vec4(a3.y), d1, q3);
            p4 = fma(vec4(a4.y), b1, p4); q4 = fma(vec4(a4.y), d1, q4);
            p5 = fma(vec4(a5.y), b1, p5); q5 = fma(vec4(a5.y), d1, q5);
            p6 = fma(vec4(a6.y), b1, p6); q6 = fma(vec4(a6.y), d1, q6);
            p7 = fma(vec4(a7.y), b1, p7); q7 = fma(vec4(a7.y), d1, q7);
            let b2 = right_f16[from_right + 2u * N4];
            let d2 = right_f16[from_right + 2u * N4 + N4 / 2u];
            p0 = fma(vec4(a0.z), b2, p0); q0 = fma(vec4(a0.z), d2, q0);
            p1 = fma(vec4(a1.z), b2, p1); q1 = fma(vec4(a1.z), d2, q1);
            p2 = fma(vec4(a2.z), b2, p2); q2 = fma(vec4(a2.z), d2, q2);
            p3 = fma(vec4(a3.z), b2, p3); q3 = fma(vec4(a3.z), d2, q3);
            p4 = fma(vec4(a4.z), b2, p4); q4 = fma(vec4(a4.z), d2, q4);
            p5 = fma(vec4(a5.z), b2, p5); q5 = fma(vec4(a5.z), d2, q5);
            p6 = fma(vec4(a6.z), b2, p6); q6 = fma(vec4(a6.z), d2, q6);
            p7 = fma(vec4(a7.z), b2, p7); q7 = fma(vec4(a7.z), d2, q7);
            let b3 = right_f16[from_right + 3u * N4];
            let d3 = right_f16[from_right + 3u * N4 + N4 / 2u];
            p0 = fma(vec4(a0.w), b3, p0); q0 = fma(vec4(a0.w), d3, q0);
            p1 = fma(vec4(a1.w), b3, p1); q1 = fma(vec4(a1.w), d3, q1);
            p2 = fma(vec4(a2.w), b3, p2); q2 = fma(vec4(a2.w), d3, q2);
            p3 = fma(vec4(a3.w), b3, p3); q3 = fma(vec4(a3.w), d3, q3);
            p4 = fma(vec4(a4.w), b3, p4); q4 = fma(vec4(a4.w), d3, q4);
            p5 = fma(vec4(a5.w), b3, p5); q5 = fma(vec4(a5.w), d3, q5);
            p6 = fma(vec4(a6.w), b3, p6); q6 = fma(vec4(a6.w), d3, q6);
            p7 = fma(vec4(a7.w), b3, p7); q7 = fma(vec4(a7.w), d3, q7);
        }
        buffer = BUFFERS - 1u - buffer;
    }

    let near = column + 4u * x;
    let far = near + TILE_N / 2u;
    let down_by = TILE_M / 8u;
    store_f16(row + y, near, p0); store_f16(row + y, far, q0);
    store_f16(row + y + down_by, near, p1); store_f16(row + y + down_by, far, q1);
    store_f16(row + y + 2u * down_by, near, p2); store_f16(row + y + 2u * down_by, far, q2);
    store_f16(row + y + 3u * down_by, near, p3); store_f16(row + y + 3u * down_by, far, q3);
    store_f16(row + y + 4u * down_by, near, p4); store_f16(row + y + 4u * down_by, far, q4);
    store_f16(row + y + 5u * down_by, near, p5); store_f16(row + y + 5u * down_by, far, q5);
    store_f16(row + y + 6u * down_by, near, p6); store_f16(row + y + 6u * down_by, far, q6);
    store_f16(row + y + 7u * down_by, near, p7); store_f16(row + y + 7u * down_by, far, q7);
}

// Where in the tile a thread is: 32 in a row are 4 down and 8 across, and `blocks` of these are next
// to each other.
fn across(thread: u32, blocks: u32) -> u32 {
    return (thread & 7u) + 8u * ((thread >> 5u) & (blocks - 1u));
}

fn down(thread: u32, blocks: u32) -> u32 {
    return ((thread >> 3u) & 3u) + 4u * ((thread >> 5u) / blocks);
}

// By what the vectors of a row of `left` change places. As vectors of f32, 32 banks are 8 of them:
// rows that begin in the same bank differ in it. A thread's rows, 8 or a multiple of it apart, have
// it in common.
fn swizzle(row: u32) -> u32 {
    return ((row * K4) >> 3u) & (K4 - 1u);
}

// Where vector `at` of the piece of `left` lies.
fn swizzled(at: u32) -> u32 {
    return at ^ swizzle(at / K4);
}

// Vector `at` of the piece of `left` that begins at (row, step).
fn fetch_left(at: u32, row: u32, step: u32) -> vec4<f16> {
    let r = row + at / K4;
    let c = step + 4u * (at % K4);
    var v = vec4<f16>();
    if r < shape.m && c < shape.k {
        let first = r * shape.k + c;
        if ALIGNED {
            v = left[first >> 2u];
        } else {
            v.x = left_element(first);
            if c + 1u < shape.k {
                v.y = left_element(first + 1u);
            }
            if c + 2u < shape.k {
                v.z = left_element(first + 2u);
            }
            if c + 3u < shape.k {
                v.w = left_element(first + 3u);
            }
        }
    }
    return v;
}

// Vector `at` of the piece of `right` that begins at (step, column).
fn fetch_right(at: u32, column: u32, step: u32) -> vec4<f16> {
    let r = step + at / N4;
    let c = column + 4u * (at % N4);
    var v = vec4<f16>();
    if r < shape.k && c < shape.n {
        let first = r * shape.n + c;
        if ALIGNED {
            v = right[first >> 2u];
        } else {
            v.x = right_element(first);
            if c + 1u < shape.n {
                v.y = right_element(first + 1u);
            }
            if c + 2u < shape.n {
                v.z = right_element(first + 2u);
            }
            if c + 3u < shape.n {
                v.w = right_element(first + 3u);
            }
        }
    }
    return v;
}

// One element, where four are not a vector in memory.
fn left_element(at: u32) -> f16 {
    return left[at >> 2u][at & 3u];
}

fn right_element(at: u32) -> f16 {
    return right[at >> 2u][at & 3u];
}

// Four elements of a row of the product, as far as they are inside.
fn store_f32(row: u32, column: u32, v: vec4<f32>) {
    if row < shape.m {
        let to = row * shape.n + column;
        if column < shape.n {
            product_f32[to] = v.x;
        }
        if column + 1u < shape.n {
            product_f32[to + 1u] = v.y;
        }
        if column + 2u < shape.n {
            product_f32[to + 2u] = v.z;
        }
        if column + 3u < shape.n {
            product_f32[to + 3u] = v.w;
        }
    }
}

fn store_f16(row: u32, column: u32, v: vec4<f16>) {
    if row < shape.m {
        let to = row * shape.n + column;
        if column < shape.n {
            product_f16[to] = v.x;
        }
        if column + 1u < shape.n {
            product_f16[to + 1u] = v.y;
        }
        if column + 2u < shape.n {
            product_f16[to + 2u] = v.z;
        }
        if column + 3u < shape.n {
            product_f16[to + 3u] = v.w;
        }
    }
}
