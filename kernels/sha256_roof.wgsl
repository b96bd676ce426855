// The instructions of SHA-256 with next to nothing to wait for: what the search could do at the most.
//
// A card may have one pipe for rotations and logic and another for sums, or one for all, and a hash is bound by whichever
// takes the longest. So there are three mixtures: rotations and logic alone, two rotations and a three-input xor in a
// step; sums alone, two in a step; and both, 24 of the first to 14 of the second, as a hash has them (1,804 to 1,048).
// Eight steps in a row do not wait for each other, and every thread does 32 steps a round. Bindings: README.md.

// Threads of a workgroup.
override GROUP: u32 = 64u;
// The mixture.
override LOGIC: bool = true;
override SUMS: bool = true;
// How sums and rotations are written, as in sha256d.wgsl.
override MULTIPLIED: bool = false;
override UNIFORM_ROTATIONS: bool = false;

struct Work {
    rounds: u32,
    // 1, and 7 and 18, which no compiler knows.
    one: u32,
    first_rotation: u32,
    second_rotation: u32,
}

struct Found {
    // Written only so that the work is not left out.
    word: u32,
}

@group(0) @binding(0) var<uniform> work: Work;
@group(0) @binding(1) var<storage, read_write> found: Found;

@compute @workgroup_size(GROUP)
fn exercise(@builtin(global_invocation_id) id: vec3<u32>) {
    var a = id.x;
    var b = id.x + 1u;
    var c = id.x + 2u;
    var d = id.x + 3u;
    var e = id.x + 4u;
    var f = id.x + 5u;
    var g = id.x + 6u;
    var h = id.x + 7u;
    for (var i = 0u; i < work.rounds; i++) {
        // 32 steps.
        a = step(a, b, c); b = step(b, c, d); c = step(c, d, e); d = step_of_one(d, e, f);
        e = step(e, f, g); f = step(f, g, h); g = step(g, h, a); h = step_of_one(h, a, b);
        a = step(a, c, d); b = step(b, d, e); c = step(c, e, f); d = step_of_one(d, f, g);
        e = step(e, g, h); f = step(f, h, a); g = step(g, a, b); h = step_of_one(h, b, c);
        a = step(a, d, e); b = step(b, e, f); c = step(c, f, g); d = step_of_one(d, g, h);
        e = step(e, h, a); f = step(f, a, b); g = step(g, b, c); h = step_of_one(h, c, d);
        a = step(a, e, f); b = step(b, f, g); c = step(c, g, h); d = step_of_one(d, h, a);
        e = step(e, a, b); f = step(f, b, c); g = step(g, c, d); h = step_of_one(h, d, e);
    }
    let word = a ^ b ^ c ^ d ^ e ^ f ^ g ^ h;
    if word == 0x5a5a5a5au {
        found.word = word;
    }
}

fn step(x: u32, y: u32, z: u32) -> u32 {
    if !LOGIC {
        return sum(sum(x, y), z);
    }
    let mixed = mix(x, y, z);
    if SUMS {
        return sum(sum(mixed, x), y);
    }
    return mixed;
}

// A step with one sum, where there is anything else: two of eight make 14 sums of 16.
fn step_of_one(x: u32, y: u32, z: u32) -> u32 {
    if LOGIC && SUMS {
        return sum(mix(x, y, z), x);
    }
    return step(x, y, z);
}

fn mix(x: u32, y: u32, z: u32) -> u32 {
    return rotr(x, 7u, work.first_rotation) ^ rotr(y, 18u, work.second_rotation) ^ z;
}

fn sum(x: u32, y: u32) -> u32 {
    if MULTIPLIED {
        return x * work.one + y;
    }
    return x + y;
}

fn rotr(x: u32, n: u32, in_uniform: u32) -> u32 {
    if UNIFORM_ROTATIONS {
        return (x >> in_uniform) | (x << (32u - in_uniform));
    }
    return (x >> n) | (x << (32u - n));
}
