// The product of two matrices of f32: product[m x n] = left[m x k] * right[k x n], all row-major.
//
// A workgroup computes a tile of the product, TILE_M x TILE_N, and each of its threads 8x8 or 4x4
// elements of that. It goes along k in steps of TILE_K: a piece of `left` and one of `right` are
// brought into shared memory, where every element is used TILE_N or TILE_M times. What counts:
//
// - The sums of a thread stand in variables of their own, written out straight: they are registers
//   on every driver, where an array might be memory.
// - The next pieces are fetched into registers before the present ones are multiplied, so that
//   memory is waited for while there is work. With two buffers that takes one barrier a step, with
//   one buffer two.
// - Both pieces lie in shared memory as they lie in the matrices. A thread reads four elements of a
//   row of `left`, which serve four steps of k: as many reads as if the piece were transposed, and
//   no transposing.
// - Shared memory has 32 banks of a word. 32 threads in a row make a block of 4 rows and 8 columns of
//   threads, so that a read of `left` meets 4 places and one of `right` 8 in a row; and `left` is
//   swizzled: the vectors of a row change places, so that the 4 fall into different banks. It does
//   what padding does and takes no room.
//
// The edges: what lies beyond a matrix is fetched as 0 and not stored, so m, n and k can be anything
// from 1 on. Limits: m, n and k up to 2^20, and no matrix of 2^32 elements or more; then no sum
// below overflows. A thread goes through (k / TILE_K) * (2 + TILE_K / 4) rounds of loops, with those in
// which a loop ends: for a driver that ends loops after 65,535, k is at most 2^16.
//
// left and right are read as vectors: their buffers are a multiple of 16 bytes long.
// Bindings: kernels/README.md.

// The tile. All are powers of two, and so that each thread fetches one or two vectors of each piece:
// 16 * TILE_K / TILE_N and 16 * TILE_K / TILE_M are 1 or 2 (of multiply_4x4 it is 4, not 16). TILE_M and
// TILE_N are at least 64 (of multiply_4x4 32).
override TILE_M: u32 = 128u;
override TILE_N: u32 = 128u;
override TILE_K: u32 = 8u;
// Buffers in shared memory: 2 or, with less room, 1. They have 4 * TILE_K * (TILE_M + TILE_N) bytes
// each.
override BUFFERS: u32 = 2u;
// Whether k and n are multiples of 4, so that four elements of a row are one vector in memory.
override ALIGNED: bool = false;

// Vectors in a row of the pieces, and in the pieces.
override K4: u32 = TILE_K / 4u;
override N4: u32 = TILE_N / 4u;
override LEFT_PIECE: u32 = TILE_M * K4;
override RIGHT_PIECE: u32 = TILE_K * N4;
// Threads of a workgroup.
override THREADS_8X8: u32 = TILE_M * TILE_N / 64u;
override THREADS_4X4: u32 = TILE_M * TILE_N / 16u;
// Vectors from one of a thread's rows of `left` to its next.
override LEFT_STEP_8X8: u32 = LEFT_PIECE / 8u;
override LEFT_STEP_4X4: u32 = LEFT_PIECE / 4u;

struct Shape {
    m: u32,
    n: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read_write> product: array<f32>;
@group(0) @binding(2) var<storage, read> left: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> right: array<vec4<f32>>;

var<workgroup> left_tile: array<vec4<f32>, BUFFERS * LEFT_PIECE>;
var<workgroup> right_tile: array<vec4<f32>, BUFFERS * RIGHT_PIECE>;

// A thread computes rows y, y + TILE_M / 8, ... of the tile, and columns 4 * x to 4 * x + 3 of both
// halves: p of the left half, q of the right.
@compute @workgroup_size(THREADS_8X8)
fn multiply_8x8(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = group.y * TILE_M;
    let column = group.x * TILE_N;
    let x = across(thread, TILE_N / 64u);
    let y = down(thread, TILE_N / 64u);
    let twice_left = LEFT_PIECE > THREADS_8X8;
    let twice_right = RIGHT_PIECE > THREADS_8X8;

    var next_left = fetch_left(thread, row, 0u);
    var next_right = fetch_right(thread, column, 0u);
    var more_left = vec4<f32>();
    var more_right = vec4<f32>();
    if twice_left {
        more_left = fetch_left(thread + THREADS_8X8, row, 0u);
    }
    if twice_right {
        more_right = fetch_right(thread + THREADS_8X8, column, 0u);
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
        left_tile[buffer * LEFT_PIECE + swizzled(thread)] = next_left;
        right_tile[buffer * RIGHT_PIECE + thread] = next_right;
        if twice_left {
            left_tile[buffer * LEFT_PIECE + swizzled(thread + THREADS_8X8)] = more_left;
        }
        if twice_right {
            right_tile[buffer * RIGHT_PIECE + thread + THREADS_8X8] = more_right;
        }
        workgroupBarrier();

        next_left = fetch_left(thread, row, step + TILE_K);
        next_right = fetch_right(thread, column, step + TILE_K);
        if twice_left {
            more_left = fetch_left(thread + THREADS_8X8, row, step + TILE_K);
        }
        if twice_right {
            more_right = fetch_right(thread + THREADS_8X8, column, step + TILE_K);
        }

        let from_left = buffer * LEFT_PIECE + y * K4;
        for (var i = 0u; i < K4; i++) {
            let place = i ^ swizzle(y);
            let from_right = buffer * RIGHT_PIECE + 4u * i * N4 + x;
            let a0 = left_tile[from_left + place];
            let a1 = left_tile[from_left + 1u * LEFT_STEP_8X8 + place];
            let a2 = left_tile[from_left + 2u * LEFT_STEP_8X8 + place];
            let a3 = left_tile[from_left + 3u * LEFT_STEP_8X8 + place];
            let a4 = left_tile[from_left + 4u * LEFT_STEP_8X8 + place];
            let a5 = left_tile[from_left + 5u * LEFT_STEP_8X8 + place];
            let a6 = left_tile[from_left + 6u * LEFT_STEP_8X8 + place];
            let a7 = left_tile[from_left + 7u * LEFT_STEP_8X8 + place];
            let b0 = right_tile[from_right];
            let d0 = right_tile[from_right + N4 / 2u];
            p0 = fma(vec4(a0.x), b0, p0); q0 = fma(vec4(a0.x), d0, q0);
            p1 = fma(vec4(a1.x), b0, p1); q1 = fma(vec4(a1.x), d0, q1);
            p2 = fma(vec4(a2.x), b0, p2); q2 = fma(vec4(a2.x), d0, q2);
            p3 = fma(vec4(a3.x), b0, p3); q3 = fma(vec4(a3.x), d0, q3);
            p4 = fma(vec4(a4.x), b0, p4); q4 = fma(vec4(a4.x), d0, q4);
            p5 = fma(vec4(a5.x), b0, p5); q5 = fma(vec4(a5.x), d0, q5);
            p6 = fma(vec4(a6.x), b0, p6); q6 = fma(vec4(a6.x), d0, q6);
            p7 = fma(vec4(a7.x), b0, p7); q7 = fma(vec4(a7.x), d0, q7);
            let b1 = right_tile[from_right + 1u * N4];
            let d1 = right_tile[from_right + 1u * N4 + N4 / 2u];
            p0 = fma(vec4(a0.y), b1, p0); q0 = fma(vec4(a0.y), d1, q0);
            p1 = fma(vec4(a1.y), b1, p1); q1 = fma(vec4(a1.y), d1, q1);
            p2 = fma(vec4(a2.y), b1, p2); q2 = fma(vec4(a2.y), d1, q2);
            p3 = fma(vec4(a3.y), b1, p3); q3 = fma(vec4(a3.y), d1, q3);
            p4 = fma(vec4(a4.y), b1, p4); q4 = fma(vec4(a4.y), d1, q4);
            p5 = fma(vec4(a5.y), b1, p5); q5 = fma(vec4(a5.y), d1, q5);
            p6 = fma(vec4(a6.y), b1, p6); q6 = fma(vec4(a6.y), d1, q6);
            p7 = fma(vec4(a7.y), b1, p7); q7 = fma(vec4(a7.y), d1, q7);
            let b2 = right_tile[from_right + 2u * N4];
            let d2 = right_tile[from_right + 2u * N4 + N4 / 2u];
            p0 = fma(vec4(a0.z), b2, p0); q0 = fma(vec4(a0.z), d2, q0);
            p1 = fma(vec4(a1.z), b2, p1); q1 = fma(vec4(a1.z), d2, q1);
            p2 = fma(vec4(a2.z), b2, p2); q2 = fma(vec4(a2.z), d2, q2);
            p3 = fma(vec4(a3.z), b2, p3); q3 = fma(vec4(a3.z), d2, q3);
            p4 = fma(vec4(a4.z), b2, p4); q4 = fma(vec4(a4.z), d2, q4);
            p5 = fma(vec4(a5.z), b2, p5); q5 = fma(vec4(a5.z), d2, q5);
            p6 = fma(vec4(a6.z), b2, p6); q6 = fma(vec4(a6.z), d2, q6);
            p7 = fma(vec4(a7.z), b2, p7); q7 = fma(vec4(a7.z), d2, q7);
            let b3 = right_tile[from_right + 3u * N4];
            let d3 = right_tile[from_right + 3u * N4 + N4 / 2u];
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
    store(row + y, near, p0); store(row + y, far, q0);
    store(row + y + down_by, near, p1); store(row + y + down_by, far, q1);
    store(row + y + 2u * down_by, near, p2); store(row + y + 2u * down_by, far, q2);
    store(row + y + 3u * down_by, near, p3); store(row + y + 3u * down_by, far, q3);
    store(row + y + 4u * down_by, near, p4); store(row + y + 4u * down_by, far, q4);
    store(row + y + 5u * down_by, near, p5); store(row + y + 5u * down_by, far, q5);
    store(row + y + 6u * down_by, near, p6); store(row + y + 6u * down_by, far, q6);
    store(row + y + 7u * down_by, near, p7); store(row + y + 7u * down_by, far, q7);
}

// The same with 4x4 elements a thread: rows y, y + TILE_M / 4, ..., columns 4 * x to 4 * x + 3. For
// small matrices, of which larger tiles would leave much of the GPU idle.
@compute @workgroup_size(THREADS_4X4)
fn multiply_4x4(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = group.y * TILE_M;
    let column = group.x * TILE_N;
    let x = across(thread, TILE_N / 32u);
    let y = down(thread, TILE_N / 32u);
    let twice_left = LEFT_PIECE > THREADS_4X4;
    let twice_right = RIGHT_PIECE > THREADS_4X4;

    var next_left = fetch_left(thread, row, 0u);
    var next_right = fetch_right(thread, column, 0u);
    var more_left = vec4<f32>();
    var more_right = vec4<f32>();
    if twice_left {
        more_left = fetch_left(thread + THREADS_4X4, row, 0u);
    }
    if twice_right {
        more_right = fetch_right(thread + THREADS_4X4, column, 0u);
    }

    var p0 = vec4<f32>();
    var p1 = vec4<f32>();
    var p2 = vec4<f32>();
    var p3 = vec4<f32>();
    var buffer = 0u;
    for (var step = 0u; step < shape.k; step += TILE_K) {
        if BUFFERS == 1u {
            // The pieces before may still be read.
            workgroupBarrier();
        }
        left_tile[buffer * LEFT_PIECE + swizzled(thread)] = next_left;
        right_tile[buffer * RIGHT_PIECE + thread] = next_right;
        if twice_left {
            left_tile[buffer * LEFT_PIECE + swizzled(thread + THREADS_4X4)] = more_left;
        }
        if twice_right {
            right_tile[buffer * RIGHT_PIECE + thread + THREADS_4X4] = more_right;
        }
        workgroupBarrier();

        next_left = fetch_left(thread, row, step + TILE_K);
        next_right = fetch_right(thread, column, step + TILE_K);
        if twice_left {
            more_left = fetch_left(thread + THREADS_4X4, row, step + TILE_K);
        }
        if twice_right {
            more_right = fetch_right(thread + THREADS_4X4, column, step + TILE_K);
        }

        let from_left = buffer * LEFT_PIECE + y * K4;
        for (var i = 0u; i < K4; i++) {
            let place = i ^ swizzle(y);
            let from_right = buffer * RIGHT_PIECE + 4u * i * N4 + x;
            let a0 = left_tile[from_left + place];
            let a1 = left_tile[from_left + 1u * LEFT_STEP_4X4 + place];
            let a2 = left_tile[from_left + 2u * LEFT_STEP_4X4 + place];
            let a3 = left_tile[from_left + 3u * LEFT_STEP_4X4 + place];
            let b0 = right_tile[from_right];
            p0 = fma(vec4(a0.x), b0, p0); p1 = fma(vec4(a1.x), b0, p1);
            p2 = fma(vec4(a2.x), b0, p2); p3 = fma(vec4(a3.x), b0, p3);
            let b1 = right_tile[from_right + 1u * N4];
            p0 = fma(vec4(a0.y), b1, p0); p1 = fma(vec4(a1.y), b1, p1);
            p2 = fma(vec4(a2.y), b1, p2); p3 = fma(vec4(a3.y), b1, p3);
            let b2 = right_tile[from_right + 2u * N4];
            p0 = fma(vec4(a0.z), b2, p0); p1 = fma(vec4(a1.z), b2, p1);
            p2 = fma(vec4(a2.z), b2, p2); p3 = fma(vec4(a3.z), b2, p3);
            let b3 = right_tile[from_right + 3u * N4];
            p0 = fma(vec4(a0.w), b3, p0); p1 = fma(vec4(a1.w), b3, p1);
            p2 = fma(vec4(a2.w), b3, p2); p3 = fma(vec4(a3.w), b3, p3);
        }
        buffer = BUFFERS - 1u - buffer;
    }

    let near = column + 4u * x;
    let down_by = TILE_M / 4u;
    store(row + y, near, p0);
    store(row + y + down_by, near, p1);
    store(row + y + 2u * down_by, near, p2);
    store(row + y + 3u * down_by, near, p3);
}

// Where in the tile a thread is: 32 in a row are 4 down and 8 across, and `blocks` of these are next
// to each other.
fn across(thread: u32, blocks: u32) -> u32 {
    return (thread & 7u) + 8u * ((thread >> 5u) & (blocks - 1u));
}

fn down(thread: u32, blocks: u32) -> u32 {
    return ((thread >> 3u) & 3u) + 4u * ((thread >> 5u) / blocks);
}

// By what the vectors of a row of `left` change places. 32 banks are 8 vectors: rows that begin in
// the same bank differ in it. A thread's rows, 8 or a multiple of it apart, have it in common.
fn swizzle(row: u32) -> u32 {
    return ((row * K4) >> 3u) & (K4 - 1u);
}

// Where vector `at` of the piece of `left` lies.
fn swizzled(at: u32) -> u32 {
    return at ^ swizzle(at / K4);
}

// Vector `at` of the piece of `left` that begins at (row, step).
fn fetch_left(at: u32, row: u32, step: u32) -> vec4<f32> {
    let r = row + at / K4;
    let c = step + 4u * (at % K4);
    var v = vec4<f32>();
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
fn fetch_right(at: u32, column: u32, step: u32) -> vec4<f32> {
    let r = step + at / N4;
    let c = column + 4u * (at % N4);
    var v = vec4<f32>();
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
fn left_element(at: u32) -> f32 {
    return left[at >> 2u][at & 3u];
}

fn right_element(at: u32) -> f32 {
    return right[at >> 2u][at & 3u];
}

// Four elements of a row of the product, as far as they are inside.
fn store(row: u32, column: u32, v: vec4<f32>) {
    if row < shape.m {
        let to = row * shape.n + column;
        if column < shape.n {
            product[to] = v.x;
        }
        if column + 1u < shape.n {
            product[to + 1u] = v.y;
        }
        if column + 2u < shape.n {
            product[to + 2u] = v.z;
        }
        if column + 3u < shape.n {
            product[to + 3u] = v.w;
        }
    }
}
