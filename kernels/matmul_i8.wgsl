// The product of two matrices of 8-bit integers with sums of 32 bits: product[m x n], i32, row-major.
//
// Four integers in a row along k are one word, lowest byte first, and dot4I8Packed multiplies four
// pairs at once. So both matrices are stored along k: `left` row-major, m rows of k words, and
// `right` transposed, n rows of k words. Where the number of integers is no multiple of 4, the host
// fills the last word of each row up with zeros.
//
// How the work is divided, and why so, is described in matmul_f32.wgsl. What differs:
//
// - Both pieces have rows along k, and both are swizzled: of `right`, 8 rows in a row are read at
//   once, and fall into different banks.
// - A thread computes columns x, x + TILE_N / 8, ..., not columns side by side.
//
// The edges: what lies beyond a matrix is fetched as 0 and not stored, so m, n and k can be anything
// from 1 on. Limits: m, n and k up to 2^20, and no matrix of 2^32 elements or more; then no index
// below overflows. A sum is right modulo 2^32, so right for k up to 32,767 words and for any
// integers. A thread goes through (k / TILE_K) * (2 + TILE_K / 4) rounds of loops, with those in which
// a loop ends: for a driver that ends loops after 65,535, k is at most 2^16.
//
// left and right are read as vectors: their buffers are a multiple of 16 bytes long.
// Bindings: kernels/README.md.

// The tile, TILE_K in words. All are powers of two, and so that each thread fetches one or two
// vectors of each piece: 16 * TILE_K / TILE_N and 16 * TILE_K / TILE_M are 1 or 2. TILE_M and TILE_N
// are at least 64.
override TILE_M: u32 = 128u;
override TILE_N: u32 = 128u;
override TILE_K: u32 = 8u;
// Buffers in shared memory: 2 or, with less room, 1. They have 4 * TILE_K * (TILE_M + TILE_N) bytes
// each.
override BUFFERS: u32 = 2u;
// Whether k is a multiple of 4, so that four words of a row are one vector in memory.
override ALIGNED: bool = false;

// Vectors in a row of the pieces, and in the pieces.
override K4: u32 = TILE_K / 4u;
override LEFT_PIECE: u32 = TILE_M * K4;
override RIGHT_PIECE: u32 = TILE_N * K4;
// Threads of a workgroup.
override THREADS: u32 = TILE_M * TILE_N / 64u;
// Vectors from one of a thread's rows to its next.
override LEFT_STEP: u32 = LEFT_PIECE / 8u;
override RIGHT_STEP: u32 = RIGHT_PIECE / 8u;

struct Shape {
    m: u32,
    n: u32,
    // In words.
    k: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read_write> product: array<i32>;
@group(0) @binding(2) var<storage, read> left: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> right: array<vec4<u32>>;

var<workgroup> left_tile: array<vec4<u32>, BUFFERS * LEFT_PIECE>;
var<workgroup> right_tile: array<vec4<u32>, BUFFERS * RIGHT_PIECE>;

// A thread computes rows y, y + TILE_M / 8, ... of the tile and columns x, x + TILE_N / 8, ...: p are
// the first four of these columns, q the others.
@compute @workgroup_size(THREADS)
fn multiply(
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
    var more_left = vec4<u32>();
    var more_right = vec4<u32>();
    if twice_left {
        more_left = fetch_left(thread + THREADS, row, 0u);
    }
    if twice_right {
        more_right = fetch_right(thread + THREADS, column, 0u);
    }

    var p0 = vec4<i32>(); var q0 = vec4<i32>();
    var p1 = vec4<i32>(); var q1 = vec4<i32>();
    var p2 = vec4<i32>(); var q2 = vec4<i32>();
    var p3 = vec4<i32>(); var q3 = vec4<i32>();
    var p4 = vec4<i32>(); var q4 = vec4<i32>();
    var p5 = vec4<i32>(); var q5 = vec4<i32>();
    var p6 = vec4<i32>(); var q6 = vec4<i32>();
    var p7 = vec4<i32>(); var q7 = vec4<i32>();
    var buffer = 0u;
    for (var step = 0u; step < shape.k; step += TILE_K) {
        if BUFFERS == 1u {
            // The pieces before may still be read.
            workgroupBarrier();
        }
        left_tile[buffer * LEFT_PIECE + swizzled(thread)] = next_left;
        right_tile[buffer * RIGHT_PIECE + swizzled(thread)] = next_right;
        if twice_left {
            left_tile[buffer * LEFT_PIECE + swizzled(thread + THREADS)] = more_left;
        }
        if twice_right {
            right_tile[buffer * RIGHT_PIECE + swizzled(thread + THREADS)] = more_right;
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
        let from_right = buffer * RIGHT_PIECE + x * K4;
        for (var i = 0u; i < K4; i++) {
            let left_place = i ^ swizzle(y);
            let right_place = i ^ swizzle(x);
            let a0 = left_tile[from_left + left_place];
            let a1 = left_tile[from_left + 1u * LEFT_STEP + left_place];
            let a2 = left_tile[from_left + 2u * LEFT_STEP + left_place];
            let a3 = left_tile[from_left + 3u * LEFT_STEP + left_place];
            let a4 = left_tile[from_left + 4u * LEFT_STEP + left_place];
            let a5 = left_tile[from_left + 5u * LEFT_STEP + left_place];
            let a6 = left_tile[from_left + 6u * LEFT_STEP + left_place];
            let a7 = left_tile[from_left + 7u * LEFT_STEP + left_place];
            let b0 = right_tile[from_right + right_place];
            let b1 = right_tile[from_right + 1u * RIGHT_STEP + right_place];
            let b2 = right_tile[from_right + 2u * RIGHT_STEP + right_place];
            let b3 = right_tile[from_right + 3u * RIGHT_STEP + right_place];
            p0 = dots(p0, a0, b0, b1, b2, b3);
            p1 = dots(p1, a1, b0, b1, b2, b3);
            p2 = dots(p2, a2, b0, b1, b2, b3);
            p3 = dots(p3, a3, b0, b1, b2, b3);
            p4 = dots(p4, a4, b0, b1, b2, b3);
            p5 = dots(p5, a5, b0, b1, b2, b3);
            p6 = dots(p6, a6, b0, b1, b2, b3);
            p7 = dots(p7, a7, b0, b1, b2, b3);
            let d0 = right_tile[from_right + 4u * RIGHT_STEP + right_place];
            let d1 = right_tile[from_right + 5u * RIGHT_STEP + right_place];
            let d2 = right_tile[from_right + 6u * RIGHT_STEP + right_place];
            let d3 = right_tile[from_right + 7u * RIGHT_STEP + right_place];
            q0 = dots(q0, a0, d0, d1, d2, d3);
            q1 = dots(q1, a1, d0, d1, d2, d3);
            q2 = dots(q2, a2, d0, d1, d2, d3);
            q3 = dots(q3, a3, d0, d1, d2, d3);
            q4 = dots(q4, a4, d0, d1, d2, d3);
            q5 = dots(q5, a5, d0, d1, d2, d3);
            q6 = dots(q6, a6, d0, d1, d2, d3);
            q7 = dots(q7, a7, d0, d1, d2, d3);
        }
        buffer = BUFFERS - 1u - buffer;
    }

    let near = column + x;
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

// Adds the products of a row with four columns to their sums.
fn dots(
    sums: vec4<i32>,
    a: vec4<u32>,
    b: vec4<u32>,
    c: vec4<u32>,
    d: vec4<u32>,
    e: vec4<u32>,
) -> vec4<i32> {
    return vec4(dot16(sums.x, a, b), dot16(sums.y, a, c), dot16(sums.z, a, d), dot16(sums.w, a, e));
}

// In this order each addition goes with one multiplication: GPUs have one instruction for both.
fn dot16(sum: i32, a: vec4<u32>, b: vec4<u32>) -> i32 {
    return sum + dot4I8Packed(a.x, b.x) + dot4I8Packed(a.y, b.y) + dot4I8Packed(a.z, b.z)
        + dot4I8Packed(a.w, b.w);
}

// Where in the tile a thread is: 32 in a row are 4 down and 8 across, and `blocks` of these are next
// to each other.
fn across(thread: u32, blocks: u32) -> u32 {
    return (thread & 7u) + 8u * ((thread >> 5u) & (blocks - 1u));
}

fn down(thread: u32, blocks: u32) -> u32 {
    return ((thread >> 3u) & 3u) + 4u * ((thread >> 5u) / blocks);
}

// By what the vectors of a row change places. 32 banks are 8 vectors: rows that begin in the same
// bank differ in it. A thread's rows, 8 or a multiple of it apart, have it in common.
fn swizzle(row: u32) -> u32 {
    return ((row * K4) >> 3u) & (K4 - 1u);
}

// Where vector `at` of a piece lies.
fn swizzled(at: u32) -> u32 {
    return at ^ swizzle(at / K4);
}

// Vector `at` of the piece of `left` that begins at (row, step).
fn fetch_left(at: u32, row: u32, step: u32) -> vec4<u32> {
    let r = row + at / K4;
    let c = step + 4u * (at % K4);
    var v = vec4<u32>();
    if r < shape.m && c < shape.k {
        let first = r * shape.k + c;
        if ALIGNED {
            v = left[first >> 2u];
        } else {
            v.x = left_word(first);
            if c + 1u < shape.k {
                v.y = left_word(first + 1u);
            }
            if c + 2u < shape.k {
                v.z = left_word(first + 2u);
            }
            if c + 3u < shape.k {
                v.w = left_word(first + 3u);
            }
        }
    }
    return v;
}

// Vector `at` of the piece of `right` that begins at (column, step) of it as it is stored.
fn fetch_right(at: u32, column: u32, step: u32) -> vec4<u32> {
    let r = column + at / K4;
    let c = step + 4u * (at % K4);
    var v = vec4<u32>();
    if r < shape.n && c < shape.k {
        let first = r * shape.k + c;
        if ALIGNED {
            v = right[first >> 2u];
        } else {
            v.x = right_word(first);
            if c + 1u < shape.k {
                v.y = right_word(first + 1u);
            }
            if c + 2u < shape.k {
                v.z = right_word(first + 2u);
            }
            if c + 3u < shape.k {
                v.w = right_word(first + 3u);
            }
        }
    }
    return v;
}

// One word, where four are not a vector in memory.
fn left_word(at: u32) -> u32 {
    return left[at >> 2u][at & 3u];
}

fn right_word(at: u32) -> u32 {
    return right[at >> 2u][at & 3u];
}

// Four elements of a row of the product, TILE_N / 8 apart, as far as they are inside.
fn store(row: u32, column: u32, v: vec4<i32>) {
    let next = TILE_N / 8u;
    if row < shape.m {
        let to = row * shape.n + column;
        if column < shape.n {
            product[to] = v.x;
        }
        if column + next < shape.n {
            product[to + next] = v.y;
        }
        if column + 2u * next < shape.n {
            product[to + 2u * next] = v.z;
        }
        if column + 3u * next < shape.n {
            product[to + 3u * next] = v.w;
        }
    }
}
