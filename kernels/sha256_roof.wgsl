// The instructions of SHA-256 in its mixture, with next to nothing to wait for: what the search
// could do at the most.
//
// A step is two rotations, one three-input logic operation and two additions, as a hash has them
// (about 1,190, 640 and 1,030 of them); MULTIPLY makes multiplications of the additions. Eight steps in
// a row do not wait for each other, and every thread does STEPS * rounds of them. Bindings:
// kernels/README.md.

// Threads of a workgroup.
override GROUP: u32 = 64u;
// Whether sums are multiplications by one, as in sha256d.wgsl.
override MULTIPLY: bool = false;

struct Work {
    rounds: u32,
    // 1, which the compiler must not know.
    one: u32,
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
        a = step(a, b, c); b = step(b, c, d); c = step(c, d, e); d = step(d, e, f);
        e = step(e, f, g); f = step(f, g, h); g = step(g, h, a); h = step(h, a, b);
        a = step(a, c, d); b = step(b, d, e); c = step(c, e, f); d = step(d, f, g);
        e = step(e, g, h); f = step(f, h, a); g = step(g, a, b); h = step(h, b, c);
        a = step(a, d, e); b = step(b, e, f); c = step(c, f, g); d = step(d, g, h);
        e = step(e, h, a); f = step(f, a, b); g = step(g, b, c); h = step(h, c, d);
        a = step(a, e, f); b = step(b, f, g); c = step(c, g, h); d = step(d, h, a);
        e = step(e, a, b); f = step(f, b, c); g = step(g, c, d); h = step(h, d, e);
    }
    let word = a ^ b ^ c ^ d ^ e ^ f ^ g ^ h;
    if word == 0x5a5a5a5au {
        found.word = word;
    }
}

fn step(x: u32, y: u32, z: u32) -> u32 {
    return sum(sum(rotr(x, 7u) ^ rotr(y, 18u) ^ z, x), y);
}

fn sum(x: u32, y: u32) -> u32 {
    if MULTIPLY {
        return x * work.one + y;
    }
    return x + y;
}

fn rotr(x: u32, n: u32) -> u32 {
    return (x >> n) | (x << (32u - n));
}
