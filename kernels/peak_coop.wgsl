// The matrix units of a GPU with next to nothing to wait for: what products of f16 with sums of f32 could
// do at the most by cooperative matrices.
//
// A cooperative matrix is a block of 16x16 (multiply_16) or 8x8 (multiply_8) elements that lies spread
// over the threads of a subgroup; see matmul_coop.wgsl. Here each subgroup reads four blocks of `left`
// and four of `right` once, and adds their 16 products to 16 sums over and over: 16 multiplications of
// blocks that do not wait for each other are a round, of 2 * 16^3 or 2 * 8^3 operations each.
//
// The factors are small integers, so that no sum rounds as long as it is below 2^24, and what comes out
// is known: subgroups store their sums as far as there is room. The rounds of all subgroups are counted:
// how many threads a subgroup has is the driver's choice, of those that it offers, and so is how many
// subgroups there are.
// Bindings: kernels/README.md.

enable f16;
enable wgpu_cooperative_matrix;

// Threads of a workgroup: some subgroups of the largest size.
override GROUP: u32 = 128u;

struct Work {
    rounds: u32,
}

struct Found {
    // Rounds of all subgroups, together and modulo 2^32. The host sets it to 0.
    rounds: atomic<u32>,
    // 16 blocks of each subgroup, row by row of four and each row-major.
    @align(16) sums: array<f32>,
}

@group(0) @binding(0) var<uniform> work: Work;
@group(0) @binding(1) var<storage, read_write> found: Found;
// Four blocks of the left factor and four of the right one, each row-major.
@group(0) @binding(2) var<storage, read> factors: array<vec4<f16>>;

@compute @workgroup_size(GROUP)
fn multiply_16(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_subgroups) subgroups: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let a0 = coopLoadT<coop_mat16x16<f16, A>>(&factors[0u], 4u);
    let a1 = coopLoadT<coop_mat16x16<f16, A>>(&factors[64u], 4u);
    let a2 = coopLoadT<coop_mat16x16<f16, A>>(&factors[128u], 4u);
    let a3 = coopLoadT<coop_mat16x16<f16, A>>(&factors[192u], 4u);
    let b0 = coopLoadT<coop_mat16x16<f16, B>>(&factors[256u], 4u);
    let b1 = coopLoadT<coop_mat16x16<f16, B>>(&factors[320u], 4u);
    let b2 = coopLoadT<coop_mat16x16<f16, B>>(&factors[384u], 4u);
    let b3 = coopLoadT<coop_mat16x16<f16, B>>(&factors[448u], 4u);
    var c00 = coop_mat16x16<f32, C>(); var c01 = coop_mat16x16<f32, C>(); var c02 = coop_mat16x16<f32, C>(); var c03 = coop_mat16x16<f32, C>();
    var c10 = coop_mat16x16<f32, C>(); var c11 = coop_mat16x16<f32, C>(); var c12 = coop_mat16x16<f32, C>(); var c13 = coop_mat16x16<f32, C>();
    var c20 = coop_mat16x16<f32, C>(); var c21 = coop_mat16x16<f32, C>(); var c22 = coop_mat16x16<f32, C>(); var c23 = coop_mat16x16<f32, C>();
    var c30 = coop_mat16x16<f32, C>(); var c31 = coop_mat16x16<f32, C>(); var c32 = coop_mat16x16<f32, C>(); var c33 = coop_mat16x16<f32, C>();
    var round = 0u;
    while round < work.rounds {
        c00 = coopMultiplyAdd(a0, b0, c00);
        c10 = coopMultiplyAdd(a1, b0, c10);
        c20 = coopMultiplyAdd(a2, b0, c20);
        c30 = coopMultiplyAdd(a3, b0, c30);
        c01 = coopMultiplyAdd(a0, b1, c01);
        c11 = coopMultiplyAdd(a1, b1, c11);
        c21 = coopMultiplyAdd(a2, b1, c21);
        c31 = coopMultiplyAdd(a3, b1, c31);
        c02 = coopMultiplyAdd(a0, b2, c02);
        c12 = coopMultiplyAdd(a1, b2, c12);
        c22 = coopMultiplyAdd(a2, b2, c22);
        c32 = coopMultiplyAdd(a3, b2, c32);
        c03 = coopMultiplyAdd(a0, b3, c03);
        c13 = coopMultiplyAdd(a1, b3, c13);
        c23 = coopMultiplyAdd(a2, b3, c23);
        c33 = coopMultiplyAdd(a3, b3, c33);
        round++;
    }
    if lane == 0u {
        atomicAdd(&found.rounds, round);
    }
    let place = group.x * subgroups + subgroup;
    if place < arrayLength(&found.sums) / 4096u {
        // naga 30 wants what it stores by in variables.
        let to = place * 4096u;
        coopStoreT(c00, &found.sums[to], 16u);
        let to01 = to + 256u;
        coopStoreT(c01, &found.sums[to01], 16u);
        let to02 = to + 512u;
        coopStoreT(c02, &found.sums[to02], 16u);
        let to03 = to + 768u;
        coopStoreT(c03, &found.sums[to03], 16u);
        let to10 = to + 1024u;
        coopStoreT(c10, &found.sums[to10], 16u);
        let to11 = to + 1280u;
        coopStoreT(c11, &found.sums[to11], 16u);
        let to12 = to + 1536u;
        coopStoreT(c12, &found.sums[to12], 16u);
        let to13 = to + 1792u;
        coopStoreT(c13, &found.sums[to13], 16u);
        let to20 = to + 2048u;
        coopStoreT(c20, &found.sums[to20], 16u);
        let to21 = to + 2304u;
        coopStoreT(c21, &found.sums[to21], 16u);
        let to22 = to + 2560u;
        coopStoreT(c22, &found.sums[to22], 16u);
        let to23 = to + 2816u;
        coopStoreT(c23, &found.sums[to23], 16u);
        let to30 = to + 3072u;
        coopStoreT(c30, &found.sums[to30], 16u);
        let to31 = to + 3328u;
        coopStoreT(c31, &found.sums[to31], 16u);
        let to32 = to + 3584u;
        coopStoreT(c32, &found.sums[to32], 16u);
        let to33 = to + 3840u;
        coopStoreT(c33, &found.sums[to33], 16u);
    }
}

// The same with blocks of 8x8.
@compute @workgroup_size(GROUP)
fn multiply_8(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_subgroups) subgroups: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let a0 = coopLoadT<coop_mat8x8<f16, A>>(&factors[0u], 2u);
    let a1 = coopLoadT<coop_mat8x8<f16, A>>(&factors[16u], 2u);
    let a2 = coopLoadT<coop_mat8x8<f16, A>>(&factors[32u], 2u);
    let a3 = coopLoadT<coop_mat8x8<f16, A>>(&factors[48u], 2u);
    let b0 = coopLoadT<coop_mat8x8<f16, B>>(&factors[64u], 2u);
    let b1 = coopLoadT<coop_mat8x8<f16, B>>(&factors[80u], 2u);
    let b2 = coopLoadT<coop_mat8x8<f16, B>>(&factors[96u], 2u);
    let b3 = coopLoadT<coop_mat8x8<f16, B>>(&factors[112u], 2u);
    var c00 = coop_mat8x8<f32, C>(); var c01 = coop_mat8x8<f32, C>(); var c02 = coop_mat8x8<f32, C>(); var c03 = coop_mat8x8<f32, C>();
    var c10 = coop_mat8x8<f32, C>(); var c11 = coop_mat8x8<f32, C>(); var c12 = coop_mat8x8<f32, C>(); var c13 = coop_mat8x8<f32, C>();
    var c20 = coop_mat8x8<f32, C>(); var c21 = coop_mat8x8<f32, C>(); var c22 = coop_mat8x8<f32, C>(); var c23 = coop_mat8x8<f32, C>();
    var c30 = coop_mat8x8<f32, C>(); var c31 = coop_mat8x8<f32, C>(); var c32 = coop_mat8x8<f32, C>(); var c33 = coop_mat8x8<f32, C>();
    var round = 0u;
    while round < work.rounds {
        c00 = coopMultiplyAdd(a0, b0, c00);
        c10 = coopMultiplyAdd(a1, b0, c10);
        c20 = coopMultiplyAdd(a2, b0, c20);
        c30 = coopMultiplyAdd(a3, b0, c30);
        c01 = coopMultiplyAdd(a0, b1, c01);
        c11 = coopMultiplyAdd(a1, b1, c11);
        c21 = coopMultiplyAdd(a2, b1, c21);
        c31 = coopMultiplyAdd(a3, b1, c31);
        c02 = coopMultiplyAdd(a0, b2, c02);
        c12 = coopMultiplyAdd(a1, b2, c12);
        c22 = coopMultiplyAdd(a2, b2, c22);
        c32 = coopMultiplyAdd(a3, b2, c32);
        c03 = coopMultiplyAdd(a0, b3, c03);
        c13 = coopMultiplyAdd(a1, b3, c13);
        c23 = coopMultiplyAdd(a2, b3, c23);
        c33 = coopMultiplyAdd(a3, b3, c33);
        round++;
    }
    if lane == 0u {
        atomicAdd(&found.rounds, round);
    }
    let place = group.x * subgroups + subgroup;
    if place < arrayLength(&found.sums) / 1024u {
        // naga 30 wants what it stores by in variables.
        let to = place * 1024u;
        coopStoreT(c00, &found.sums[to], 8u);
        let to01 = to + 64u;
        coopStoreT(c01, &found.sums[to01], 8u);
        let to02 = to + 128u;
        coopStoreT(c02, &found.sums[to02], 8u);
        let to03 = to + 192u;
        coopStoreT(c03, &found.sums[to03], 8u);
        let to10 = to + 256u;
        coopStoreT(c10, &found.sums[to10], 8u);
        let to11 = to + 320u;
        coopStoreT(c11, &found.sums[to11], 8u);
        let to12 = to + 384u;
        coopStoreT(c12, &found.sums[to12], 8u);
        let to13 = to + 448u;
        coopStoreT(c13, &found.sums[to13], 8u);
        let to20 = to + 512u;
        coopStoreT(c20, &found.sums[to20], 8u);
        let to21 = to + 576u;
        coopStoreT(c21, &found.sums[to21], 8u);
        let to22 = to + 640u;
        coopStoreT(c22, &found.sums[to22], 8u);
        let to23 = to + 704u;
        coopStoreT(c23, &found.sums[to23], 8u);
        let to30 = to + 768u;
        coopStoreT(c30, &found.sums[to30], 8u);
        let to31 = to + 832u;
        coopStoreT(c31, &found.sums[to31], 8u);
        let to32 = to + 896u;
        coopStoreT(c32, &found.sums[to32], 8u);
        let to33 = to + 960u;
        coopStoreT(c33, &found.sums[to33], 8u);
    }
}
