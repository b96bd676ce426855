// SHA-256d of a header whose nonce, and perhaps version, is varied: the search of a GPU.
//
// Rounds and words are numbered as in FIPS 180-4, and K and schedules come in fours. Nothing is indexed but the versions
// of the job and K, by constants: straight code keeps every word in a register, where a loop over an array of words
// costs some drivers a hundred times as much. What a search can leave out is left out:
//
// - The host has hashed the first block, and of the second all that comes before the nonce: round 3
//   is two additions, and of W16 to W32 the terms that no nonce changes arrive as sums.
// - In the second hash round 0 is two additions, since its state is known.
// - W8 to W15 of the second hash, and most of W4 to W15 of the first, are constants: they fold.
// - Only the last word of the hash is asked for. That is e after round 60, so rounds 57 to 60
//   compute nothing else.
// - The schedule of the second block does not depend on the version: it is computed once for a
//   nonce, and then hashed with each version.
//
// A sum's hexadecimal term is a small sigma of a padding word: of 640 in W30, of 256 in M17 and M30,
// of PAD in M23.
//
// Which way to write an operation is the fastest differs between compilers, and so each has an override. What compilers
// make of each is in CODEGEN.md. Bindings: README.md.

// Threads of a workgroup.
override GROUP: u32 = 64u;
// Whether all versions of the job are tried on each nonce, or just one.
override ROLLING: bool = false;
// Which sums are multiplications by one: none; most of a round's; or all. NVIDIA's multiplier also adds, has a pipe of
// its own, and is idle while the pipe of rotations and logic is what all waits for. Elsewhere multiplications are slow.
override MULTIPLIED: u32 = 0u;
// Whether rotations are by values of a uniform. Mesa makes one instruction of a rotation only if it does not know by how
// much, and such a value lies in a register of its own kind and costs nothing.
override UNIFORM_ROTATIONS: bool = false;
// Whether Ch and Maj are made of and, not and or, or of and and xor: which is fewer instructions differs between AMD's
// generations. NVIDIA has one for any of them.
override CHOOSE_BY_OR: bool = false;
override MAJORITY_BY_OR: bool = false;

// Values of MULTIPLIED. Of all ways to share a round's seven sums between the pipes the fastest on an H200 was to
// multiply all but K + W and d + t1, and none of the schedule's.
const ROUNDS_SUMS = 1u;
const ALL_SUMS = 2u;

// What the host knows of one version.
struct Version {
    // After the first block: a b c d, e f g h.
    state: array<vec4<u32>, 2>,
    // After round 3 of the second block if the nonce were 0; it adds to a and to e.
    round3: array<vec4<u32>, 2>,
}

struct Work {
    // The nonces: the first, and how many (at most 2^31).
    first: u32,
    count: u32,
    // The versions: the first, and one past the last (at most 8).
    version: u32,
    versions: u32,
    // The target's top word; and the bits that are zero in each hash word that meets it, in the
    // order of bytes that the hash has.
    top: u32,
    zeros: u32,
    // Of the second block's schedule: W16 and W17; W18 without its term of the nonce, W19 without
    // the nonce; the constant terms of W31 and W32.
    w16: u32,
    w17: u32,
    w18: u32,
    w19: u32,
    w31: u32,
    w32: u32,
    job: array<Version, 8>,
    // 1, which no compiler knows.
    one: u32,
    // Threads of a row of the grid, and of all of it; and how many nonces each thread tries, so far apart.
    row: u32,
    grid: u32,
    nonces: u32,
    // By how much each sigma rotates: big 0 and 1, then small 0 and 1.
    rotations: array<vec4<u32>, 4>,
}

struct Hit {
    nonce: u32,
    // Its index in the job.
    version: u32,
}

struct Found {
    // Hits, more than there is room for perhaps. The host sets it to 0.
    count: atomic<u32>,
    hits: array<Hit, ROOM>,
}

const ROOM = 4096u;

@group(0) @binding(0) var<uniform> work: Work;
@group(0) @binding(1) var<storage, read_write> found: Found;

@compute @workgroup_size(GROUP)
fn search(@builtin(global_invocation_id) id: vec3<u32>) {
    var at = id.y * work.row + id.x;
    // A trip count that no compiler knows: one that unrolled it would make code of several times the length.
    for (var i = 0u; i < work.nonces; i++) {
        if at < work.count {
            try_nonce(work.first + at);
        }
        at += work.grid;
    }
}

fn try_nonce(nonce: u32) {
    // The rest of the second block's schedule. W3 is the nonce, W4 and W15 are padding.
    let w3 = swap_bytes(nonce);
    let w18 = add(work.w18, small_sigma0(w3));
    let w19 = add(work.w19, w3);
    let w20 = add(small_sigma1(w18), PAD);
    let w21 = small_sigma1(w19);
    let w22 = add(small_sigma1(w20), 640u);
    let w23 = add(small_sigma1(w21), work.w16);
    let w24 = add(small_sigma1(w22), work.w17);
    let w25 = add(small_sigma1(w23), w18);
    let w26 = add(small_sigma1(w24), w19);
    let w27 = add(small_sigma1(w25), w20);
    let w28 = add(small_sigma1(w26), w21);
    let w29 = add(small_sigma1(w27), w22);
    let w30 = add(add(small_sigma1(w28), w23), 0x00a00055u);
    let w31 = add(add(small_sigma1(w29), w24), work.w31);
    let w32 = add(add(small_sigma1(w30), w25), work.w32);
    let w33 = add(add(add(small_sigma1(w31), w26), small_sigma0(w18)), work.w17);
    let w34 = add(add(add(small_sigma1(w32), w27), small_sigma0(w19)), w18);
    let w35 = add(add(add(small_sigma1(w33), w28), small_sigma0(w20)), w19);
    let w16_to_31 = Words(
        vec4(work.w16, work.w17, w18, w19), vec4(w20, w21, w22, w23),
        vec4(w24, w25, w26, w27), vec4(w28, w29, w30, w31),
    );
    let w32_to_35 = vec4(w32, w33, w34, w35);

    // Words that all versions share are kept with K added, and otherwise made when their rounds come: the first costs
    // registers, the second work.
    let kw16 = with_k(4u, w16_to_31);
    var kw32: Words;
    var kw48: Words;
    if ROLLING {
        let w32_to_47 = next_words(w16_to_31, w32_to_35);
        kw32 = with_k(8u, w32_to_47);
        kw48 = with_k(12u, next_sixteen(w32_to_47));
    }
    var v = work.version;
    loop {
        // The first hash, from round 4 on.
        let state = work.job[v].state;
        let round3 = work.job[v].round3;
        var s = State(
            round3[0].x + w3, round3[0].y, round3[0].z, round3[0].w,
            round3[1].x + w3, round3[1].y, round3[1].z, round3[1].w,
        );
        s = four_rounds(s, K[1] + vec4(PAD, 0u, 0u, 0u));
        s = four_rounds(s, K[2]);
        s = four_rounds(s, K[3] + vec4(0u, 0u, 0u, 640u));
        s = sixteen_rounds(s, kw16);
        if ROLLING {
            s = sixteen_rounds(s, kw32);
            s = sixteen_rounds(s, kw48);
        } else {
            let w32_to_47 = next_words(w16_to_31, w32_to_35);
            s = sixteen_rounds(s, with_k(8u, w32_to_47));
            s = sixteen_rounds(s, with_k(12u, next_sixteen(w32_to_47)));
        }

        // The second hash: the digest is its M0 to M7, padding the rest.
        let m0 = add(state[0].x, s.a);
        let m1 = add(state[0].y, s.b);
        let m2 = add(state[0].z, s.c);
        let m3 = add(state[0].w, s.d);
        let m4 = add(state[1].x, s.e);
        let m5 = add(state[1].y, s.f);
        let m6 = add(state[1].z, s.g);
        let m7 = add(state[1].w, s.h);

        // Its round 0 from the initial state, with M0 left out and then added.
        s = State(
            m0 + 0xfc08884du, 0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u,
            m0 + 0x98c7e2a2u, 0x510e527fu, 0x9b05688cu, 0x1f83d9abu,
        );
        s = round(s, add(K[0].y, m1));
        s = round(s, add(K[0].z, m2));
        s = round(s, add(K[0].w, m3));
        s = four_rounds(s, add_four(K[1], vec4(m4, m5, m6, m7)));
        s = four_rounds(s, K[2] + vec4(PAD, 0u, 0u, 0u));
        s = four_rounds(s, K[3] + vec4(0u, 0u, 0u, 256u));

        let m16 = add(m0, small_sigma0(m1));
        let m17 = add(add(m1, small_sigma0(m2)), 0x00a00000u);
        let m18 = add(add(m2, small_sigma0(m3)), small_sigma1(m16));
        let m19 = add(add(m3, small_sigma0(m4)), small_sigma1(m17));
        let m20 = add(add(m4, small_sigma0(m5)), small_sigma1(m18));
        let m21 = add(add(m5, small_sigma0(m6)), small_sigma1(m19));
        let m22 = add(add(add(m6, small_sigma0(m7)), 256u), small_sigma1(m20));
        let m23 = add(add(add(m7, m16), 0x11002000u), small_sigma1(m21));
        let m24 = add(add(m17, PAD), small_sigma1(m22));
        let m25 = add(m18, small_sigma1(m23));
        let m26 = add(m19, small_sigma1(m24));
        let m27 = add(m20, small_sigma1(m25));
        let m28 = add(m21, small_sigma1(m26));
        let m29 = add(m22, small_sigma1(m27));
        let m30 = add(add(m23, 0x00400022u), small_sigma1(m28));
        let m31 = add(add(add(m24, small_sigma0(m16)), 256u), small_sigma1(m29));
        let m16_to_31 = Words(
            vec4(m16, m17, m18, m19), vec4(m20, m21, m22, m23),
            vec4(m24, m25, m26, m27), vec4(m28, m29, m30, m31),
        );
        s = sixteen_rounds(s, with_k(4u, m16_to_31));
        let m32_to_47 = next_sixteen(m16_to_31);
        s = sixteen_rounds(s, with_k(8u, m32_to_47));
        let kw48 = with_k(12u, next_sixteen(m32_to_47));
        s = four_rounds(s, kw48.a);
        s = four_rounds(s, kw48.b);
        s = round(s, kw48.c.x);
        s = round_of_e(s, kw48.c.y);
        s = round_of_e(s, kw48.c.z);
        s = round_of_e(s, kw48.c.w);
        s = round_of_e(s, kw48.d.x);

        let last = s.e + 0x5be0cd19u;
        if (last & work.zeros) == 0u {
            report(last, nonce, v);
        }
        v++;
        if !ROLLING || v >= work.versions {
            break;
        }
    }
}

// Takes a hit down, if it is one.
fn report(last: u32, nonce: u32, version: u32) {
    if swap_bytes(last) <= work.top {
        let place = atomicAdd(&found.count, 1u);
        if place < ROOM {
            found.hits[place] = Hit(nonce, version);
        }
    }
}

// Sixteen words of a schedule, with K or without.
struct Words {
    a: vec4<u32>,
    b: vec4<u32>,
    c: vec4<u32>,
    d: vec4<u32>,
}

// The sixteen words that follow, FIPS 180-4 section 6.2.2, step 1.
fn next_sixteen(w: Words) -> Words {
    return next_words(w, next_four(w.a, w.b, w.c, w.d));
}

// The same where the first four of them are known.
fn next_words(w: Words, a: vec4<u32>) -> Words {
    let b = next_four(w.b, w.c, w.d, a);
    let c = next_four(w.c, w.d, a, b);
    return Words(a, b, c, next_four(w.d, a, b, c));
}

// The four words that follow sixteen. What is known last is added last.
fn next_four(a: vec4<u32>, b: vec4<u32>, c: vec4<u32>, d: vec4<u32>) -> vec4<u32> {
    let x = add(add(add(small_sigma0(a.y), a.x), c.y), small_sigma1(d.z));
    let y = add(add(add(small_sigma0(a.z), a.y), c.z), small_sigma1(d.w));
    let z = add(add(add(small_sigma0(a.w), a.z), c.w), small_sigma1(x));
    let w = add(add(add(small_sigma0(b.x), a.w), d.x), small_sigma1(y));
    return vec4(x, y, z, w);
}

// K + W, from K[i] on.
fn with_k(i: u32, w: Words) -> Words {
    return Words(
        add_four(K[i], w.a), add_four(K[i + 1u], w.b), add_four(K[i + 2u], w.c), add_four(K[i + 3u], w.d),
    );
}

// The working variables.
struct State {
    a: u32,
    b: u32,
    c: u32,
    d: u32,
    e: u32,
    f: u32,
    g: u32,
    h: u32,
}

fn sixteen_rounds(s: State, kw: Words) -> State {
    return four_rounds(four_rounds(four_rounds(four_rounds(s, kw.a), kw.b), kw.c), kw.d);
}

fn four_rounds(s: State, kw: vec4<u32>) -> State {
    return round(round(round(round(s, kw.x), kw.y), kw.z), kw.w);
}

// FIPS 180-4 section 6.2.2, step 3, given K + W.
fn round(s: State, kw: u32) -> State {
    let t1 = round_sum(round_sum(round_sum(s.h, kw), choose(s.e, s.f, s.g)), big_sigma1(s.e));
    let t2 = round_sum(big_sigma0(s.a), majority(s.a, s.b, s.c));
    return State(round_sum(t1, t2), s.a, s.b, s.c, add(s.d, t1), s.e, s.f, s.g);
}

// A round that only e is asked of, in this and the next ones.
fn round_of_e(s: State, kw: u32) -> State {
    let t1 = round_sum(round_sum(round_sum(s.h, kw), choose(s.e, s.f, s.g)), big_sigma1(s.e));
    return State(s.a, s.a, s.b, s.c, add(s.d, t1), s.e, s.f, s.g);
}

// x + y, one of the sums of a round that are multiplied first.
fn round_sum(x: u32, y: u32) -> u32 {
    if MULTIPLIED >= ROUNDS_SUMS {
        return x * work.one + y;
    }
    return x + y;
}

// x + y, any other.
fn add(x: u32, y: u32) -> u32 {
    if MULTIPLIED >= ALL_SUMS {
        return x * work.one + y;
    }
    return x + y;
}

fn add_four(x: vec4<u32>, y: vec4<u32>) -> vec4<u32> {
    return vec4(add(x.x, y.x), add(x.y, y.y), add(x.z, y.z), add(x.w, y.w));
}

// The functions of FIPS 180-4 section 4.1.2.
fn choose(x: u32, y: u32, z: u32) -> u32 {
    if CHOOSE_BY_OR {
        return (x & y) | (~x & z);
    }
    return z ^ (x & (y ^ z));
}

fn majority(x: u32, y: u32, z: u32) -> u32 {
    let differ = x ^ y;
    if MAJORITY_BY_OR {
        return (differ & z) | (~differ & y);
    }
    // y ^ z is what differs in the round before.
    return y ^ (differ & (y ^ z));
}

fn big_sigma0(x: u32) -> u32 {
    let by = work.rotations[0];
    return rotr(x, 2u, by.x) ^ rotr(x, 13u, by.y) ^ rotr(x, 22u, by.z);
}

fn big_sigma1(x: u32) -> u32 {
    let by = work.rotations[1];
    return rotr(x, 6u, by.x) ^ rotr(x, 11u, by.y) ^ rotr(x, 25u, by.z);
}

fn small_sigma0(x: u32) -> u32 {
    let by = work.rotations[2];
    return rotr(x, 7u, by.x) ^ rotr(x, 18u, by.y) ^ (x >> 3u);
}

fn small_sigma1(x: u32) -> u32 {
    let by = work.rotations[3];
    return rotr(x, 17u, by.x) ^ rotr(x, 19u, by.y) ^ (x >> 10u);
}

// Rotates by n, which is also in a uniform.
fn rotr(x: u32, n: u32, in_uniform: u32) -> u32 {
    if UNIFORM_ROTATIONS {
        return (x >> in_uniform) | (x << (32u - in_uniform));
    }
    return (x >> n) | (x << (32u - n));
}

fn swap_bytes(x: u32) -> u32 {
    let pairs = ((x & 0xff00ff00u) >> 8u) | ((x & 0x00ff00ffu) << 8u);
    return (pairs >> 16u) | (pairs << 16u);
}

// The one bit that follows a message, section 5.1.1.
const PAD = 0x80000000u;

// Section 4.2.2.
const K = array<vec4<u32>, 16>(
    vec4(0x428a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u),
    vec4(0x3956c25bu, 0x59f111f1u, 0x923f82a4u, 0xab1c5ed5u),
    vec4(0xd807aa98u, 0x12835b01u, 0x243185beu, 0x550c7dc3u),
    vec4(0x72be5d74u, 0x80deb1feu, 0x9bdc06a7u, 0xc19bf174u),
    vec4(0xe49b69c1u, 0xefbe4786u, 0x0fc19dc6u, 0x240ca1ccu),
    vec4(0x2de92c6fu, 0x4a7484aau, 0x5cb0a9dcu, 0x76f988dau),
    vec4(0x983e5152u, 0xa831c66du, 0xb00327c8u, 0xbf597fc7u),
    vec4(0xc6e00bf3u, 0xd5a79147u, 0x06ca6351u, 0x14292967u),
    vec4(0x27b70a85u, 0x2e1b2138u, 0x4d2c6dfcu, 0x53380d13u),
    vec4(0x650a7354u, 0x766a0abbu, 0x81c2c92eu, 0x92722c85u),
    vec4(0xa2bfe8a1u, 0xa81a664bu, 0xc24b8b70u, 0xc76c51a3u),
    vec4(0xd192e819u, 0xd6990624u, 0xf40e3585u, 0x106aa070u),
    vec4(0x19a4c116u, 0x1e376c08u, 0x2748774cu, 0x34b0bcb5u),
    vec4(0x391c0cb3u, 0x4ed8aa4au, 0x5b9cca4fu, 0x682e6ff3u),
    vec4(0x748f82eeu, 0x78a5636fu, 0x84c87814u, 0x8cc70208u),
    vec4(0x90befffau, 0xa4506cebu, 0xbef9a3f7u, 0xc67178f2u),
);
