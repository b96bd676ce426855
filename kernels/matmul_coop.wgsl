// The product of two matrices of f16 with sums of f32 on the matrix units of a GPU:
// product[m x n] = left[m x k] * right[k x n], all row-major.
//
// A cooperative matrix is a block of 16x16 (multiply_16) or 8x8 (multiply_8) elements that lies
// spread over the threads of a subgroup; a multiplication of two such blocks is one operation of all
// of them. Which of the two a driver has is for the host to ask (wgpu does not check it). Each
// subgroup computes 4x4 blocks: with 4 blocks of `left` and 4 of `right` read it does 16
// multiplications. How the rest of the work is divided is described in matmul_f32.wgsl. What differs:
//
// - Blocks have to lie in rows of one pitch, so it is padding that keeps the rows in different banks,
//   and leaves them aligned to 16 bytes, as Vulkan wants it.
// - Shared memory consists of vectors of f16, from which blocks are loaded: single elements would
//   take four times as many stores, and of vectors of words Mesa 26 loads something else. A pitch is
//   counted in vectors then. Vulkan alone allows all that.
// - At the edges a block cannot be stored as a whole: it goes by way of shared memory.
//
// What lies beyond a matrix is fetched as 0 and not stored, so m, n and k can be anything from 1 on.
// Limits: m, n and k up to 2^20, and no matrix of 2^32 elements or more; then no sum below
// overflows. A thread goes through at most (k / TILE_K) * (2 + TILE_K / 8) + 1,024 rounds of loops, with
// those in which a loop ends: for a driver that ends loops after 65,535, k is at most 2^16.
// Where a driver makes smaller subgroups than SUBGROUP says, blocks are computed twice; where it makes
// larger ones, some are left out, which shows in the product.
//
// left and right are read as vectors: their buffers are a multiple of 8 bytes long.
// Bindings: kernels/README.md.

enable f16;
enable wgpu_cooperative_matrix;

// Threads of a subgroup.
override SUBGROUP: u32 = 32u;
// The tile. All are powers of two, TILE_M and TILE_N at least 4 blocks, TILE_K at least one; and each
// thread fetches 1, 2, 4 or 8 vectors of each piece, which is TILE_M * TILE_K / 4 and
// TILE_K * TILE_N / 4 divided by the number of threads.
override TILE_M: u32 = 128u;
override TILE_N: u32 = 128u;
override TILE_K: u32 = 16u;
// Buffers in shared memory: 2 or, with less room, 1. They have 2 * TILE_K * (TILE_M + TILE_N) +
// 16 * (TILE_M + TILE_K) bytes each; TILE_M * TILE_N / 4 bytes for the edges come to it.
override BUFFERS: u32 = 1u;
// Whether k and n are multiples of 4, so that four elements of a row are one vector in memory.
override ALIGNED: bool = false;

override SUBGROUPS_16: u32 = TILE_M * TILE_N / 4096u;
override SUBGROUPS_8: u32 = TILE_M * TILE_N / 1024u;
override THREADS_16: u32 = SUBGROUP * SUBGROUPS_16;
override THREADS_8: u32 = SUBGROUP * SUBGROUPS_8;
// Vectors in a row of the pieces, and from one row to the next.
override K4: u32 = TILE_K / 4u;
override N4: u32 = TILE_N / 4u;
override LEFT_PITCH: u32 = K4 + 2u;
override RIGHT_PITCH: u32 = N4 + 2u;

struct Shape {
    m: u32,
    n: u32,
    k: u32,
}

// Vectors that a thread fetches.
struct Fetched {
    v0: vec4<f16>,
    v1: vec4<f16>,
    v2: vec4<f16>,
    v3: vec4<f16>,
    v4: vec4<f16>,
    v5: vec4<f16>,
    v6: vec4<f16>,
    v7: vec4<f16>,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read_write> product: array<f32>;
@group(0) @binding(2) var<storage, read> left: array<vec4<f16>>;
@group(0) @binding(3) var<storage, read> right: array<vec4<f16>>;

var<workgroup> left_tile: array<vec4<f16>, BUFFERS * TILE_M * LEFT_PITCH>;
var<workgroup> right_tile: array<vec4<f16>, BUFFERS * TILE_K * RIGHT_PITCH>;
// A block of each subgroup: 256 elements of SUBGROUPS_16, or 64 of SUBGROUPS_8.
var<workgroup> scratch: array<f32, TILE_M * TILE_N / 16u>;

@compute @workgroup_size(THREADS_16)
fn multiply_16(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) lanes: u32,
) {
    let row = group.y * TILE_M;
    let column = group.x * TILE_N;
    // Where in the tile this subgroup's 4x4 blocks begin.
    let place = subgroup % SUBGROUPS_16;
    let sub_row = 64u * (place / (TILE_N / 64u));
    let sub_column = 64u * (place % (TILE_N / 64u));

    var next_left = fetch_left(thread, THREADS_16, row, 0u);
    var next_right = fetch_right(thread, THREADS_16, column, 0u);

    var c00 = coop_mat16x16<f32, C>(); var c01 = coop_mat16x16<f32, C>(); var c02 = coop_mat16x16<f32, C>(); var c03 = coop_mat16x16<f32, C>();
    var c10 = coop_mat16x16<f32, C>(); var c11 = coop_mat16x16<f32, C>(); var c12 = coop_mat16x16<f32, C>(); var c13 = coop_mat16x16<f32, C>();
    var c20 = coop_mat16x16<f32, C>(); var c21 = coop_mat16x16<f32, C>(); var c22 = coop_mat16x16<f32, C>(); var c23 = coop_mat16x16<f32, C>();
    var c30 = coop_mat16x16<f32, C>(); var c31 = coop_mat16x16<f32, C>(); var c32 = coop_mat16x16<f32, C>(); var c33 = coop_mat16x16<f32, C>();
    var buffer = 0u;
    for (var step = 0u; step < shape.k; step += TILE_K) {
        if BUFFERS == 1u {
            // The pieces before may still be read.
            workgroupBarrier();
        }
        put_left(thread, THREADS_16, buffer, next_left);
        put_right(thread, THREADS_16, buffer, next_right);
        workgroupBarrier();

        next_left = fetch_left(thread, THREADS_16, row, step + TILE_K);
        next_right = fetch_right(thread, THREADS_16, column, step + TILE_K);

        let from_left = (buffer * TILE_M + sub_row) * LEFT_PITCH;
        let from_right = buffer * TILE_K * RIGHT_PITCH + sub_column / 4u;
        for (var i = 0u; i < TILE_K / 16u; i++) {
            let at_a0 = from_left + i * 4u;
            let at_a1 = from_left + 16u * LEFT_PITCH + i * 4u;
            let at_a2 = from_left + 32u * LEFT_PITCH + i * 4u;
            let at_a3 = from_left + 48u * LEFT_PITCH + i * 4u;
            let at_b0 = from_right + i * 16u * RIGHT_PITCH;
            let at_b1 = from_right + i * 16u * RIGHT_PITCH + 4u;
            let at_b2 = from_right + i * 16u * RIGHT_PITCH + 8u;
            let at_b3 = from_right + i * 16u * RIGHT_PITCH + 12u;
            let a0 = coopLoadT<coop_mat16x16<f16, A>>(&left_tile[at_a0], LEFT_PITCH);
            let a1 = coopLoadT<coop_mat16x16<f16, A>>(&left_tile[at_a1], LEFT_PITCH);
            let a2 = coopLoadT<coop_mat16x16<f16, A>>(&left_tile[at_a2], LEFT_PITCH);
            let a3 = coopLoadT<coop_mat16x16<f16, A>>(&left_tile[at_a3], LEFT_PITCH);
            let b0 = coopLoadT<coop_mat16x16<f16, B>>(&right_tile[at_b0], RIGHT_PITCH);
            c00 = coopMultiplyAdd(a0, b0, c00);
            c10 = coopMultiplyAdd(a1, b0, c10);
            c20 = coopMultiplyAdd(a2, b0, c20);
            c30 = coopMultiplyAdd(a3, b0, c30);
            let b1 = coopLoadT<coop_mat16x16<f16, B>>(&right_tile[at_b1], RIGHT_PITCH);
            c01 = coopMultiplyAdd(a0, b1, c01);
            c11 = coopMultiplyAdd(a1, b1, c11);
            c21 = coopMultiplyAdd(a2, b1, c21);
            c31 = coopMultiplyAdd(a3, b1, c31);
            let b2 = coopLoadT<coop_mat16x16<f16, B>>(&right_tile[at_b2], RIGHT_PITCH);
            c02 = coopMultiplyAdd(a0, b2, c02);
            c12 = coopMultiplyAdd(a1, b2, c12);
            c22 = coopMultiplyAdd(a2, b2, c22);
            c32 = coopMultiplyAdd(a3, b2, c32);
            let b3 = coopLoadT<coop_mat16x16<f16, B>>(&right_tile[at_b3], RIGHT_PITCH);
            c03 = coopMultiplyAdd(a0, b3, c03);
            c13 = coopMultiplyAdd(a1, b3, c13);
            c23 = coopMultiplyAdd(a2, b3, c23);
            c33 = coopMultiplyAdd(a3, b3, c33);
        }
        buffer = BUFFERS - 1u - buffer;
    }

    let block_row = row + sub_row;
    let block_column = column + sub_column;
    if ALIGNED && row + TILE_M <= shape.m && column + TILE_N <= shape.n {
        // naga 30 wants what it stores by in variables.
        let width = shape.n;
        let to = block_row * width + block_column;
        coopStoreT(c00, &product[to], width);
        let to01 = to + 16u;
        coopStoreT(c01, &product[to01], width);
        let to02 = to + 32u;
        coopStoreT(c02, &product[to02], width);
        let to03 = to + 48u;
        coopStoreT(c03, &product[to03], width);
        let to10 = to + 16u * width;
        coopStoreT(c10, &product[to10], width);
        let to11 = to + 16u * width + 16u;
        coopStoreT(c11, &product[to11], width);
        let to12 = to + 16u * width + 32u;
        coopStoreT(c12, &product[to12], width);
        let to13 = to + 16u * width + 48u;
        coopStoreT(c13, &product[to13], width);
        let to20 = to + 32u * width;
        coopStoreT(c20, &product[to20], width);
        let to21 = to + 32u * width + 16u;
        coopStoreT(c21, &product[to21], width);
        let to22 = to + 32u * width + 32u;
        coopStoreT(c22, &product[to22], width);
        let to23 = to + 32u * width + 48u;
        coopStoreT(c23, &product[to23], width);
        let to30 = to + 48u * width;
        coopStoreT(c30, &product[to30], width);
        let to31 = to + 48u * width + 16u;
        coopStoreT(c31, &product[to31], width);
        let to32 = to + 48u * width + 32u;
        coopStoreT(c32, &product[to32], width);
        let to33 = to + 48u * width + 48u;
        coopStoreT(c33, &product[to33], width);
    } else {
        let own = place * 256u;
        coopStoreT(c00, &scratch[own], 16u);
        copy_block(block_row, block_column, own, lane, lanes, 16u);
        coopStoreT(c01, &scratch[own], 16u);
        copy_block(block_row, block_column + 16u, own, lane, lanes, 16u);
        coopStoreT(c02, &scratch[own], 16u);
        copy_block(block_row, block_column + 32u, own, lane, lanes, 16u);
        coopStoreT(c03, &scratch[own], 16u);
        copy_block(block_row, block_column + 48u, own, lane, lanes, 16u);
        coopStoreT(c10, &scratch[own], 16u);
        copy_block(block_row + 16u, block_column, own, lane, lanes, 16u);
        coopStoreT(c11, &scratch[own], 16u);
        copy_block(block_row + 16u, block_column + 16u, own, lane, lanes, 16u);
        coopStoreT(c12, &scratch[own], 16u);
        copy_block(block_row + 16u, block_column + 32u, own, lane, lanes, 16u);
        coopStoreT(c13, &scratch[own], 16u);
        copy_block(block_row + 16u, block_column + 48u, own, lane, lanes, 16u);
        coopStoreT(c20, &scratch[own], 16u);
        copy_block(block_row + 32u, block_column, own, lane, lanes, 16u);
        coopStoreT(c21, &scratch[own], 16u);
        copy_block(block_row + 32u, block_column + 16u, own, lane, lanes, 16u);
        coopStoreT(c22, &scratch[own], 16u);
        copy_block(block_row + 32u, block_column + 32u, own, lane, lanes, 16u);
        coopStoreT(c23, &scratch[own], 16u);
        copy_block(block_row + 32u, block_column + 48u, own, lane, lanes, 16u);
        coopStoreT(c30, &scratch[own], 16u);
        copy_block(block_row + 48u, block_column, own, lane, lanes, 16u);
        coopStoreT(c31, &scratch[own], 16u);
        copy_block(block_row + 48u, block_column + 16u, own, lane, lanes, 16u);
        coopStoreT(c32, &scratch[own], 16u);
        copy_block(block_row + 48u, block_column + 32u, own, lane, lanes, 16u);
        coopStoreT(c33, &scratch[own], 16u);
        copy_block(block_row + 48u, block_column + 48u, own, lane, lanes, 16u);
    }
}

// The same with blocks of 8x8.
@compute @workgroup_size(THREADS_8)
fn multiply_8(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) lanes: u32,
) {
    let row = group.y * TILE_M;
    let column = group.x * TILE_N;
    // Where in the tile this subgroup's 4x4 blocks begin.
    let place = subgroup % SUBGROUPS_8;
    let sub_row = 32u * (place / (TILE_N / 32u));
    let sub_column = 32u * (place % (TILE_N / 32u));

    var next_left = fetch_left(thread, THREADS_8, row, 0u);
    var next_right = fetch_right(thread, THREADS_8, column, 0u);

    var c00 = coop_mat8x8<f32, C>(); var c01 = coop_mat8x8<f32, C>(); var c02 = coop_mat8x8<f32, C>(); var c03 = coop_mat8x8<f32, C>();
    var c10 = coop_mat8x8<f32, C>(); var c11 = coop_mat8x8<f32, C>(); var c12 = coop_mat8x8<f32, C>(); var c13 = coop_mat8x8<f32, C>();
    var c20 = coop_mat8x8<f32, C>(); var c21 = coop_mat8x8<f32, C>(); var c22 = coop_mat8x8<f32, C>(); var c23 = coop_mat8x8<f32, C>();
    var c30 = coop_mat8x8<f32, C>(); var c31 = coop_mat8x8<f32, C>(); var c32 = coop_mat8x8<f32, C>(); var c33 = coop_mat8x8<f32, C>();
    var buffer = 0u;
    for (var step = 0u; step < shape.k; step += TILE_K) {
        if BUFFERS == 1u {
            // The pieces before may still be read.
            workgroupBarrier();
        }
        put_left(thread, THREADS_8, buffer, next_left);
        put_right(thread, THREADS_8, buffer, next_right);
        workgroupBarrier();

        next_left = fetch_left(thread, THREADS_8, row, step + TILE_K);
        next_right = fetch_right(thread, THREADS_8, column, step + TILE_K);

        let from_left = (buffer * TILE_M + sub_row) * LEFT_PITCH;
        let from_right = buffer * TILE_K * RIGHT_PITCH + sub_column / 4u;
        for (var i = 0u; i < TILE_K / 8u; i++) {
            let at_a0 = from_left + i * 2u;
            let at_a1 = from_left + 8u * LEFT_PITCH + i * 2u;
            let at_a2 = from_left + 16u * LEFT_PITCH + i * 2u;
            let at_a3 = from_left + 24u * LEFT_PITCH + i * 2u;
            let at_b0 = from_right + i * 8u * RIGHT_PITCH;
            let at_b1 = from_right + i * 8u * RIGHT_PITCH + 2u;
            let at_b2 = from_right + i * 8u * RIGHT_PITCH + 4u;
            let at_b3 = from_right + i * 8u * RIGHT_PITCH + 6u;
            let a0 = coopLoadT<coop_mat8x8<f16, A>>(&left_tile[at_a0], LEFT_PITCH);
            let a1 = coopLoadT<coop_mat8x8<f16, A>>(&left_tile[at_a1], LEFT_PITCH);
            let a2 = coopLoadT<coop_mat8x8<f16, A>>(&left_tile[at_a2], LEFT_PITCH);
            let a3 = coopLoadT<coop_mat8x8<f16, A>>(&left_tile[at_a3], LEFT_PITCH);
            let b0 = coopLoadT<coop_mat8x8<f16, B>>(&right_tile[at_b0], RIGHT_PITCH);
            c00 = coopMultiplyAdd(a0, b0, c00);
            c10 = coopMultiplyAdd(a1, b0, c10);
            c20 = coopMultiplyAdd(a2, b0, c20);
            c30 = coopMultiplyAdd(a3, b0, c30);
            let b1 = coopLoadT<coop_mat8x8<f16, B>>(&right_tile[at_b1], RIGHT_PITCH);
            c01 = coopMultiplyAdd(a0, b1, c01);
            c11 = coopMultiplyAdd(a1, b1, c11);
            c21 = coopMultiplyAdd(a2, b1, c21);
            c31 = coopMultiplyAdd(a3, b1, c31);
            let b2 = coopLoadT<coop_mat8x8<f16, B>>(&right_tile[at_b2], RIGHT_PITCH);
            c02 = coopMultiplyAdd(a0, b2, c02);
            c12 = coopMultiplyAdd(a1, b2, c12);
            c22 = coopMultiplyAdd(a2, b2, c22);
            c32 = coopMultiplyAdd(a3, b2, c32);
            let b3 = coopLoadT<coop_mat8x8<f16, B>>(&right_tile[at_b3], RIGHT_PITCH);
            c03 = coopMultiplyAdd(a0, b3, c03);
            c13 = coopMultiplyAdd(a1, b3, c13);
            c23 = coopMultiplyAdd(a2, b3, c23);
            c33 = coopMultiplyAdd(a3, b3, c33);
        }
        buffer = BUFFERS - 1u - buffer;
    }

    let block_row = row + sub_row;
    let block_column = column + sub_column;
    if ALIGNED && row + TILE_M <= shape.m && column + TILE_N <= shape.n {
        // naga 30 wants what it stores by in variables.
        let width = shape.n;
        let to = block_row * width + block_column;
        coopStoreT(c00, &product[to], width);
        let to01 = to + 8u;
        coopStoreT(c01, &product[to01], width);
        let to02 = to + 16u;
        coopStoreT(c02, &product[to02], width);
        let to03 = to + 24u;
        coopStoreT(c03, &product[to03], width);
        let to10 = to + 8u * width;
        coopStoreT(c10, &product[to10], width);
        let to11 = to + 8u * width + 8u;
        coopStoreT(c11, &product[to11], width);
        let to12 = to + 8u * width + 16u;
        coopStoreT(c12, &product[to12], width);
        let to13 = to + 8u * width + 24u;
        coopStoreT(c13, &product[to13], width);
        let to20 = to + 16u * width;
        coopStoreT(c20, &product[to20], width);
        let to21 = to + 16u * width + 8u;
        coopStoreT(c21, &product[to21], width);
        let to22 = to + 16u * width + 16u;
        coopStoreT(c22, &product[to22], width);
        let to23 = to + 16u * width + 24u;
        coopStoreT(c23, &product[to23], width);
        let to30 = to + 24u * width;
        coopStoreT(c30, &product[to30], width);
        let to31 = to + 24u * width + 8u;
        coopStoreT(c31, &product[to31], width);
        let to32 = to + 24u * width + 16u;
        coopStoreT(c32, &product[to32], width);
        let to33 = to + 24u * width + 24u;
        coopStoreT(c33, &product[to33], width);
    } else {
        let own = place * 64u;
        coopStoreT(c00, &scratch[own], 8u);
        copy_block(block_row, block_column, own, lane, lanes, 8u);
        coopStoreT(c01, &scratch[own], 8u);
        copy_block(block_row, block_column + 8u, own, lane, lanes, 8u);
        coopStoreT(c02, &scratch[own], 8u);
        copy_block(block_row, block_column + 16u, own, lane, lanes, 8u);
        coopStoreT(c03, &scratch[own], 8u);
        copy_block(block_row, block_column + 24u, own, lane, lanes, 8u);
        coopStoreT(c10, &scratch[own], 8u);
        copy_block(block_row + 8u, block_column, own, lane, lanes, 8u);
        coopStoreT(c11, &scratch[own], 8u);
        copy_block(block_row + 8u, block_column + 8u, own, lane, lanes, 8u);
        coopStoreT(c12, &scratch[own], 8u);
        copy_block(block_row + 8u, block_column + 16u, own, lane, lanes, 8u);
        coopStoreT(c13, &scratch[own], 8u);
        copy_block(block_row + 8u, block_column + 24u, own, lane, lanes, 8u);
        coopStoreT(c20, &scratch[own], 8u);
        copy_block(block_row + 16u, block_column, own, lane, lanes, 8u);
        coopStoreT(c21, &scratch[own], 8u);
        copy_block(block_row + 16u, block_column + 8u, own, lane, lanes, 8u);
        coopStoreT(c22, &scratch[own], 8u);
        copy_block(block_row + 16u, block_column + 16u, own, lane, lanes, 8u);
        coopStoreT(c23, &scratch[own], 8u);
        copy_block(block_row + 16u, block_column + 24u, own, lane, lanes, 8u);
        coopStoreT(c30, &scratch[own], 8u);
        copy_block(block_row + 24u, block_column, own, lane, lanes, 8u);
        coopStoreT(c31, &scratch[own], 8u);
        copy_block(block_row + 24u, block_column + 8u, own, lane, lanes, 8u);
        coopStoreT(c32, &scratch[own], 8u);
        copy_block(block_row + 24u, block_column + 16u, own, lane, lanes, 8u);
        coopStoreT(c33, &scratch[own], 8u);
        copy_block(block_row + 24u, block_column + 24u, own, lane, lanes, 8u);
    }
}

// Stores a block that may lie across an edge. Subgroups take part in it all together.
fn copy_block(row: u32, column: u32, own: u32, lane: u32, lanes: u32, side: u32) {
    workgroupBarrier();
    for (var i = lane; i < side * side; i += lanes) {
        let r = row + i / side;
        let c = column + i % side;
        if r < shape.m && c < shape.n {
            product[r * shape.n + c] = scratch[own + i];
        }
    }
    workgroupBarrier();
}

// What a thread fetches of the piece of `left` that begins at (row, step).
fn fetch_left(thread: u32, threads: u32, row: u32, step: u32) -> Fetched {
    let loads = TILE_M * K4 / threads;
    var fetched = Fetched();
    fetched.v0 = left_vector(thread, row, step);
    if loads > 1u {
        fetched.v1 = left_vector(thread + threads, row, step);
    }
    if loads > 2u {
        fetched.v2 = left_vector(thread + 2u * threads, row, step);
        fetched.v3 = left_vector(thread + 3u * threads, row, step);
    }
    if loads > 4u {
        fetched.v4 = left_vector(thread + 4u * threads, row, step);
        fetched.v5 = left_vector(thread + 5u * threads, row, step);
        fetched.v6 = left_vector(thread + 6u * threads, row, step);
        fetched.v7 = left_vector(thread + 7u * threads, row, step);
    }
    return fetched;
}

fn put_left(thread: u32, threads: u32, buffer: u32, fetched: Fetched) {
    let loads = TILE_M * K4 / threads;
    let first = buffer * TILE_M * LEFT_PITCH;
    left_tile[first + left_place(thread)] = fetched.v0;
    if loads > 1u {
        left_tile[first + left_place(thread + threads)] = fetched.v1;
    }
    if loads > 2u {
        left_tile[first + left_place(thread + 2u * threads)] = fetched.v2;
        left_tile[first + left_place(thread + 3u * threads)] = fetched.v3;
    }
    if loads > 4u {
        left_tile[first + left_place(thread + 4u * threads)] = fetched.v4;
        left_tile[first + left_place(thread + 5u * threads)] = fetched.v5;
        left_tile[first + left_place(thread + 6u * threads)] = fetched.v6;
        left_tile[first + left_place(thread + 7u * threads)] = fetched.v7;
    }
}

// What a thread fetches of the piece of `right` that begins at (step, column).
fn fetch_right(thread: u32, threads: u32, column: u32, step: u32) -> Fetched {
    let loads = TILE_K * N4 / threads;
    var fetched = Fetched();
    fetched.v0 = right_vector(thread, column, step);
    if loads > 1u {
        fetched.v1 = right_vector(thread + threads, column, step);
    }
    if loads > 2u {
        fetched.v2 = right_vector(thread + 2u * threads, column, step);
        fetched.v3 = right_vector(thread + 3u * threads, column, step);
    }
    if loads > 4u {
        fetched.v4 = right_vector(thread + 4u * threads, column, step);
        fetched.v5 = right_vector(thread + 5u * threads, column, step);
        fetched.v6 = right_vector(thread + 6u * threads, column, step);
        fetched.v7 = right_vector(thread + 7u * threads, column, step);
    }
    return fetched;
}

fn put_right(thread: u32, threads: u32, buffer: u32, fetched: Fetched) {
    let loads = TILE_K * N4 / threads;
    let first = buffer * TILE_K * RIGHT_PITCH;
    right_tile[first + right_place(thread)] = fetched.v0;
    if loads > 1u {
        right_tile[first + right_place(thread + threads)] = fetched.v1;
    }
    if loads > 2u {
        right_tile[first + right_place(thread + 2u * threads)] = fetched.v2;
        right_tile[first + right_place(thread + 3u * threads)] = fetched.v3;
    }
    if loads > 4u {
        right_tile[first + right_place(thread + 4u * threads)] = fetched.v4;
        right_tile[first + right_place(thread + 5u * threads)] = fetched.v5;
        right_tile[first + right_place(thread + 6u * threads)] = fetched.v6;
        right_tile[first + right_place(thread + 7u * threads)] = fetched.v7;
    }
}

// Where vector `at` of a piece lies.
fn left_place(at: u32) -> u32 {
    return at / K4 * LEFT_PITCH + at % K4;
}

fn right_place(at: u32) -> u32 {
    return at / N4 * RIGHT_PITCH + at % N4;
}

// Vector `at` of the piece of `left` that begins at (row, step).
fn left_vector(at: u32, row: u32, step: u32) -> vec4<f16> {
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
fn right_vector(at: u32, column: u32, step: u32) -> vec4<f16> {
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
