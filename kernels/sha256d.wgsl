// SHA-256d of a header whose nonce, and perhaps version, is varied: the search of a GPU.
//
// One line is one round or one word of a schedule, as FIPS 180-4 numbers them, and nothing is
// indexed but the versions of the job: straight code keeps every word in a register, where a loop
// over an array of words costs some drivers a hundred times as much. What a search can leave out is
// left out:
//
// - The host has hashed the first block, and of the second all that comes before the nonce: round 3
//   is two additions, and of W16 to W33 the terms that no nonce changes arrive as sums.
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
// Every thread tries NONCES nonces, a whole grid apart. Bindings: kernels/README.md.

// Nonces that each thread tries: 1, 2 or 4.
override NONCES: u32 = 1u;
// Whether all versions of the job are tried on each nonce, or just one.
override ROLLING: bool = false;
// Threads of a workgroup.
override GROUP: u32 = 64u;
// Whether a round multiplies by one where it adds: NVIDIA's multiplier also adds, has a pipe of its own, and is idle
// while the pipe of rotations and logic is what all waits for. Elsewhere multiplications are slow.
override MULTIPLY: bool = false;

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
fn search(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let width = groups.x * GROUP;
    let thread = id.y * width + id.x;
    for (var i = 0u; i < NONCES; i++) {
        let at = i * width * groups.y + thread;
        if at < work.count {
            try_nonce(work.first + at);
        }
    }
}

fn try_nonce(nonce: u32) {
    // The rest of the second block's schedule. W3 is the nonce, W4 and W15 are padding.
    let w3 = swap_bytes(nonce);
    let w18 = work.w18 + small_sigma0(w3);
    let w19 = work.w19 + w3;
    let w20 = small_sigma1(w18) + PAD;
    let w21 = small_sigma1(w19);
    let w22 = small_sigma1(w20) + 640u;
    let w23 = small_sigma1(w21) + work.w16;
    let w24 = small_sigma1(w22) + work.w17;
    let w25 = small_sigma1(w23) + w18;
    let w26 = small_sigma1(w24) + w19;
    let w27 = small_sigma1(w25) + w20;
    let w28 = small_sigma1(w26) + w21;
    let w29 = small_sigma1(w27) + w22;
    let w30 = small_sigma1(w28) + w23 + 0x00a00055u;
    let w31 = small_sigma1(w29) + w24 + work.w31;
    let w32 = small_sigma1(w30) + w25 + work.w32;
    let w33 = small_sigma1(w31) + w26 + small_sigma0(w18) + work.w17;
    let w34 = small_sigma1(w32) + w27 + small_sigma0(w19) + w18;
    let w35 = small_sigma1(w33) + w28 + small_sigma0(w20) + w19;
    let w36 = small_sigma1(w34) + w29 + small_sigma0(w21) + w20;
    let w37 = small_sigma1(w35) + w30 + small_sigma0(w22) + w21;
    let w38 = small_sigma1(w36) + w31 + small_sigma0(w23) + w22;
    let w39 = small_sigma1(w37) + w32 + small_sigma0(w24) + w23;
    let w40 = small_sigma1(w38) + w33 + small_sigma0(w25) + w24;
    let w41 = small_sigma1(w39) + w34 + small_sigma0(w26) + w25;
    let w42 = small_sigma1(w40) + w35 + small_sigma0(w27) + w26;
    let w43 = small_sigma1(w41) + w36 + small_sigma0(w28) + w27;
    let w44 = small_sigma1(w42) + w37 + small_sigma0(w29) + w28;
    let w45 = small_sigma1(w43) + w38 + small_sigma0(w30) + w29;
    let w46 = small_sigma1(w44) + w39 + small_sigma0(w31) + w30;
    let w47 = small_sigma1(w45) + w40 + small_sigma0(w32) + w31;
    let w48 = small_sigma1(w46) + w41 + small_sigma0(w33) + w32;
    let w49 = small_sigma1(w47) + w42 + small_sigma0(w34) + w33;
    let w50 = small_sigma1(w48) + w43 + small_sigma0(w35) + w34;
    let w51 = small_sigma1(w49) + w44 + small_sigma0(w36) + w35;
    let w52 = small_sigma1(w50) + w45 + small_sigma0(w37) + w36;
    let w53 = small_sigma1(w51) + w46 + small_sigma0(w38) + w37;
    let w54 = small_sigma1(w52) + w47 + small_sigma0(w39) + w38;
    let w55 = small_sigma1(w53) + w48 + small_sigma0(w40) + w39;
    let w56 = small_sigma1(w54) + w49 + small_sigma0(w41) + w40;
    let w57 = small_sigma1(w55) + w50 + small_sigma0(w42) + w41;
    let w58 = small_sigma1(w56) + w51 + small_sigma0(w43) + w42;
    let w59 = small_sigma1(w57) + w52 + small_sigma0(w44) + w43;
    let w60 = small_sigma1(w58) + w53 + small_sigma0(w45) + w44;
    let w61 = small_sigma1(w59) + w54 + small_sigma0(w46) + w45;
    let w62 = small_sigma1(w60) + w55 + small_sigma0(w47) + w46;
    let w63 = small_sigma1(w61) + w56 + small_sigma0(w48) + w47;

    // The same for every version, and computed here because not every compiler sees that.
    let kw18 = K[18] + w18;
    let kw19 = K[19] + w19;
    let kw20 = K[20] + w20;
    let kw21 = K[21] + w21;
    let kw22 = K[22] + w22;
    let kw23 = K[23] + w23;
    let kw24 = K[24] + w24;
    let kw25 = K[25] + w25;
    let kw26 = K[26] + w26;
    let kw27 = K[27] + w27;
    let kw28 = K[28] + w28;
    let kw29 = K[29] + w29;
    let kw30 = K[30] + w30;
    let kw31 = K[31] + w31;
    let kw32 = K[32] + w32;
    let kw33 = K[33] + w33;
    let kw34 = K[34] + w34;
    let kw35 = K[35] + w35;
    let kw36 = K[36] + w36;
    let kw37 = K[37] + w37;
    let kw38 = K[38] + w38;
    let kw39 = K[39] + w39;
    let kw40 = K[40] + w40;
    let kw41 = K[41] + w41;
    let kw42 = K[42] + w42;
    let kw43 = K[43] + w43;
    let kw44 = K[44] + w44;
    let kw45 = K[45] + w45;
    let kw46 = K[46] + w46;
    let kw47 = K[47] + w47;
    let kw48 = K[48] + w48;
    let kw49 = K[49] + w49;
    let kw50 = K[50] + w50;
    let kw51 = K[51] + w51;
    let kw52 = K[52] + w52;
    let kw53 = K[53] + w53;
    let kw54 = K[54] + w54;
    let kw55 = K[55] + w55;
    let kw56 = K[56] + w56;
    let kw57 = K[57] + w57;
    let kw58 = K[58] + w58;
    let kw59 = K[59] + w59;
    let kw60 = K[60] + w60;
    let kw61 = K[61] + w61;
    let kw62 = K[62] + w62;
    let kw63 = K[63] + w63;

    var end = work.version + 1u;
    if ROLLING {
        end = work.versions;
    }
    for (var v = work.version; v < end; v++) {
        // The first hash, from round 4 on.
        let state = work.job[v].state;
        let round3 = work.job[v].round3;
        var s = State(
            round3[0].x + w3, round3[0].y, round3[0].z, round3[0].w,
            round3[1].x + w3, round3[1].y, round3[1].z, round3[1].w,
        );
        s = round(s, K[4] + PAD);
        s = round(s, K[5]);
        s = round(s, K[6]);
        s = round(s, K[7]);
        s = round(s, K[8]);
        s = round(s, K[9]);
        s = round(s, K[10]);
        s = round(s, K[11]);
        s = round(s, K[12]);
        s = round(s, K[13]);
        s = round(s, K[14]);
        s = round(s, K[15] + 640u);
        s = round(s, K[16] + work.w16);
        s = round(s, K[17] + work.w17);
        s = round(s, kw18);
        s = round(s, kw19);
        s = round(s, kw20);
        s = round(s, kw21);
        s = round(s, kw22);
        s = round(s, kw23);
        s = round(s, kw24);
        s = round(s, kw25);
        s = round(s, kw26);
        s = round(s, kw27);
        s = round(s, kw28);
        s = round(s, kw29);
        s = round(s, kw30);
        s = round(s, kw31);
        s = round(s, kw32);
        s = round(s, kw33);
        s = round(s, kw34);
        s = round(s, kw35);
        s = round(s, kw36);
        s = round(s, kw37);
        s = round(s, kw38);
        s = round(s, kw39);
        s = round(s, kw40);
        s = round(s, kw41);
        s = round(s, kw42);
        s = round(s, kw43);
        s = round(s, kw44);
        s = round(s, kw45);
        s = round(s, kw46);
        s = round(s, kw47);
        s = round(s, kw48);
        s = round(s, kw49);
        s = round(s, kw50);
        s = round(s, kw51);
        s = round(s, kw52);
        s = round(s, kw53);
        s = round(s, kw54);
        s = round(s, kw55);
        s = round(s, kw56);
        s = round(s, kw57);
        s = round(s, kw58);
        s = round(s, kw59);
        s = round(s, kw60);
        s = round(s, kw61);
        s = round(s, kw62);
        s = round(s, kw63);

        // The second hash: the digest is its M0 to M7, padding the rest.
        let m0 = state[0].x + s.a;
        let m1 = state[0].y + s.b;
        let m2 = state[0].z + s.c;
        let m3 = state[0].w + s.d;
        let m4 = state[1].x + s.e;
        let m5 = state[1].y + s.f;
        let m6 = state[1].z + s.g;
        let m7 = state[1].w + s.h;
        let m16 = m0 + small_sigma0(m1);
        let m17 = m1 + small_sigma0(m2) + 0x00a00000u;
        let m18 = small_sigma1(m16) + m2 + small_sigma0(m3);
        let m19 = small_sigma1(m17) + m3 + small_sigma0(m4);
        let m20 = small_sigma1(m18) + m4 + small_sigma0(m5);
        let m21 = small_sigma1(m19) + m5 + small_sigma0(m6);
        let m22 = small_sigma1(m20) + m6 + small_sigma0(m7) + 256u;
        let m23 = small_sigma1(m21) + m16 + m7 + 0x11002000u;
        let m24 = small_sigma1(m22) + m17 + PAD;
        let m25 = small_sigma1(m23) + m18;
        let m26 = small_sigma1(m24) + m19;
        let m27 = small_sigma1(m25) + m20;
        let m28 = small_sigma1(m26) + m21;
        let m29 = small_sigma1(m27) + m22;
        let m30 = small_sigma1(m28) + m23 + 0x00400022u;
        let m31 = small_sigma1(m29) + m24 + small_sigma0(m16) + 256u;
        let m32 = small_sigma1(m30) + m25 + small_sigma0(m17) + m16;
        let m33 = small_sigma1(m31) + m26 + small_sigma0(m18) + m17;
        let m34 = small_sigma1(m32) + m27 + small_sigma0(m19) + m18;
        let m35 = small_sigma1(m33) + m28 + small_sigma0(m20) + m19;
        let m36 = small_sigma1(m34) + m29 + small_sigma0(m21) + m20;
        let m37 = small_sigma1(m35) + m30 + small_sigma0(m22) + m21;
        let m38 = small_sigma1(m36) + m31 + small_sigma0(m23) + m22;
        let m39 = small_sigma1(m37) + m32 + small_sigma0(m24) + m23;
        let m40 = small_sigma1(m38) + m33 + small_sigma0(m25) + m24;
        let m41 = small_sigma1(m39) + m34 + small_sigma0(m26) + m25;
        let m42 = small_sigma1(m40) + m35 + small_sigma0(m27) + m26;
        let m43 = small_sigma1(m41) + m36 + small_sigma0(m28) + m27;
        let m44 = small_sigma1(m42) + m37 + small_sigma0(m29) + m28;
        let m45 = small_sigma1(m43) + m38 + small_sigma0(m30) + m29;
        let m46 = small_sigma1(m44) + m39 + small_sigma0(m31) + m30;
        let m47 = small_sigma1(m45) + m40 + small_sigma0(m32) + m31;
        let m48 = small_sigma1(m46) + m41 + small_sigma0(m33) + m32;
        let m49 = small_sigma1(m47) + m42 + small_sigma0(m34) + m33;
        let m50 = small_sigma1(m48) + m43 + small_sigma0(m35) + m34;
        let m51 = small_sigma1(m49) + m44 + small_sigma0(m36) + m35;
        let m52 = small_sigma1(m50) + m45 + small_sigma0(m37) + m36;
        let m53 = small_sigma1(m51) + m46 + small_sigma0(m38) + m37;
        let m54 = small_sigma1(m52) + m47 + small_sigma0(m39) + m38;
        let m55 = small_sigma1(m53) + m48 + small_sigma0(m40) + m39;
        let m56 = small_sigma1(m54) + m49 + small_sigma0(m41) + m40;
        let m57 = small_sigma1(m55) + m50 + small_sigma0(m42) + m41;
        let m58 = small_sigma1(m56) + m51 + small_sigma0(m43) + m42;
        let m59 = small_sigma1(m57) + m52 + small_sigma0(m44) + m43;
        let m60 = small_sigma1(m58) + m53 + small_sigma0(m45) + m44;

        // Its round 0 from the initial state, with M0 left out and then added.
        s = State(
            m0 + 0xfc08884du, 0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u,
            m0 + 0x98c7e2a2u, 0x510e527fu, 0x9b05688cu, 0x1f83d9abu,
        );
        s = round(s, K[1] + m1);
        s = round(s, K[2] + m2);
        s = round(s, K[3] + m3);
        s = round(s, K[4] + m4);
        s = round(s, K[5] + m5);
        s = round(s, K[6] + m6);
        s = round(s, K[7] + m7);
        s = round(s, K[8] + PAD);
        s = round(s, K[9]);
        s = round(s, K[10]);
        s = round(s, K[11]);
        s = round(s, K[12]);
        s = round(s, K[13]);
        s = round(s, K[14]);
        s = round(s, K[15] + 256u);
        s = round(s, K[16] + m16);
        s = round(s, K[17] + m17);
        s = round(s, K[18] + m18);
        s = round(s, K[19] + m19);
        s = round(s, K[20] + m20);
        s = round(s, K[21] + m21);
        s = round(s, K[22] + m22);
        s = round(s, K[23] + m23);
        s = round(s, K[24] + m24);
        s = round(s, K[25] + m25);
        s = round(s, K[26] + m26);
        s = round(s, K[27] + m27);
        s = round(s, K[28] + m28);
        s = round(s, K[29] + m29);
        s = round(s, K[30] + m30);
        s = round(s, K[31] + m31);
        s = round(s, K[32] + m32);
        s = round(s, K[33] + m33);
        s = round(s, K[34] + m34);
        s = round(s, K[35] + m35);
        s = round(s, K[36] + m36);
        s = round(s, K[37] + m37);
        s = round(s, K[38] + m38);
        s = round(s, K[39] + m39);
        s = round(s, K[40] + m40);
        s = round(s, K[41] + m41);
        s = round(s, K[42] + m42);
        s = round(s, K[43] + m43);
        s = round(s, K[44] + m44);
        s = round(s, K[45] + m45);
        s = round(s, K[46] + m46);
        s = round(s, K[47] + m47);
        s = round(s, K[48] + m48);
        s = round(s, K[49] + m49);
        s = round(s, K[50] + m50);
        s = round(s, K[51] + m51);
        s = round(s, K[52] + m52);
        s = round(s, K[53] + m53);
        s = round(s, K[54] + m54);
        s = round(s, K[55] + m55);
        s = round(s, K[56] + m56);
        s = round_of_e(s, K[57] + m57);
        s = round_of_e(s, K[58] + m58);
        s = round_of_e(s, K[59] + m59);
        s = round_of_e(s, K[60] + m60);

        let last = s.e + 0x5be0cd19u;
        if (last & work.zeros) == 0u {
            report(last, nonce, v);
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

// FIPS 180-4 section 6.2.2, step 3, given K + W.
fn round(s: State, kw: u32) -> State {
    let t1 = sum(sum(sum(s.h, kw), choose(s.e, s.f, s.g)), big_sigma1(s.e));
    let t2 = sum(big_sigma0(s.a), majority(s.a, s.b, s.c));
    return State(sum(t1, t2), s.a, s.b, s.c, s.d + t1, s.e, s.f, s.g);
}

// A round that only e is asked of, in this and the next ones.
fn round_of_e(s: State, kw: u32) -> State {
    let t1 = sum(sum(sum(s.h, kw), choose(s.e, s.f, s.g)), big_sigma1(s.e));
    return State(s.a, s.a, s.b, s.c, s.d + t1, s.e, s.f, s.g);
}

// x + y. Of all ways to share a round's sums between the pipes this was the fastest on an H200: all of them but d + t1,
// and none of the schedule's.
fn sum(x: u32, y: u32) -> u32 {
    if MULTIPLY {
        return x * work.one + y;
    }
    return x + y;
}

// The functions of FIPS 180-4 section 4.1.2.
fn choose(x: u32, y: u32, z: u32) -> u32 {
    return z ^ (x & (y ^ z));
}

fn majority(x: u32, y: u32, z: u32) -> u32 {
    return (x & y) | (z & (x | y));
}

fn big_sigma0(x: u32) -> u32 {
    return rotr(x, 2u) ^ rotr(x, 13u) ^ rotr(x, 22u);
}

fn big_sigma1(x: u32) -> u32 {
    return rotr(x, 6u) ^ rotr(x, 11u) ^ rotr(x, 25u);
}

fn small_sigma0(x: u32) -> u32 {
    return rotr(x, 7u) ^ rotr(x, 18u) ^ (x >> 3u);
}

fn small_sigma1(x: u32) -> u32 {
    return rotr(x, 17u) ^ rotr(x, 19u) ^ (x >> 10u);
}

// Drivers make one instruction of it.
fn rotr(x: u32, n: u32) -> u32 {
    return (x >> n) | (x << (32u - n));
}

fn swap_bytes(x: u32) -> u32 {
    let pairs = ((x & 0xff00ff00u) >> 8u) | ((x & 0x00ff00ffu) << 8u);
    return rotr(pairs, 16u);
}

// The one bit that follows a message, section 5.1.1.
const PAD = 0x80000000u;

// Section 4.2.2.
const K = array<u32, 64>(
    0x428a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u, 0x3956c25bu, 0x59f111f1u, 0x923f82a4u, 0xab1c5ed5u,
    0xd807aa98u, 0x12835b01u, 0x243185beu, 0x550c7dc3u, 0x72be5d74u, 0x80deb1feu, 0x9bdc06a7u, 0xc19bf174u,
    0xe49b69c1u, 0xefbe4786u, 0x0fc19dc6u, 0x240ca1ccu, 0x2de92c6fu, 0x4a7484aau, 0x5cb0a9dcu, 0x76f988dau,
    0x983e5152u, 0xa831c66du, 0xb00327c8u, 0xbf597fc7u, 0xc6e00bf3u, 0xd5a79147u, 0x06ca6351u, 0x14292967u,
    0x27b70a85u, 0x2e1b2138u, 0x4d2c6dfcu, 0x53380d13u, 0x650a7354u, 0x766a0abbu, 0x81c2c92eu, 0x92722c85u,
    0xa2bfe8a1u, 0xa81a664bu, 0xc24b8b70u, 0xc76c51a3u, 0xd192e819u, 0xd6990624u, 0xf40e3585u, 0x106aa070u,
    0x19a4c116u, 0x1e376c08u, 0x2748774cu, 0x34b0bcb5u, 0x391c0cb3u, 0x4ed8aa4au, 0x5b9cca4fu, 0x682e6ff3u,
    0x748f82eeu, 0x78a5636fu, 0x84c87814u, 0x8cc70208u, 0x90befffau, 0xa4506cebu, 0xbef9a3f7u, 0xc67178f2u,
);
